// Losses that are sums over the entries of the output. Each is a rule for one entry f of the output and its
// target y: its value, and its derivative with respect to f. A rule is written once, for vectors of floats
// and of doubles. NaN in, NaN out, of both: a comparison with NaN is false.
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

enum class Loss {
    squared,
    softmax,
    logistic,
    poisson,
    absolute,
    huber,
    quantile,
    epsilon_insensitive,
    squared_epsilon_insensitive,
    hinge,
    squared_hinge,
    modified_huber,
    perceptron
};

// A loss and the number that belongs to it: Huber's delta, the quantile, or epsilon.
struct LossConfig {
    Loss kind = Loss::squared;
    double parameter = 0;
};

// Of classes. All but the softmax have a decision for each output by itself: targets are 0 and 1, and of more
// than two classes each is told from the rest.
constexpr bool is_classification(Loss loss) {
    return loss == Loss::softmax || loss == Loss::logistic || loss >= Loss::hinge;
}

template <class V>
STEEPEST_INLINE V constant(double c) {
    return V{} + static_cast<typename VectorTraits<V>::Scalar>(c);
}
template <class V>
STEEPEST_INLINE V magnitude(V v) {
    return v < 0 ? -v : v;
}

// ---- of numbers, r = f - y

// |r|. The derivative is the sign of r, and 0 at r = 0.
struct AbsoluteError {
    template <class V>
    STEEPEST_INLINE V value(V f, V y) const {
        return magnitude(f - y);
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        const V r = f - y;
        return r > 0 ? V{} + 1 : r < 0 ? V{} - 1 : r;
    }
};

// r^2 / 2 for |r| <= delta, beyond it delta (|r| - delta / 2).
struct Huber {
    double delta;

    template <class V>
    STEEPEST_INLINE V value(V f, V y) const {
        const V r = f - y, size = magnitude(r), d = constant<V>(delta);
        return size <= d ? 0.5 * r * r : d * (size - 0.5 * d);
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        const V r = f - y, d = constant<V>(delta);
        return r > d ? d : r < -d ? -d : r;
    }
};

// (1 - q) r for r > 0, q |r| for r < 0: least at the quantile q of y. The derivative at r = 0 is 0.
struct Quantile {
    double q;

    template <class V>
    STEEPEST_INLINE V value(V f, V y) const {
        const V r = f - y;
        return r < 0 ? constant<V>(-q) * r : constant<V>(1 - q) * r;
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        const V r = f - y;
        return r > 0 ? constant<V>(1 - q) : r < 0 ? constant<V>(-q) : r;
    }
};

// max(|r| - epsilon, 0). The derivative is 0 where |r| <= epsilon, and the sign of r beyond.
struct EpsilonInsensitive {
    double epsilon;

    template <class V>
    STEEPEST_INLINE V value(V f, V y) const {
        return relu(magnitude(f - y) - constant<V>(epsilon));
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        const V r = f - y, e = constant<V>(epsilon);
        return r > e ? V{} + 1 : r < -e ? V{} - 1 : r - r;
    }
};

// max(|r| - epsilon, 0)^2.
struct SquaredEpsilonInsensitive {
    double epsilon;

    template <class V>
    STEEPEST_INLINE V value(V f, V y) const {
        const V beyond = relu(magnitude(f - y) - constant<V>(epsilon));
        return beyond * beyond;
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        const V r = f - y, e = constant<V>(epsilon);
        return r > e ? 2 * (r - e) : r < -e ? 2 * (r + e) : r - r;
    }
};

// Half the Poisson deviance from the logarithm f of the mean: y log y - y - y f + exp(f), where 0 log 0 = 0.
struct Poisson {
    STEEPEST_INLINE Vec<double> value(Vec<double> f, Vec<double> y) const {
        const auto counts = y >= 2.2250738585072014e-308;  // the log of less than a normal number isn't there
        const Vec<double> entropy = counts ? y * log_of_normal(counts ? y : splat(1.0)) : 0 * y;
        return entropy - y - y * f + exp(f);
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V y) const {
        return exp(f) - y;
    }
};

// ---- of classes, from the target t = 0 or 1

// Binary cross-entropy from the logit: max(f, 0) - f t + log(1 + exp(-|f|)); t may be a probability.
struct LogisticCrossEntropy {
    STEEPEST_INLINE Vec<double> value(Vec<double> f, Vec<double> t) const {
        return relu(f) - f * t + log1p_unit(exp(-magnitude(f)));
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V t) const {
        return logistic(f) - t;
    }
};

// The others are functions of the margin m = s f, s = 2 t - 1 = -1 or 1; their derivatives are s dl/dm.

// max(threshold - m, 0): the hinge with the threshold 1, the perceptron's loss with 0. dl/dm = -1 at the kink
// as below it: a perceptron that starts from 0 would not move otherwise.
struct Hinge {
    double threshold;

    template <class V>
    STEEPEST_INLINE V value(V f, V t) const {
        return relu(constant<V>(threshold) - (2 * t - 1) * f);
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V t) const {
        const V s = 2 * t - 1, m = s * f, kink = constant<V>(threshold);
        return m > kink ? V{} : m <= kink ? -s : m;
    }
};

// max(1 - m, 0)^2.
struct SquaredHinge {
    template <class V>
    STEEPEST_INLINE V value(V f, V t) const {
        const V missing = relu(1 - (2 * t - 1) * f);
        return missing * missing;
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V t) const {
        const V s = 2 * t - 1;
        return -2 * s * relu(1 - s * f);
    }
};

// max(1 - m, 0)^2 for m >= -1, below it its tangent -4 m.
struct ModifiedHuber {
    template <class V>
    STEEPEST_INLINE V value(V f, V t) const {
        const V m = (2 * t - 1) * f, missing = relu(1 - m);
        return m < -1 ? -4 * m : missing * missing;
    }
    template <class V>
    STEEPEST_INLINE V derivative(V f, V t) const {
        const V s = 2 * t - 1, m = s * f;
        return m < -1 ? -4 * s : -2 * s * relu(1 - m);
    }
};

// Calls f with the rule of a loss: one branch, then code that knows it. The squared error and the softmax,
// which have code of their own, have none here.
template <class F>
STEEPEST_INLINE void with_rule(LossConfig loss, F&& f) {
    switch (loss.kind) {
        case Loss::squared:
        case Loss::softmax:
            return;
        case Loss::logistic:
            return f(LogisticCrossEntropy{});
        case Loss::poisson:
            return f(Poisson{});
        case Loss::absolute:
            return f(AbsoluteError{});
        case Loss::huber:
            return f(Huber{loss.parameter});
        case Loss::quantile:
            return f(Quantile{loss.parameter});
        case Loss::epsilon_insensitive:
            return f(EpsilonInsensitive{loss.parameter});
        case Loss::squared_epsilon_insensitive:
            return f(SquaredEpsilonInsensitive{loss.parameter});
        case Loss::hinge:
            return f(Hinge{1});
        case Loss::squared_hinge:
            return f(SquaredHinge{});
        case Loss::modified_huber:
            return f(ModifiedHuber{});
        case Loss::perceptron:
            return f(Hinge{0});
    }
}

}  // namespace steepest::STEEPEST_ISA
