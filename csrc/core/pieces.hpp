// The parameters with their gradient, piece by piece, for what needs all of the gradient before a step.
#pragma once

#include <vector>

#include "core/optimizer_config.hpp"
#include "core/penalised_rule.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
struct Piece {
    T* x = nullptr;                          // (n,)
    T* g = nullptr;                          // (n,): of all but an L1 penalty
    T* slots[OptimizerConfig::max_slots]{};  // (n,) each
    Index n = 0;
    bool weights = true;  // weight decay is for them
    T l1 = 0;
    T l2 = 0;       // whose gradient is in g, but is not to be clipped
    int array = 0;  // which one it is a part of

    // What a step of gradient descent would follow: the subgradient of the least norm.
    T total(Index i) const {
        if (l1 == 0) return g[i];
        const T inside = g[i] > l1 ? l1 : g[i] < -l1 ? -l1 : g[i];
        return x[i] > 0 ? g[i] + l1 : x[i] < 0 ? g[i] - l1 : g[i] - inside;
    }
    // Of that, the sum of squares or the largest magnitude.
    double size(bool largest) const {
        if (l1 != 0) return size_of_subgradient(x, g, n, l1, largest);
        return largest ? largest_magnitude(g, n) : sum_of_squares(g, n);
    }
};

template <class T>
using Pieces = std::vector<Piece<T>>;

// The Euclidean norm of one array's gradient, or of all of it (`array` < 0); also where its square would
// overflow.
template <class T>
double norm_of(const Pieces<T>& pieces, int array = -1) {
    auto is_in = [array](const Piece<T>& piece) { return array < 0 || piece.array == array; };
    double squares = 0, largest = 0;
    for (const auto& piece : pieces)
        if (is_in(piece)) squares += piece.size(false);
    if (squares < __builtin_inf()) return __builtin_sqrt(squares);
    for (const auto& piece : pieces)
        if (is_in(piece)) largest = joined(largest, piece.size(true), true);
    if (!(largest < __builtin_inf())) return largest;
    squares = 0;
    for (const auto& piece : pieces)
        for (Index i = 0; is_in(piece) && i < piece.n; ++i) {
            const double part = static_cast<double>(piece.total(i)) / largest;
            squares += part * part;
        }
    return largest * __builtin_sqrt(squares);
}

// sum (a - b)(c - d), in double.
template <class T>
double sum_of_products(const T* a, const T* b, const T* c, const T* d, Index n) {
    return sum_wide(
        n,
        [&](Index i) {
            return (load_wide(a + i) - load_wide(b + i)) * (load_wide(c + i) - load_wide(d + i));
        },
        [&](Index i) {
            return (static_cast<double>(a[i]) - static_cast<double>(b[i])) *
                   (static_cast<double>(c[i]) - static_cast<double>(d[i]));
        });
}

template <class T>
double dot(const T* a, const T* b, Index n) {
    return sum_wide(
        n, [&](Index i) { return load_wide(a + i) * load_wide(b + i); },
        [&](Index i) { return static_cast<double>(a[i]) * static_cast<double>(b[i]); });
}

}  // namespace steepest::STEEPEST_ISA
