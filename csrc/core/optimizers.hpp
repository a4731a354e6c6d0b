// Optimizers: hyper-parameters, an explicit state (the caller's slots and step count), one step in place.
//
// Each rule is written once, for a vector of parameters, and serves both a stand-alone step and the descent.
//
// An L1 penalty l1 |x| has no gradient at 0. It is met by a proximal step behind the optimizer's,
//     x <- sign(x) max(|x| - l1 c, 0),
// where c is the step that a constant gradient of 1 makes in the limit, coordinate by coordinate. So x rests
// where 0 is in g + l1 d|x|, for every optimizer, and a weight that the penalty holds is exactly 0. While no
// sign changes, momentum with this threshold is momentum on g + l1 sign(x), begun with the velocity that
// l1 sign(x) has in the limit; Adam's is the proximal step in its own metric. Parikh and Boyd (2014),
// "Proximal algorithms"; Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for structured
// neural networks".
#pragma once

#include <variant>

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

struct OptimizerConfig {
    enum class Kind { sgd, momentum, adam };
    enum class Velocity { gradient, step, average };

    Kind kind = Kind::sgd;
    double learning_rate = 0.01;
    double momentum = 0;
    Velocity velocity = Velocity::gradient;
    bool nesterov = false;
    double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
    bool epsilon_hat = false;
    double weight_decay = 0;  // decoupled

    // 1 - beta^t, which make up for moments that start at 0.
    struct Corrections {
        double first = 1, second = 1;
    };
    Corrections corrections(Index step) const {
        return {1.0 - Powers::once(beta_1, step), 1.0 - Powers::once(beta_2, step)};
    }

    int slots() const { return kind == Kind::sgd ? 0 : kind == Kind::momentum ? 1 : 2; }
};

// x <- x - rate g
template <class T>
struct SgdRule {
    static constexpr int slots = 0;
    T rate;

    SgdRule(const OptimizerConfig&, double learning_rate) : rate(static_cast<T>(learning_rate)) {}

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>*) const { x = fma(splat(-rate), g, x); }
    STEEPEST_INLINE void operator()(T& x, T g) const { x = fma(-rate, g, x); }
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>*) const { return splat(rate); }
};

// All three forms are v <- beta v + a g; x <- x - b v, or with Nesterov x <- x - b (beta v + a g):
// "gradient": a = 1, b = rate;  "step": a = rate, b = 1;  "average": a = 1 - beta, b = rate.
template <class T, bool Nesterov>
struct MomentumRule {
    static constexpr int slots = 1;
    T beta, a, b, limit;

    MomentumRule(const OptimizerConfig& c, double rate) {
        using Velocity = OptimizerConfig::Velocity;
        beta = static_cast<T>(c.momentum);
        a = static_cast<T>(c.velocity == Velocity::gradient ? 1.0
                           : c.velocity == Velocity::step   ? rate
                                                            : 1.0 - c.momentum);
        b = static_cast<T>(c.velocity == Velocity::step ? 1.0 : rate);
        limit = static_cast<T>(c.velocity == Velocity::average ? rate : rate / (1.0 - c.momentum));
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
// the rate. Decoupled decay shrinks x first.
template <class T>
struct AdamRule {
    static constexpr int slots = 2;
    T beta_1, complement_1, beta_2, complement_2, rate, root_scale, epsilon, decay, rate_of_limit;

    AdamRule(const OptimizerConfig& c, double learning_rate, OptimizerConfig::Corrections corrections) {
        const double correction_1 = corrections.first, correction_2 = __builtin_sqrt(corrections.second);
        beta_1 = static_cast<T>(c.beta_1);
        complement_1 = static_cast<T>(1.0 - c.beta_1);
        beta_2 = static_cast<T>(c.beta_2);
        complement_2 = static_cast<T>(1.0 - c.beta_2);
        rate = static_cast<T>(c.epsilon_hat ? learning_rate * correction_2 / correction_1
                                            : learning_rate / correction_1);
        root_scale = static_cast<T>(c.epsilon_hat ? 1.0 : 1.0 / correction_2);
        epsilon = static_cast<T>(c.epsilon);
        decay = static_cast<T>(1.0 - learning_rate * c.weight_decay);
        rate_of_limit = static_cast<T>(c.epsilon_hat ? learning_rate * correction_2 : learning_rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> m = fma(splat(beta_1), slot[0], complement_1 * g);
        const Vec<T> v = fma(splat(beta_2), slot[1], complement_2 * g * g);
        slot[0] = m;
        slot[1] = v;
        const Vec<T> step = rate * m / fma(sqrt(v), splat(root_scale), splat(epsilon));
        x = decay * x - (m == 0 ? Vec<T>{} : step);  // 0 / 0 where nothing has moved yet and epsilon is 0
    }
    // Of the gradients' present size: infinite where there has been none and epsilon is 0.
    STEEPEST_INLINE Vec<T> unit_step(const Vec<T>* slot) const {
        return rate_of_limit / fma(sqrt(slot[1]), splat(root_scale), splat(epsilon));
    }
};

// sign(x) max(|x| - threshold, 0), with a zero that is positive.
template <class T>
STEEPEST_INLINE Vec<T> soft_threshold(Vec<T> x, Vec<T> threshold) {
    return x - (x > threshold ? threshold : x < -threshold ? -threshold : x);
}

// A rule and the proximal step of an L1 penalty.
template <class T, class Rule>
struct ProximalRule {
    static constexpr int slots = Rule::slots;
    Rule rule;
    T l1;

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        rule(x, g, slot);
        x = soft_threshold<T>(x, l1 * rule.unit_step(slot));
    }
};

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

// The rule on fewer entries than a vector has.
template <class T, class Rule>
void apply_rule_to_part(const Rule& rule, T* x, const T* g, T* const* slot, Index n) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    auto part = [bytes](const T* p) -> Vec<T> {
        T entries[width<T>] = {};
        std::memcpy(entries, p, bytes);
        return load(entries);
    };
    Vec<T> x_vector = part(x), slots[Rule::slots + 1];
    for (int s = 0; s < Rule::slots; ++s) slots[s] = part(slot[s]);
    rule(x_vector, part(g), slots);
    std::memcpy(x, &x_vector, bytes);
    for (int s = 0; s < Rule::slots; ++s) std::memcpy(slot[s], &slots[s], bytes);
}

template <class T, class Rule>
void apply_rule(Rule rule, T* x, const T* g, T* const* slot, Index n) {
    // From the first aligned vector on: arrays of one size usually lie alike, and then all of them are
    // aligned.
    const Index beyond = static_cast<Index>(reinterpret_cast<std::uintptr_t>(x) % vector_bytes);
    Index head = beyond == 0 ? 0 : (vector_bytes - beyond) / static_cast<Index>(sizeof(T));
    head = head < n ? head : n;
    if (head > 0) apply_rule_to_part(rule, x, g, slot, head);
    T* local[Rule::slots + 1] = {};
    for (int s = 0; s < Rule::slots; ++s) local[s] = slot[s];
    Index i = head;
    for (; i + width<T> <= n; i += width<T>) {
        Vec<T> x_vector = load(x + i), slots[Rule::slots + 1];
        for (int s = 0; s < Rule::slots; ++s) slots[s] = load(local[s] + i);
        rule(x_vector, load(g + i), slots);
        store(x + i, x_vector);
        for (int s = 0; s < Rule::slots; ++s) store(local[s] + i, slots[s]);
    }
    if (i == n) return;
    for (int s = 0; s < Rule::slots; ++s) local[s] += i;
    apply_rule_to_part(rule, x + i, g + i, local, n - i);
}

// One step at the given learning rate. It is taken in pieces, in any order and by any thread, as parts of the
// gradient become known.
template <class T>
class OptimizerStep {
  public:
    // Number `step`, counted from 1.
    OptimizerStep(const OptimizerConfig& config, double learning_rate, Index step, T* x, T* const* slots)
        : OptimizerStep(config, learning_rate,
                        config.kind == OptimizerConfig::Kind::adam ? config.corrections(step)
                                                                   : OptimizerConfig::Corrections{},
                        x, slots) {}
    OptimizerStep(const OptimizerConfig& config, double learning_rate,
                  OptimizerConfig::Corrections corrections, T* x, T* const* slots)
        : rule_(make_rule(config, learning_rate, corrections)), decays_(config.weight_decay != 0), x_(x) {
        for (int s = 0; s < config.slots(); ++s) slots_[s] = slots[s];
    }

