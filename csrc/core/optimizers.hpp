// Optimizers: hyper-parameters, an explicit state (the caller's slots and step count), one step in place.
//
// Each rule is written once, for a vector of parameters, and serves both a stand-alone step and the descent.
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
};

// All three forms are v <- beta v + a g; x <- x - b v, or with Nesterov x <- x - b (beta v + a g):
// "gradient": a = 1, b = rate;  "step": a = rate, b = 1;  "average": a = 1 - beta, b = rate.
template <class T, bool Nesterov>
struct MomentumRule {
    static constexpr int slots = 1;
    T beta, a, b;

    MomentumRule(const OptimizerConfig& c, double rate) {
        using Velocity = OptimizerConfig::Velocity;
        beta = static_cast<T>(c.momentum);
        a = static_cast<T>(c.velocity == Velocity::gradient ? 1.0
                           : c.velocity == Velocity::step   ? rate
                                                            : 1.0 - c.momentum);
        b = static_cast<T>(c.velocity == Velocity::step ? 1.0 : rate);
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> scaled = a * g;
        const Vec<T> v = fma(splat(beta), slot[0], scaled);
        slot[0] = v;
        x = fma(splat(-b), Nesterov ? fma(splat(beta), v, scaled) : v, x);
    }
};

// m <- b1 m + (1-b1) g; v <- b2 v + (1-b2) g^2; x <- x - rate m_hat / (sqrt(v_hat) + eps), where
// sqrt(v_hat) = sqrt(v) / sqrt(1 - b2^t). The folded form leaves sqrt(v) alone and moves the correction to
// the rate. Decoupled decay shrinks x first.
template <class T>
struct AdamRule {
    static constexpr int slots = 2;
    T beta_1, complement_1, beta_2, complement_2, rate, root_scale, epsilon, decay;

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
    }

    STEEPEST_INLINE void operator()(Vec<T>& x, Vec<T> g, Vec<T>* slot) const {
        const Vec<T> m = fma(splat(beta_1), slot[0], complement_1 * g);
        const Vec<T> v = fma(splat(beta_2), slot[1], complement_2 * g * g);
        slot[0] = m;
        slot[1] = v;
        const Vec<T> step = rate * m / fma(sqrt(v), splat(root_scale), splat(epsilon));
        x = decay * x - (m == 0 ? Vec<T>{} : step);  // 0 / 0 where nothing has moved yet and epsilon is 0
    }
};

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

    // Moves x[offset ... offset + n) by gradient[0 ... n). Decoupled decay is for the weights of a model
    // only.
    void operator()(Index offset, Index n, const T* gradient, bool decays) const {
        std::visit(
            [&](auto rule) {
                if constexpr (std::is_same_v<decltype(rule), AdamRule<T>>)
                    if (!decays) rule.decay = 1;
                T* slots[2];
                for (int s = 0; s < rule.slots; ++s) slots[s] = slots_[s] + offset;
                apply_rule(rule, x_ + offset, gradient, slots, n);
            },
            rule_);
    }

    // Whether a parameter is moved by its gradient alone, so that a gradient of 0 leaves it where it is.
    bool moves_alone() const { return std::holds_alternative<SgdRule<T>>(rule_); }
    // The same step of one parameter, if it is moved so.
    STEEPEST_INLINE void move(Index at, T gradient) const {
        (*std::get_if<SgdRule<T>>(&rule_))(x_[at], gradient);
    }

  private:
    using Rule = std::variant<SgdRule<T>, MomentumRule<T, false>, MomentumRule<T, true>, AdamRule<T>>;

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
