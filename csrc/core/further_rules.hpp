// The rules beyond plain descent, momentum and Adam; the formulas are those of the classes in Python.
// unit_step is the step that a constant gradient of 1 makes in the limit, at the gradients' present size.
#pragma once

#include "core/optimizer_config.hpp"

namespace steepest::STEEPEST_ISA {

// a / b, and 0 where a is 0: nothing has moved there yet, and b may be 0 too.
template <class T>
STEEPEST_INLINE Vec<T> ratio(Vec<T> a, Vec<T> b) {
    return a == 0 ? Vec<T>{} : a / b;
}

// NaN is kept.
template <class T>
STEEPEST_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) {
    return a > b ? a : b;
}
template <class T>
STEEPEST_INLINE Vec<T> magnitude(Vec<T> x) {
    return x < 0 ? -x : x;
}
template <class T>
STEEPEST_INLINE Vec<T> sign(Vec<T> x) {
    return x > 0 ? splat(T(1)) : x < 0 ? splat(T(-1)) : x;
}

// A mean that forgets: decay m + (1 - decay) g.
template <class T>
struct Mean {
    T decay, complement;

    explicit Mean(double d) : decay(static_cast<T>(d)), complement(static_cast<T>(1.0 - d)) {}
    STEEPEST_INLINE Vec<T> operator()(Vec<T> mean, Vec<T> g) const {
        return fma(splat(decay), mean, complement * g);
    }
    STEEPEST_INLINE Vec<T> of_square(Vec<T> mean, Vec<T> g) const {
        return fma(splat(decay), mean, complement * g * g);
    }
};

// sqrt(v + inside) scale + outside
template <class T>
struct Root {
    T inside = 0, scale = 1, outside = 0;

    static Root with(double epsilon, bool is_inside) {
        const T e = static_cast<T>(epsilon);
        return is_inside ? Root{e, 1, 0} : Root{0, 1, e};
    }
    // Adam's: sqrt(v / correction) + epsilon, or in the folded form sqrt(v) + epsilon.
    static Root corrected(double epsilon, double correction, bool folded) {
        return {0, static_cast<T>(folded ? 1.0 : 1.0 / __builtin_sqrt(correction)), static_cast<T>(epsilon)};
    }
    STEEPEST_INLINE Vec<T> operator()(Vec<T> v) const {
        return fma(sqrt(v + inside), splat(scale), splat(outside));
    }
};

// ---------------------------------------------------------------- by the size of the gradients so far

template <class T>
struct AdagradRule {
    static constexpr int slots = 1;  // sum of squares
    T rate;
    Root<T> root;

    AdagradRule(const OptimizerConfig& c, double learning_rate, const Corrections&)
        : rate(static_cast<T>(learning_rate)), root(Root<T>::with(c.epsilon, c.epsilon_inside)) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = fma(g, g, slot[0]);
        x = x - ratio<T>(rate * g, root(slot[0]));
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return rate / root(slot[0]); }
};

template <class T>
struct AdadeltaRule {
    static constexpr int slots = 2;  // mean squares of the gradient and of the step
    T rate, epsilon;
    Mean<T> mean;

    AdadeltaRule(const OptimizerConfig& c, double learning_rate, const Corrections&)
        : rate(static_cast<T>(learning_rate)), epsilon(static_cast<T>(c.epsilon)), mean(c.rho) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = mean.of_square(slot[0], g);
        const Vec<T> step = ratio<T>(sqrt(slot[1] + epsilon) * g, sqrt(slot[0] + epsilon));
        slot[1] = mean.of_square(slot[1], step);
        x = fma(splat(-rate), step, x);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const {
        return rate * sqrt(slot[1] + epsilon) / sqrt(slot[0] + epsilon);
    }
};

template <class T, bool Centered, bool Momentum>
struct RmspropRule {
    static constexpr int slots = 1 + Centered + Momentum;  // mean square, mean, velocity
    Mean<T> mean;
    Root<T> root;
    T beta, entering, leaving, limit;

