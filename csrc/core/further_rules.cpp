// The loops of the rules in further_rules.hpp.
#include "core/further_rules.hpp"

#include "core/optimizers.hpp"
#include "core/two_point_rules.hpp"

namespace steepest::STEEPEST_ISA {

// with<Rule>() for the rule that the configuration names.
template <class T, class F>
void with_further_rule(const OptimizerConfig* config, F&& with) {
    using Kind = OptimizerConfig::Kind;
    auto rmsprop = [&]<bool Centered>() {
        if (config->keeps_velocity)
            with.template operator()<RmspropRule<T, Centered, true>>();
        else
            with.template operator()<RmspropRule<T, Centered, false>>();
    };
    switch (config->kind) {
        case Kind::adagrad:
            return with.template operator()<AdagradRule<T>>();
        case Kind::adadelta:
            return with.template operator()<AdadeltaRule<T>>();
        case Kind::rmsprop:
            return config->centered ? rmsprop.template operator()<true>()
                                    : rmsprop.template operator()<false>();
        case Kind::amsgrad:
            return with.template operator()<AmsgradRule<T>>();
        case Kind::adamax:
            return with.template operator()<AdamaxRule<T>>();
        case Kind::nadam:
            return with.template operator()<NadamRule<T>>();
        case Kind::radam:
            return with.template operator()<RadamRule<T>>();
        case Kind::adabelief:
            return with.template operator()<AdabeliefRule<T>>();
        case Kind::lion:
            return with.template operator()<LionRule<T>>();
        case Kind::rprop:
            return with.template operator()<RpropRule<T>>();
        case Kind::lookahead:
            return with.template operator()<LookaheadRule<T>>();
        case Kind::schedule_free_sgd:
            return with.template operator()<ScheduleFreeSgdRule<T>>();
        case Kind::schedule_free_adamw:
            return with.template operator()<ScheduleFreeAdamwRule<T>>();
        default:
            break;  // OptimizerStep has the others
    }
}

template <class T>
void FurtherRule<T>::apply(const Penalties<T>& penalties, T* x, const T* g, T* const* slots, Index n) const {
    with_further_rule<T>(config, [&]<class Rule>() {
        apply_rule(PenalisedRule<T, Rule>{Rule(*config, rate, corrections), penalties}, x, g, slots, n);
    });
}

template <class T>
void FurtherRule<T>::unit_steps(const T* const* slots, Index n, T* to) const {
    with_further_rule<T>(
        config, [&]<class Rule>() { write_unit_steps(Rule(*config, rate, corrections), slots, n, to); });
}

template struct FurtherRule<float>;
template struct FurtherRule<double>;

}  // namespace steepest::STEEPEST_ISA
