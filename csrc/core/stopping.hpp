// Why a descent ends, and the patience that decides one of the reasons.
#pragma once

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

enum class Status {
    converged,
    no_improvement,
    max_steps,
    max_epochs,
    max_seconds,
    diverged,
    interrupted,
    callback,
    line_search
};

inline const char* name(Status status) {
    constexpr const char* names[] = {"converged", "no_improvement", "max_steps", "max_epochs", "max_seconds",
                                     "diverged",  "interrupted",    "callback",  "line_search"};
    return names[static_cast<int>(status)];
}

enum class Monitor { loss, validation_loss, validation_score };

struct StopRules {
    Index max_steps = -1;  // negative: no limit
    Index max_epochs = -1;
    double max_seconds = __builtin_inf();
    double gradient_tolerance = -1;  // negative: no such rule
    bool gradient_largest = false;   // the largest entry in place of the Euclidean norm
    Index patience = 0;              // 0: no such rule
    double absolute = 0, relative = 0;
    bool inclusive = false;  // better by exactly the margin is better (scikit-learn's reading)
    Monitor monitor = Monitor::loss;
    double data_factor = 1;     // of what is no penalty, in the loss that is monitored
    double divide_rate_by = 0;  // 0: off; otherwise exhausted patience divides the learning rate by this,
    double lowest_rate = 0;     // and only ends the descent once the rate is no longer above this
};

// Follows one number, smaller is better. An epoch improves when it is below the best so far by more than
// max(absolute, relative |best|); `patience` epochs in a row that don't are enough.
class Patience {
  public:
    explicit Patience(const StopRules& rules) : rules_(rules) {}

    void observe(double value) {
        const double magnitude = best_ < 0 ? -best_ : best_;
        const double relative = best_ < __builtin_inf() ? rules_.relative * magnitude : 0.0;
        const double margin = relative > rules_.absolute ? relative : rules_.absolute;
        const bool better = rules_.inclusive ? value <= best_ - margin : value < best_ - margin;
        stale_ = better ? 0 : stale_ + 1;
        is_best_ = value < best_;
        if (is_best_) best_ = value;
    }
    bool is_best() const { return is_best_; }  // the value just observed is the lowest so far
    bool exhausted() const { return rules_.patience > 0 && stale_ >= rules_.patience; }
    double best() const { return best_; }
    void start_over() { stale_ = 0; }
    // A descent that goes on where another ended goes on counting where it ended.
    Index stale() const { return stale_; }
    void resume(double best, Index stale) {
        best_ = best;
        stale_ = stale;
    }

  private:
    StopRules rules_;
    double best_ = __builtin_inf();
    Index stale_ = 0;
    bool is_best_ = false;
};

}  // namespace steepest::STEEPEST_ISA