    RmspropRule(const OptimizerConfig& c, double learning_rate, const Corrections&)
        : mean(c.rho), root(Root<T>::with(c.epsilon, c.epsilon_inside)) {
        const bool of_steps = c.velocity == OptimizerConfig::Velocity::step;
        beta = static_cast<T>(c.momentum);
        entering = static_cast<T>(of_steps ? learning_rate : 1.0);
        leaving = static_cast<T>(of_steps && Momentum ? 1.0 : learning_rate);
        limit = static_cast<T>(learning_rate / (1.0 - c.momentum));
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = mean.of_square(slot[0], g);
        if constexpr (Centered) slot[1] = mean(slot[1], g);
        Vec<T> step = ratio<T>(g, denominator(slot));
        if constexpr (Momentum) step = slot[slots - 1] = fma(splat(beta), slot[slots - 1], entering * step);
        x = fma(splat(-leaving), step, x);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return limit / denominator(slot); }

  private:
    STEEPEST_INLINE Vec<T> denominator(const Vec<T>* slot) const {
        if constexpr (Centered) return root(relu(fma(-slot[1], slot[1], slot[0])));
        return root(slot[0]);
    }
};

// ---------------------------------------------------------------- Adam's kin

template <class T>
struct AmsgradRule {
    static constexpr int slots = 3;  // moments, and the largest second one
    Mean<T> first, second;
    Root<T> root;
    T rate, rate_of_limit, scale;

    AmsgradRule(const OptimizerConfig& c, double learning_rate, const Corrections& t)
        : first(c.beta_1),
          second(c.beta_2),
          root(Root<T>::corrected(c.epsilon, t.second, c.epsilon_hat || c.maximum_corrected)) {
        const double folded = c.epsilon_hat ? learning_rate * __builtin_sqrt(t.second) : learning_rate;
        rate = static_cast<T>(folded / t.first);
        rate_of_limit = static_cast<T>(folded);
        scale = static_cast<T>(c.maximum_corrected ? 1.0 / t.second : 1.0);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = first(slot[0], g);
        slot[1] = second.of_square(slot[1], g);
        slot[2] = larger<T>(slot[2], scale * slot[1]);
        x = x - ratio<T>(rate * slot[0], root(slot[2]));
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return rate_of_limit / root(slot[2]); }
};

template <class T>
struct AdamaxRule {
    static constexpr int slots = 2;  // mean, largest magnitude
    Mean<T> mean;
    T beta_2, inside, outside, rate, rate_of_limit;

    AdamaxRule(const OptimizerConfig& c, double learning_rate, const Corrections& t) : mean(c.beta_1) {
        beta_2 = static_cast<T>(c.beta_2);
        inside = static_cast<T>(c.epsilon_inside ? c.epsilon : 0.0);
        outside = static_cast<T>(c.epsilon_inside ? 0.0 : c.epsilon);
        rate = static_cast<T>(learning_rate / t.first);
        rate_of_limit = static_cast<T>(learning_rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = mean(slot[0], g);
        slot[1] = larger<T>(beta_2 * slot[1], magnitude<T>(g) + inside);
        x = x - ratio<T>(rate * slot[0], slot[1] + outside);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return rate_of_limit / (slot[1] + outside); }
};

template <class T>
struct NadamRule {
    static constexpr int slots = 2;  // moments
    Mean<T> first, second;
    Root<T> root;
    T of_mean, of_gradient, rate;

    NadamRule(const OptimizerConfig& c, double learning_rate, const Corrections& t)
        : first(c.beta_1),
          second(c.beta_2),
          root(Root<T>::corrected(c.epsilon, t.second, false)),
          rate(static_cast<T>(learning_rate)) {
        const double mu = nadam_momentum(c, t.step), next = nadam_momentum(c, t.step + 1);
        of_mean = static_cast<T>(learning_rate * next / (1.0 - t.momentum_product * next));
        of_gradient = static_cast<T>(learning_rate * (1.0 - mu) / (1.0 - t.momentum_product));
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = first(slot[0], g);
        slot[1] = second.of_square(slot[1], g);
        x = x - ratio<T>(fma(splat(of_mean), slot[0], of_gradient * g), root(slot[1]));
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return rate / root(slot[1]); }
};

template <class T>
struct RadamRule {
    static constexpr int slots = 2;  // moments
    Mean<T> first, second;
    Root<T> root;
    T rate, rate_of_limit;
    bool rectified;

