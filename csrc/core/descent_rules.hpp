// The rules of plain descent, momentum and Adam.
#pragma once

#include "core/optimizer_config.hpp"

namespace steepest::STEEPEST_ISA {

// x <- x - rate g
template <class T>
struct SgdRule {
    static constexpr int slots = 0;
    T rate;

    SgdRule(const OptimizerConfig&, double learning_rate, const Corrections&)
        : rate(static_cast<T>(learning_rate)) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>*) const { x = fma(splat(-rate), g, x); }
    STEEPEST_INLINE void operator()(T& x, T g) const { x = fma(-rate, g, x); }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>*) const { return splat(rate); }
};

// All three forms are v <- beta v + a g; x <- x - b v, or with Nesterov x <- x - b (beta v + a g):
// "gradient": a = 1, b = rate;  "step": a = rate, b = 1;  "average": a = 1 - beta, b = rate.
// Dampening makes a smaller after the first step.
template <class T, bool Nesterov>
struct MomentumRule {
    static constexpr int slots = 1;
    T beta, a, b, limit;

    MomentumRule(const OptimizerConfig& c, double rate, const Corrections& corrections) {
        using Velocity = OptimizerConfig::Velocity;
        beta = static_cast<T>(c.momentum);
        const double entering = c.velocity == Velocity::gradient ? 1.0
                                : c.velocity == Velocity::step   ? rate
                                                                 : 1.0 - c.momentum;
        const double share = 1.0 - c.dampening;
        a = static_cast<T>(corrections.step > 1 ? share * entering : entering);
        b = static_cast<T>(c.velocity == Velocity::step ? 1.0 : rate);
        limit = static_cast<T>(share * (c.velocity == Velocity::average ? rate : rate / (1.0 - c.momentum)));
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> scaled = a * g;
        const Vec<T> v = fma(splat(beta), slot[0], scaled);
        slot[0] = v;
        x = fma(splat(-b), Nesterov ? fma(splat(beta), v, scaled) : v, x);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>*) const { return splat(limit); }
};

// m <- b1 m + (1-b1) g; v <- b2 v + (1-b2) g^2; x <- x - rate m_hat / (sqrt(v_hat) + eps), where
// sqrt(v_hat) = sqrt(v) / sqrt(1 - b2^t). The folded form leaves sqrt(v) alone and moves the correction to
// the rate.
template <class T>
struct AdamRule {
    static constexpr int slots = 2;
    T beta_1, complement_1, beta_2, complement_2, rate, root_scale, epsilon, rate_of_limit;

    AdamRule(const OptimizerConfig& c, double learning_rate, const Corrections& corrections) {
        const double correction_1 = corrections.first, correction_2 = __builtin_sqrt(corrections.second);
        beta_1 = static_cast<T>(c.beta_1);
        complement_1 = static_cast<T>(1.0 - c.beta_1);
        beta_2 = static_cast<T>(c.beta_2);
        complement_2 = static_cast<T>(1.0 - c.beta_2);
        rate = static_cast<T>(c.epsilon_hat ? learning_rate * correction_2 / correction_1
                                            : learning_rate / correction_1);
        root_scale = static_cast<T>(c.epsilon_hat ? 1.0 : 1.0 / correction_2);
        epsilon = static_cast<T>(c.epsilon);
        rate_of_limit = static_cast<T>(c.epsilon_hat ? learning_rate * correction_2 : learning_rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> m = fma(splat(beta_1), slot[0], complement_1 * g);
        const Vec<T> v = fma(splat(beta_2), slot[1], complement_2 * g * g);
        slot[0] = m;
        slot[1] = v;
        const Vec<T> step = rate * m / fma(sqrt(v), splat(root_scale), splat(epsilon));
        x = x - (m == 0 ? Vec<T>{} : step);  // 0 / 0 where nothing has moved yet and epsilon is 0
    }
    // Of the gradients' present size: infinite where there has been none and epsilon is 0.
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const {
        return rate_of_limit / fma(sqrt(slot[1]), splat(root_scale), splat(epsilon));
    }
};

}  // namespace steepest::STEEPEST_ISA
