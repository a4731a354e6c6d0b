// Whether to share the work of a step among threads. On a quiet machine it pays; on a busy one a worker comes
// late, or is sent away in the middle of its share. Only trying tells: some steps in every round are made
// either way, and the others in the way that was faster. Results don't depend on it.
#pragma once

#include <chrono>

namespace steepest::STEEPEST_ISA {

class SharingChoice {
  public:
    // For the next step.
    bool shares() const {
        return step_ < shared_until ? true : step_ < alone_until ? false : shared_seconds_ <= alone_seconds_;
    }

    void begin() { begin_ = Clock::now(); }
    void end() {
        const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
        if (step_ >= warm_from && step_ < shared_until) shared_seconds_ += seconds;
        if (step_ >= shared_until && step_ < alone_until) alone_seconds_ += seconds;
        if (++step_ == round) *this = SharingChoice{};
    }

  private:
    using Clock = std::chrono::steady_clock;
    // Workers may have to be woken first, and the first step of all finds its memory cold.
    static constexpr int warm_from = 12, shared_until = 20, alone_until = 28, round = 1024;

    int step_ = 0;
    double shared_seconds_ = 0, alone_seconds_ = 0;
    Clock::time_point begin_;
};

}  // namespace steepest::STEEPEST_ISA
