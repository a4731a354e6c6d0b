// Asks the outside world, now and then, whether to go on. "Now and then" is measured in work, so that neither
// a million tiny steps nor one enormous one keeps the world waiting, and tiny steps don't pay for a clock.
#pragma once

#include <chrono>
#include <functional>

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

class Interrupt {
  public:
    using Clock = std::chrono::steady_clock;

    // poll() returns true to stop; it is called about every 20 ms.
    explicit Interrupt(std::function<bool()> poll)
        : poll_(std::move(poll)), start_(Clock::now()), last_poll_(start_) {}

    // Work is counted in multiply-adds, roughly. True: stop as soon as it can be done cleanly.
    bool tick(double work) {
        pending_ += work;
        if (pending_ >= work_between_clocks) look();
        return stopped_;
    }

    // Looks at the clock, and polls if it is time to: the seconds since the start.
    double look() {
        pending_ = 0;
        const auto now = Clock::now();
        if (!stopped_ && poll_ && now - last_poll_ >= std::chrono::milliseconds(20)) {
            stopped_ = poll_();
            last_poll_ = Clock::now();
        }
        return seconds_ = std::chrono::duration<double>(now - start_).count();
    }

    void stop() { stopped_ = true; }
    bool stopped() const { return stopped_; }
    // As of the last look at the clock: cheap, and late by about a millisecond.
    double recent_seconds() const { return seconds_; }
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  private:
    static constexpr double work_between_clocks = 1e6;  // under a millisecond on any machine
    std::function<bool()> poll_;
    Clock::time_point start_, last_poll_;
    double pending_ = 0, seconds_ = 0;
    bool stopped_ = false;
};

}  // namespace steepest::STEEPEST_ISA
