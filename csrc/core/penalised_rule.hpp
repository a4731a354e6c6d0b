// What is done to a model's weights beside the optimizer's rule: L2 penalties, decay, and L1 penalties.
//
// An L1 penalty l1 |x| has no gradient at 0. It is met by a proximal step behind the optimizer's,
//     x <- sign(x) max(|x| - l1 c, 0),
// where c is the step that a constant gradient of 1 makes in the limit, coordinate by coordinate. So x rests
// where 0 is in g + l1 d|x|, for every optimizer, and a weight that the penalty holds is exactly 0. While no
// sign changes, momentum with this threshold is momentum on g + l1 sign(x), begun with the velocity that
// l1 sign(x) has in the limit; Adam's is the proximal step in its own metric. Parikh and Boyd (2014),
// "Proximal algorithms"; Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for structured
// neural networks".
//
// Rules by the sign of the gradient have no such limit. They see the least subgradient instead, and what
// would leave its orthant becomes 0. Andrew and Gao (2007), "Scalable training of L1-regularized log-linear
// models".
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

// sign(x) max(|x| - threshold, 0), with a zero that is positive.
template <class T>
STEEPEST_INLINE Vec<T> soft_threshold(Vec<T> x, Vec<T> threshold) {
    return x - (x > threshold ? threshold : x < -threshold ? -threshold : x);
}

// The strengths of one step.
template <class T>
struct Penalties {
    T l1 = 0;            // proximal
    T l2 = 0;            // coupled: l2 x is added to the gradient
    T decay = 1;         // decoupled: x is multiplied by it before the step
    T weight_decay = 0;  // the same for rules that decay elsewhere, not multiplied by a rate
};

// The subgradient of the least norm of a function with gradient g, plus l1 |x|.
template <class T>
STEEPEST_INLINE Vec<T> least_subgradient(Vec<T> x, Vec<T> g, T l1) {
    const Vec<T> rest = soft_threshold<T>(g, splat(l1));
    return x > 0 ? g + l1 : x < 0 ? g - l1 : rest;
}

// A rule and everything beside it. The strengths are the same for all vectors, so the branches cost nothing.
template <class T, class Rule>
struct PenalisedRule {
    static constexpr int slots = Rule::slots;
    static constexpr bool by_sign = requires { Rule::by_sign; };
    Rule rule;
    Penalties<T> penalties;

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const auto [l1, l2, decay, weight_decay] = penalties;
        if (l2 != 0) g = fma(splat(l2), x, g);
        if constexpr (requires { Rule::has_penalties; }) {
            rule(x, g, slot, penalties);
        } else if constexpr (by_sign) {
            const Vec<T> start = x;
            if (l1 != 0) g = least_subgradient<T>(start, g, l1);
            x = decay * x;
            rule(x, g, slot);
            if (l1 == 0) return;
            const Vec<T> orthant = start == 0 ? -g : start;
            x = (orthant > 0 ? x : -x) < 0 ? Vec<T>{} : x;
            x = orthant == 0 ? Vec<T>{} : x;
        } else {
            x = decay * x;
            rule(x, g, slot);
            if (l1 != 0) x = soft_threshold<T>(x, l1 * rule.unit_step(slot));
        }
    }
};

// rule.unit_step of n parameters, a multiple of the lanes.
template <class T, class Rule>
void write_unit_steps(const Rule& rule, const T* const* slots, Index n, T* to) {
    for (Index i = 0; i < n; i += width<T>) {
        Vec<T> slot[Rule::slots + 1];
        for (int s = 0; s < Rule::slots; ++s) slot[s] = load(slots[s] + i);
        if constexpr (requires { rule.unit_step(slot); })
            store(to + i, rule.unit_step(slot));
        else
            store(to + i, Vec<T>{});
    }
}

// What of a gradient g, that of everything but an L1 penalty, is left with the penalty: the subgradient of
// the least norm, which is 0 at a minimum and nowhere else.
template <class T>
void least_subgradient(const T* x, const T* g, Index n, T l1, T* result) {
    for (Index i = 0; i < n; ++i) {
        const T inside = g[i] > l1 ? l1 : g[i] < -l1 ? -l1 : g[i];
        result[i] = x[i] > 0 ? g[i] + l1 : x[i] < 0 ? g[i] - l1 : g[i] - inside;
    }
}

// Of it, the sum of squares or the largest magnitude.
template <class T>
double size_of_subgradient(const T* x, const T* g, Index n, T l1, bool largest) {
    constexpr Index block = 256;
    T part[block];
    double size = 0;
    for (Index first = 0; first < n; first += block) {
        const Index count = n - first < block ? n - first : block;
        least_subgradient(x + first, g + first, count, l1, part);
        size = joined(size, largest ? largest_magnitude(part, count) : sum_of_squares(part, count), largest);
    }
    return size;
}

}  // namespace steepest::STEEPEST_ISA
