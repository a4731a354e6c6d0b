// Optimizers: hyper-parameters, an explicit state (the caller's slots and step count), one step in place.
//
// Each rule is written once, for a vector of parameters, and serves both a stand-alone step and the descent.
#pragma once

#include <variant>

#include "core/apply_rule.hpp"
#include "core/descent_rules.hpp"
#include "core/penalised_rule.hpp"

namespace steepest::STEEPEST_ISA {

// Any other rule than the four above, compiled once, in further_rules.cpp. The configuration is the caller's.
template <class T>
struct FurtherRule {
    const OptimizerConfig* config;
    double rate;
    Corrections corrections;

    void apply(const Penalties<T>& penalties, T* x, const T* g, T* const* slots, Index n) const;
    void unit_steps(const T* const* slots, Index n, T* to) const;
};

// The steps of parameter groups, each for its pieces.
template <class T>
struct GroupedStep {
    virtual void operator()(Index offset, Index n, const T* gradient, T l1) const = 0;
    virtual void unit_steps(Index offset, Index n, T* to) const = 0;

  protected:
    ~GroupedStep() = default;
};

// One step at the given learning rate. It is taken in pieces, in any order and by any thread, as parts of the
// gradient become known.
template <class T>
class OptimizerStep {
  public:
    OptimizerStep(const OptimizerConfig& config, double learning_rate, const Corrections& corrections, T* x,
                  T* const* slots)
        : rule_(make_rule(config, learning_rate, corrections)),
          l2_(static_cast<T>(config.l2)),
          decay_(static_cast<T>(1.0 - learning_rate * config.weight_decay)),
          weight_decay_(static_cast<T>(config.weight_decay)),
          decays_(config.weight_decay != 0 || config.l2 != 0),
          x_(x) {
        for (int s = 0; s < config.slots(); ++s) slots_[s] = slots[s];
    }

    // The steps of parameter groups, which are taken in place of this one.
    void divide_into(const GroupedStep<T>* groups) { groups_ = groups; }

    // Whether weights and biases are treated differently.
    bool decays() const { return decays_ || groups_; }

    // Moves x[offset ... offset + n) by gradient[0 ... n). L2, decoupled decay and an L1 penalty, of strength
    // l1, are for the weights of a model only.
    void operator()(Index offset, Index n, const T* gradient, bool decays, T l1 = 0) const {
        if (groups_) [[unlikely]]
            return (*groups_)(offset, n, gradient, l1);
        if (l1 != 0 || (decays && decays_)) return penalised(offset, n, gradient, decays, l1);
        with_rule(offset, [&](auto rule, T* const* slots) {
            if constexpr (std::is_same_v<decltype(rule), FurtherRule<T>>)
                rule.apply({}, x_ + offset, gradient, slots, n);
            else
                apply_rule(rule, x_ + offset, gradient, slots, n);
        });
    }

    // The steps that a constant gradient of 1 would make in the limit, at the slots as they are now; n is a
    // multiple of the lanes. 0 for rules that have none: those by the sign of the gradient, and of two
    // points.
    void unit_steps(Index offset, Index n, T* to) const {
        if (groups_) [[unlikely]]
            return groups_->unit_steps(offset, n, to);
        with_rule(offset, [&](auto rule, T* const* slots) {
            if constexpr (std::is_same_v<decltype(rule), FurtherRule<T>>)
                rule.unit_steps(slots, n, to);
            else
                write_unit_steps(rule, slots, n, to);
        });
    }
    T* parameters() const { return x_; }

    // Whether a parameter is moved by its gradient alone, so that a gradient of 0 leaves it where it is.
    bool moves_alone() const { return !decays() && std::holds_alternative<SgdRule<T>>(rule_); }
    // The same step of one parameter, if it is moved so.
    STEEPEST_INLINE void move(Index at, T gradient) const {
        (*std::get_if<SgdRule<T>>(&rule_))(x_[at], gradient);
    }

  private:
    using Rule =
        std::variant<SgdRule<T>, MomentumRule<T, false>, MomentumRule<T, true>, AdamRule<T>, FurtherRule<T>>;

    // f(rule, slots) for the parameters from `offset` on.
    template <class F>
    STEEPEST_INLINE void with_rule(Index offset, F&& f) const {
        std::visit(
            [&](auto rule) {
                T* slots[OptimizerConfig::max_slots];
                for (int s = 0; s < n_slots(rule); ++s) slots[s] = slots_[s] + offset;
                f(rule, slots);
            },
            rule_);
    }
    template <class R>
    static int n_slots(const R& rule) {
        if constexpr (std::is_same_v<R, FurtherRule<T>>)
            return rule.config->slots();
        else
            return R::slots;
    }

    // Out of line, so that steps without penalties keep their place in the instruction cache.
    [[gnu::noinline]] void penalised(Index offset, Index n, const T* gradient, bool decays, T l1) const {
        Penalties<T> penalties{l1};
        if (decays) penalties.l2 = l2_, penalties.decay = decay_, penalties.weight_decay = weight_decay_;
        with_rule(offset, [&](auto rule, T* const* slots) {
            if constexpr (std::is_same_v<decltype(rule), FurtherRule<T>>)
                rule.apply(penalties, x_ + offset, gradient, slots, n);
            else
                apply_rule(PenalisedRule<T, decltype(rule)>{rule, penalties}, x_ + offset, gradient, slots,
                           n);
        });
    }

    static Rule make_rule(const OptimizerConfig& config, double rate, const Corrections& corrections) {
        switch (config.kind) {
            case OptimizerConfig::Kind::sgd:
                return SgdRule<T>(config, rate, corrections);
            case OptimizerConfig::Kind::momentum:
                if (config.nesterov) return MomentumRule<T, true>(config, rate, corrections);
                return MomentumRule<T, false>(config, rate, corrections);
            case OptimizerConfig::Kind::adam:
                return AdamRule<T>(config, rate, corrections);
            default:
                return FurtherRule<T>{&config, rate, corrections};
        }
    }

    Rule rule_;
    T l2_, decay_, weight_decay_;
    bool decays_;
    const GroupedStep<T>* groups_ = nullptr;
    T* x_;
    T* slots_[OptimizerConfig::max_slots] = {};
};

}  // namespace steepest::STEEPEST_ISA
