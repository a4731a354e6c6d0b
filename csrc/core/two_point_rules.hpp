// Rules that take the gradient at one point, y, and report another, x: Nesterov's look-ahead, and descent
// without a schedule. y is what they are given and move; x is their last slot.
#pragma once

#include "core/further_rules.hpp"
#include "core/penalised_rule.hpp"

namespace steepest::STEEPEST_ISA {

// v <- beta v + a g(y); x <- x - b v; y = x - beta b v: where the next step would go by itself. In terms of y
// it is Nesterov's step without look-ahead.
// With an L1 penalty, x <- the proximal step from y, and the velocity is that of x: FISTA with a constant
// momentum. Beck and Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm".
template <class T>
struct LookaheadRule {
    static constexpr int slots = 2;  // velocity, x
    static constexpr bool has_penalties = true;
    T beta, a, b;

    LookaheadRule(const OptimizerConfig& c, double rate, const Corrections&) {
        using Velocity = OptimizerConfig::Velocity;
        beta = static_cast<T>(c.momentum);
        a = static_cast<T>(c.velocity == Velocity::gradient ? 1.0
                           : c.velocity == Velocity::step   ? rate
                                                            : 1.0 - c.momentum);
        b = static_cast<T>(c.velocity == Velocity::step ? 1.0 : rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& y, Vec<T> g, Vec<T>* slot, const Penalties<T>& penalties) const {
        const Vec<T> start = penalties.decay * slot[1];
        Vec<T> v = fma(splat(beta), slot[0], a * g);
        Vec<T> x = fma(splat(-b), v, start);
        if (penalties.l1 != 0 && b != 0) {
            x = soft_threshold<T>(x, splat(penalties.l1 * a * b));
            v = (start - x) / b;
        }
        slot[0] = v;
        slot[1] = x;
        y = fma(splat(-beta * b), v, x);
    }
};

// What a rate counts for in the mean: t^r (the largest rate so far)^p. The rate is that of a step, warmed up.
struct ScheduleFreeWeights {
    double sum = 0, largest_rate = 0;

    static double warmed_up(const OptimizerConfig& c, double rate, Index step) {
        return step < c.warmup_steps
                   ? rate * (static_cast<double>(step) / static_cast<double>(c.warmup_steps))
                   : rate;
    }
    // With step number `step`, counted from 1.
    ScheduleFreeWeights after(const OptimizerConfig& c, double rate, Index step) const {
        const double warm = warmed_up(c, rate, step), largest = warm > largest_rate ? warm : largest_rate;
        return {sum + weight(c, largest, step), largest};
    }
    // The share of that step's point in the mean.
    double share(const OptimizerConfig& c, double rate, Index step) const {
        const ScheduleFreeWeights next = after(c, rate, step);
        return next.sum > 0 ? weight(c, next.largest_rate, step) / next.sum : 0.0;
    }

  private:
    static double weight(const OptimizerConfig& c, double largest, Index step) {
        return to_the(static_cast<double>(step), c.r) * to_the(largest, c.weight_lr_power);
    }
    static double to_the(double x, double exponent) {
        if (exponent == 0) return 1;
        if (exponent == 1) return x;
        if (exponent == 2) return x * x;
        return x == 0 ? 0.0 : exp(exponent * log(x));
    }
};

// z <- z - rate d(y); x <- x + c (z - x); y = (1 - beta) z + beta x.
template <class T>
struct ScheduleFreeStep {
    T beta, share, rate;

    ScheduleFreeStep(const OptimizerConfig& c, double learning_rate, const Corrections& t)
        : beta(static_cast<T>(c.beta_1)),
          share(static_cast<T>(t.share)),
          rate(static_cast<T>(ScheduleFreeWeights::warmed_up(c, learning_rate, t.step))) {}

    // unit: the step of z by a gradient of 1
    STEEPEST_INLINE void operator()(Vec<T>& y, Vec<T> direction, Vec<T> unit, Vec<T>& z, Vec<T>& x,
                                    const Penalties<T>& penalties) const {
        direction = fma(splat(penalties.weight_decay), y, direction);
        z = fma(splat(-rate), direction, z);
        if (penalties.l1 != 0) z = soft_threshold<T>(z, penalties.l1 * unit);
        x = fma(splat(share), z - x, x);
        y = fma(splat(beta), x - z, z);
    }
};

template <class T>
struct ScheduleFreeSgdRule {
    static constexpr int slots = 2;  // z, x
    static constexpr bool has_penalties = true;
    ScheduleFreeStep<T> step;

    ScheduleFreeSgdRule(const OptimizerConfig& c, double rate, const Corrections& t) : step(c, rate, t) {}

    STEEPEST_INLINE void operator()(Vec<T>& y, Vec<T> g, Vec<T>* slot, const Penalties<T>& penalties) const {
        step(y, g, splat(step.rate), slot[0], slot[1], penalties);
    }
};

template <class T>
struct ScheduleFreeAdamwRule {
    static constexpr int slots = 3;  // second moment, z, x
    static constexpr bool has_penalties = true;
    ScheduleFreeStep<T> step;
    Mean<T> second;
    Root<T> root;

    ScheduleFreeAdamwRule(const OptimizerConfig& c, double rate, const Corrections& t)
        : step(c, rate, t), second(c.beta_2), root(Root<T>::corrected(c.epsilon, t.second, false)) {}

    STEEPEST_INLINE void operator()(Vec<T>& y, Vec<T> g, Vec<T>* slot, const Penalties<T>& penalties) const {
        slot[0] = second.of_square(slot[0], g);
        const Vec<T> size = root(slot[0]);
        step(y, ratio<T>(g, size), step.rate / size, slot[1], slot[2], penalties);
    }
};

}  // namespace steepest::STEEPEST_ISA
