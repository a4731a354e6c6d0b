// The combinations of a basis that are orthonormal on the data, from its moments, and the moments in them.
// The Gram matrix G = W L L^T, W the sum of the weights, has the factor of Cholesky's; rows of its inverse M
// combine the basis, in its order, into
//     q_t = sum_{s<=t} M_ts phi_s,   M G M^T = W I,
// which is Gram and Schmidt's procedure with scalar products in double-double.
#pragma once

#include "core/moments.hpp"

namespace steepest::STEEPEST_ISA {

struct Mixing {
    Index terms = 0;  // so many of the basis are determined by the data: all, or up to the first that
                      // is not
    std::vector<double> weights;  // (features, features): M, if all are
};

inline Mixing orthonormal_mixing(const Moments& m, Interrupt* interrupt) {
    const Index n = m.features;
    std::vector<DoubleDouble<>> factor(static_cast<std::size_t>(n * n)), inverse(factor.size());
    auto L = [&](Index i, Index j) -> DoubleDouble<>& { return factor[static_cast<std::size_t>(i * n + j)]; };
    auto M = [&](Index i, Index j) -> DoubleDouble<>& {
        return inverse[static_cast<std::size_t>(i * n + j)];
    };
    const auto weight = m.g(0, 0);
    for (Index i = 0; i < n; ++i) {
        if (interrupt && interrupt->tick(20.0 * static_cast<double>((i + 1) * (i + 1)))) return {};
        for (Index j = 0; j <= i; ++j) {
            auto rest = m.g(i, j) / weight;
            for (Index k = 0; k < j; ++k) rest = rest - L(i, k) * L(j, k);
            if (j < i) {
                L(i, j) = rest / L(j, j);
                continue;
            }
            // Fewer than half of a double's digits are left of what a term has of its own.
            if (!(rest.hi > 1e-20 * (m.g(i, i) / weight).hi)) return {i, {}};
            L(i, i) = sqrt(rest);
        }
        M(i, i) = DoubleDouble<>{1, 0} / L(i, i);
        for (Index j = 0; j < i; ++j) {
            DoubleDouble<> sum{};
            for (Index k = j; k < i; ++k) sum = sum + L(i, k) * M(k, j);
            M(i, j) = -(sum * M(i, i));
        }
    }
    Mixing mixing{n, {}};
    for (const auto& entry : inverse) mixing.weights.push_back(entry.hi);
    return mixing;
}

// The moments in q = M phi, for any lower triangle M (features, features).
inline Moments mixed(const Moments& m, const double* M, Interrupt* interrupt) {
    const Index n = m.features;
    Moments to = m;
    std::vector<DoubleDouble<>> column(static_cast<std::size_t>(n));  // G q_t
    for (Index t = 0; t < n; ++t) {
        if (interrupt && interrupt->tick(10.0 * static_cast<double>(2 * n * (t + 1)))) return to;
        const double* row = M + t * n;
        for (Index i = 0; i < n; ++i) {
            DoubleDouble<> sum{};
            for (Index s = 0; s <= t; ++s) sum = sum + m.g(i, s) * row[s];
            column[static_cast<std::size_t>(i)] = sum;
        }
        for (Index s = 0; s <= t; ++s) {
            DoubleDouble<> sum{};
            for (Index i = 0; i <= s; ++i) sum = sum + column[static_cast<std::size_t>(i)] * M[s * n + i];
            to.g(s, t) = to.g(t, s) = sum;
        }
        for (Index k = 0; k < m.outputs; ++k) {
            DoubleDouble<> sum{};
            for (Index s = 0; s <= t; ++s) sum = sum + m.t(k, s) * row[s];
            to.t(k, t) = sum;
        }
    }
    return to;
}

}  // namespace steepest::STEEPEST_ISA
