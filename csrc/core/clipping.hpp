// Gradients that are too large are cut off, entry by entry, or scaled down to a norm.
//
// With an L1 penalty it is the subgradient of the least norm, s, that is clipped, and the optimizer is given
// g + clip(s) - s, on which its proximal step does the rest: so 0 in g + l1 d|x| stays where it was.
#pragma once

#include "core/pieces.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
void clip_entries(const Piece<T>& piece, T limit) {
    T* g = piece.g;
    auto cut_off = [limit](T s) { return s > limit ? limit : s < -limit ? -limit : s; };
    if (piece.l1 == 0)
        for (Index i = 0; i < piece.n; ++i) g[i] = cut_off(g[i]);
    for (Index i = 0; piece.l1 != 0 && i < piece.n; ++i) {
        const T s = piece.total(i);
        g[i] += cut_off(s) - s;
    }
}

template <class T>
void scale_gradient(const Piece<T>& piece, T factor) {
    T* g = piece.g;
    if (piece.l1 == 0)
        for (Index i = 0; i < piece.n; ++i) g[i] *= factor;
    for (Index i = 0; piece.l1 != 0 && i < piece.n; ++i) g[i] = fma(factor - T(1), piece.total(i), g[i]);
}

// Of one array, or of all (`array` < 0).
template <class T>
void clip_to_norm(Pieces<T>& pieces, double limit, int array) {
    const double norm = norm_of(pieces, array);
    if (!(norm > limit)) return;
    for (const auto& piece : pieces)
        if (array < 0 || piece.array == array) scale_gradient(piece, static_cast<T>(limit / norm));
}

// The gradient of an l2 of the optimizer's is added again behind the clip, as torch has it.
template <class T>
void add_l2(const Pieces<T>& pieces, T times) {
    for (const auto& piece : pieces)
        for (Index i = 0; piece.l2 != 0 && i < piece.n; ++i)
            piece.g[i] = fma(times * piece.l2, piece.x[i], piece.g[i]);
}

template <class T>
void clip(const OptimizerConfig& config, Pieces<T>& pieces) {
    constexpr double none = __builtin_inf();
    if (!config.clips()) return;
    add_l2(pieces, T(-1));
    if (config.clip_value < none)
        for (const auto& piece : pieces) clip_entries(piece, static_cast<T>(config.clip_value));
    int arrays = 0;
    for (const auto& piece : pieces) arrays = piece.array < arrays ? arrays : piece.array + 1;
    for (int a = 0; config.clip_norm < none && a < arrays; ++a) clip_to_norm(pieces, config.clip_norm, a);
    if (config.clip_global_norm < none) clip_to_norm(pieces, config.clip_global_norm, -1);
    add_l2(pieces, T(1));
}

}  // namespace steepest::STEEPEST_ISA
