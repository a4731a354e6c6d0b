// Lower the learning rate when a monitored number no longer improves.
#pragma once

#include "core/stopping.hpp"

namespace steepest::STEEPEST_ISA {

struct PlateauRule {
    double factor = 0;  // 0: no such rule
    Index patience = 10, cooldown = 0;
    double relative = 1e-4, absolute = 0;
    double least = 0;  // as part of the optimizer's learning rate
    Monitor monitor = Monitor::loss;
};

struct PlateauState {
    double best = __builtin_inf();
    Index stale = 0, resting = 0;
};

// Smaller is better. An epoch improves when it is below the best so far by more than
// max(absolute, relative |best|); more than `patience` epochs in a row that don't are a plateau. Epochs of a
// cooldown are not counted.
class Plateau {
  public:
    explicit Plateau(const PlateauRule& rule, const PlateauState& state) : rule_(rule), state_(state) {}

    bool active() const { return rule_.factor > 0; }
    // Whether the rate is to fall now.
    [[gnu::noinline]] bool observe(double value) {
        const double best = state_.best, magnitude = best < 0 ? -best : best;
        const double relative = best < __builtin_inf() ? rule_.relative * magnitude : 0.0;
        const bool better = value < best - (relative > rule_.absolute ? relative : rule_.absolute);
        if (better) state_.best = value;
        state_.stale = better ? 0 : state_.stale + 1;
        if (state_.resting > 0) {
            --state_.resting;
            state_.stale = 0;
        }
        if (state_.stale <= rule_.patience) return false;
        state_.stale = 0;
        state_.resting = rule_.cooldown;
        return true;
    }
    // What is left of a rate; `whole` is the one that the descent began with.
    double lowered(double rate, double whole) const {
        const double least = rule_.least * whole, next = rate * rule_.factor;
        return next > least ? next : least < rate ? least : rate;
    }
    const PlateauState& state() const { return state_; }

  private:
    PlateauRule rule_;
    PlateauState state_;
};

}  // namespace steepest::STEEPEST_ISA