    RadamRule(const OptimizerConfig& c, double learning_rate, const Corrections& t)
        : first(c.beta_1), second(c.beta_2), root(Root<T>::corrected(c.epsilon, t.second, c.epsilon_hat)) {
        const double limit = 2.0 / (1.0 - c.beta_2) - 1.0;
        const double length =
            limit - 2.0 * static_cast<double>(t.step) * (1.0 - t.second) / t.second;  // of the average
        rectified = length > c.threshold;
        double step = learning_rate;
        if (rectified) {
            step *= __builtin_sqrt((length - 4.0) * (length - 2.0) * limit /
                                   ((limit - 4.0) * (limit - 2.0) * length));
            if (c.epsilon_hat) step *= __builtin_sqrt(t.second);
        }
        rate = static_cast<T>(step / t.first);
        rate_of_limit = static_cast<T>(step);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = first(slot[0], g);
        slot[1] = second.of_square(slot[1], g);
        x = x - (rectified ? ratio<T>(rate * slot[0], root(slot[1])) : rate * slot[0]);
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const {
        return rectified ? rate_of_limit / root(slot[1]) : splat(rate_of_limit);
    }
};

template <class T>
struct AdabeliefRule {
    static constexpr int slots = 2;  // mean, and the spread around it
    Mean<T> first, second;
    Root<T> root;
    T epsilon_root, rate, rate_of_limit;

    AdabeliefRule(const OptimizerConfig& c, double learning_rate, const Corrections& t)
        : first(c.beta_1), second(c.beta_2), root(Root<T>::corrected(c.epsilon, t.second, false)) {
        epsilon_root = static_cast<T>(c.epsilon_root);
        rate = static_cast<T>(learning_rate / t.first);
        rate_of_limit = static_cast<T>(learning_rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        slot[0] = first(slot[0], g);
        slot[1] = second.of_square(slot[1], g - slot[0]) + epsilon_root;
        x = x - ratio<T>(rate * slot[0], root(slot[1]));
    }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const { return rate_of_limit / root(slot[1]); }
};

// ---------------------------------------------------------------- by the sign of the gradient

template <class T>
struct LionRule {
    static constexpr int slots = 1;  // mean
    static constexpr bool by_sign = true;
    Mean<T> in_step, kept;
    T rate;

    LionRule(const OptimizerConfig& c, double learning_rate, const Corrections&)
        : in_step(c.beta_1), kept(c.beta_2), rate(static_cast<T>(learning_rate)) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        x = x - rate * sign<T>(in_step(slot[0], g));
        slot[0] = kept(slot[0], g);
    }
};

template <class T>
struct RpropRule {
    static constexpr int slots = 2;  // last gradient, step size
    static constexpr bool by_sign = true;
    T shrink, grow, smallest, largest;

    RpropRule(const OptimizerConfig& c, double, const Corrections&)
        : shrink(static_cast<T>(c.shrink)),
          grow(static_cast<T>(c.grow)),
          smallest(static_cast<T>(c.smallest)),
          largest(static_cast<T>(c.largest)) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> agreement = sign<T>(g) * sign<T>(slot[0]);
        const Vec<T> one = splat(T(1));
        Vec<T> size = slot[1] * (agreement > 0 ? splat(grow) : agreement < 0 ? splat(shrink) : one);
        size = size < smallest ? splat(smallest) : size;
        slot[1] = size > largest ? splat(largest) : size;
        slot[0] = agreement < 0 ? Vec<T>{} : g;
        x = x - slot[1] * sign<T>(slot[0]);
    }
};

}  // namespace steepest::STEEPEST_ISA