    // Whether weights and biases are treated differently.
    bool decays() const { return decays_; }

    // Moves x[offset ... offset + n) by gradient[0 ... n). Decoupled decay and an L1 penalty, of strength l1,
    // are for the weights of a model only.
    void operator()(Index offset, Index n, const T* gradient, bool decays, T l1 = 0) const {
        if (l1 != 0) return proximal(offset, n, gradient, decays, l1);
        with_rule(offset, decays,
                  [&](auto rule, T* const* slots) { apply_rule(rule, x_ + offset, gradient, slots, n); });
    }

    // Whether a parameter is moved by its gradient alone, so that a gradient of 0 leaves it where it is.
    bool moves_alone() const { return std::holds_alternative<SgdRule<T>>(rule_); }
    // The same step of one parameter, if it is moved so.
    STEEPEST_INLINE void move(Index at, T gradient) const {
        (*std::get_if<SgdRule<T>>(&rule_))(x_[at], gradient);
    }

  private:
    using Rule = std::variant<SgdRule<T>, MomentumRule<T, false>, MomentumRule<T, true>, AdamRule<T>>;

    // f(rule, slots) for the parameters from `offset` on.
    template <class F>
    STEEPEST_INLINE void with_rule(Index offset, bool decays, F&& f) const {
        std::visit(
            [&](auto rule) {
                if constexpr (std::is_same_v<decltype(rule), AdamRule<T>>)
                    if (!decays) rule.decay = 1;
                T* slots[2];
                for (int s = 0; s < rule.slots; ++s) slots[s] = slots_[s] + offset;
                f(rule, slots);
            },
            rule_);
    }

    // Out of line, so that steps without a penalty keep their place in the instruction cache.
    [[gnu::noinline]] void proximal(Index offset, Index n, const T* gradient, bool decays, T l1) const {
        with_rule(offset, decays, [&](auto rule, T* const* slots) {
            apply_rule(ProximalRule<T, decltype(rule)>{rule, l1}, x_ + offset, gradient, slots, n);
        });
    }

    static Rule make_rule(const OptimizerConfig& config, double learning_rate,
                          OptimizerConfig::Corrections corrections) {
        switch (config.kind) {
            case OptimizerConfig::Kind::momentum:
                if (config.nesterov) return MomentumRule<T, true>(config, learning_rate);
                return MomentumRule<T, false>(config, learning_rate);
            case OptimizerConfig::Kind::adam:
                return AdamRule<T>(config, learning_rate, corrections);
            default:
                return SgdRule<T>(config, learning_rate);
        }
    }

    Rule rule_;
    bool decays_;
    T* x_;
    T* slots_[2] = {};
};

}  // namespace steepest::STEEPEST_ISA
