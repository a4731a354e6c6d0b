// Prodigy: Adam whose rate is an estimate d of the distance to the solution, which only grows; the formulas
// are those of the class in Python. Mishchenko and Defazio (2024), "Prodigy: an expeditiously adaptive
// parameter-free learner".
#pragma once

#include "core/apply_rule.hpp"
#include "core/pieces.hpp"

namespace steepest::STEEPEST_ISA {

// m <- b1 m + (1-b1) d g; v <- b2 v + (1-b2) (d g)^2; s <- b3 s + (d / d0) d rate g; x stays.
template <class T>
struct ProdigyMoments {
    static constexpr int slots = 3;
    T beta_1, entering_1, beta_2, entering_2, beta_3, entering_3;

    STEEPEST_INLINE void operator()(Vec<T>&, Vec<T> g, Vec<T>* slot) const {
        slot[0] = fma(splat(beta_1), slot[0], entering_1 * g);
        slot[1] = fma(splat(beta_2), slot[1], entering_2 * g * g);
        slot[2] = fma(splat(beta_3), slot[2], entering_3 * g);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>*) const { return Vec<T>{}; }
};

// x <- x - rate m / (sqrt(v) + epsilon)
template <class T>
struct ProdigyMove {
    static constexpr int slots = 3;
    T rate, epsilon, scale;

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T>, Vec<T>* slot) const {
        const Vec<T> step = rate * slot[0] / (sqrt(slot[1]) + epsilon);
        x = x - (slot[0] == 0 ? Vec<T>{} : step);
    }
    // A gradient of 1 is `scale` in the mean.
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const {
        return rate * scale / (sqrt(slot[1]) + epsilon);
    }
};

// One step. `scalars`: d, the largest estimate so far, and the weighted numerator of the next; all 0 before
// the first step. The last slot is where the descent began.
template <class T>
void prodigy_step(const OptimizerConfig& c, double rate, const Corrections& t, const Pieces<T>& pieces,
                  double* scalars) {
    double &d = scalars[0], &d_max = scalars[1], &numerator = scalars[2];
    if (d == 0) d = d_max = c.initial_d;
    if (rate == 0) return;
    const double correction = c.bias_correction ? __builtin_sqrt(t.second) / t.first : 1.0;
    const double step = d * rate * correction, unit = d / c.initial_d, before = d;
    const double beta_3 = c.beta_3 ? *c.beta_3 : __builtin_sqrt(c.beta_2);
    const ProdigyMoments<T> moments{
        static_cast<T>(c.beta_1), static_cast<T>(d * (1.0 - c.beta_1)),
        static_cast<T>(c.beta_2), static_cast<T>(d * d * (1.0 - c.beta_2)),
        static_cast<T>(beta_3),   static_cast<T>(unit * (c.safeguard_warmup ? d : step))};
    double along = 0, magnitudes = 0;
    for (const auto& [x, g, slots, n, weights, l1, clipped_apart, array] : pieces) {
        const double l2 = weights ? c.l2 : 0.0;
        along += sum_wide(
            n,
            [&](Index i) {
                const auto at = load_wide(x + i);
                return (load_wide(g + i) + l2 * at) * (load_wide(slots[3] + i) - at);
            },
            [&](Index i) {
                const double at = static_cast<double>(x[i]);
                return (static_cast<double>(g[i]) + l2 * at) * (static_cast<double>(slots[3][i]) - at);
            });
        apply_rule(PenalisedRule<T, ProdigyMoments<T>>{moments, {0, static_cast<T>(l2), 1}}, x, g, slots, n);
        magnitudes += sum_of_magnitudes(slots[2], n);
    }
    if (magnitudes == 0) return;
    numerator = beta_3 * numerator + unit * step * along;
    const double estimate = c.coefficient * numerator / magnitudes;
    if (d == c.initial_d && estimate > d) d = estimate;
    if (estimate > d_max) d_max = estimate;
    const double grown = d * c.growth_rate;
    d = d_max < grown ? d_max : grown;
    const ProdigyMove<T> move{static_cast<T>(step), static_cast<T>(d * c.epsilon), static_cast<T>(before)};
    const T decay = static_cast<T>(1.0 - step * c.weight_decay);
    for (const auto& piece : pieces) {
        const Penalties<T> penalties{piece.l1, 0, piece.weights ? decay : T(1)};
        apply_rule(PenalisedRule<T, ProdigyMove<T>>{move, penalties}, piece.x, piece.g, piece.slots, piece.n);
    }
}

}  // namespace steepest::STEEPEST_ISA
