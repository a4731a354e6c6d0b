// Step lengths that follow from what is known at a point: Polyak's, and Barzilai and Borwein's.
#pragma once

#include "core/pieces.hpp"

namespace steepest::STEEPEST_ISA {

// rate (J - f_min) / (||g||^2 + epsilon), not negative and at most `largest`; 0 where the gradient is.
template <class T>
double polyak_length(const OptimizerConfig& c, const Pieces<T>& pieces, double loss, double rate) {
    const double norm = norm_of(pieces), square = norm * norm + c.epsilon;
    const double gap = loss - c.f_min;
    if (!(gap > 0) || !(square > 0)) return gap == gap && square == square ? 0.0 : gap + square;
    const double length = gap / square;
    return rate * (length < c.largest ? length : c.largest);
}

// With s and y the differences of the last two points and gradients, which are in the slots: long s.s / s.y,
// short s.y / y.y. The first step has the given rate, and one from which the curvature was not positive that
// of the last; scalar 0 is the last length.
template <class T>
double barzilai_borwein_length(const OptimizerConfig& c, const Pieces<T>& pieces, Index step, double rate,
                               const double* scalars) {
    if (scalars[0] == 0) return rate;
    double ss = 0, sy = 0, yy = 0;
    for (const auto& [x, g, slots, n, weights, l1, l2, array] : pieces) {
        ss += sum_of_products(x, slots[0], x, slots[0], n);
        sy += sum_of_products(x, slots[0], g, slots[1], n);
        yy += sum_of_products(g, slots[1], g, slots[1], n);
    }
    if (!(sy > 0)) return scalars[0];
    using Form = OptimizerConfig::Form;
    const bool is_long = c.form == Form::long_step || (c.form == Form::alternating && step % 2 == 0);
    const double length = is_long ? ss / sy : sy / yy;
    return length < c.smallest ? c.smallest : length > c.largest ? c.largest : length;
}

// What the next length is made of.
template <class T>
void remember_point(const Pieces<T>& pieces, double length, double* scalars) {
    for (const auto& piece : pieces) {
        const auto bytes = static_cast<std::size_t>(piece.n) * sizeof(T);
        std::memcpy(piece.slots[0], piece.x, bytes);
        std::memcpy(piece.slots[1], piece.g, bytes);
    }
    scalars[0] = length;
}

}  // namespace steepest::STEEPEST_ISA
