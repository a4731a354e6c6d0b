// Many descents of small functions: each as it is alone, on whichever thread is free.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "core/compiled_function.hpp"
#include "core/descent.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

// Where the descents start, and then where they have ended; the result is written as they end.
struct ManyDescents {
    Index count = 0, size = 0;           // descents, parameters of each
    double* x = nullptr;                 // (count, size)
    double* gradient = nullptr;          // (count, size), at x
    double* value = nullptr;             // (count,), at x
    std::vector<const double*> slots;    // of the optimizer, (count, size) each
    std::vector<DescentResult> results;  // (count,), without histories
};

// Has loss and gradient at the point that is reported: asks once more if the descent did not end there. NaN
// if it was interrupted first.
template <class Objective, class T = typename Objective::Scalar>
void require_value(Objective& objective, const Interrupt& interrupt, DescentResult& result, const T* reported,
                   T* gradient) {
    if (result.gradient_is_current) return;
    if (!interrupt.stopped()) {
        result.last.loss = objective.loss_gradient({}, reported, gradient);
        ++result.n_evaluations;
    }
    if (!interrupt.stopped()) return;
    result.last.loss = __builtin_nan("");
    std::fill_n(gradient, objective.size(), static_cast<T>(result.last.loss));
}

// The next descent for a thread that is free, and how many are on their way.
class Queue {
  public:
    explicit Queue(Index count) : count_(count) {}

    void stop() { stopped_.store(true, std::memory_order_relaxed); }
    bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

    // f(i) for one i after the other, until there are none left. What is thrown stops the others.
    template <class F>
    void work(F&& f) {
        const Guest guest(*this);
        for (;;) {
            const Index i = next_.fetch_add(1, std::memory_order_relaxed);
            if (i >= count_ || stopped()) return;
            try {
                f(i);
            } catch (...) {
                stop();
                throw;
            }
        }
    }

    // Until nobody works any more; calls poll() about every 20 ms.
    template <class F>
    void wait(F&& poll) {
        std::unique_lock lock(mutex_);
        while (!left_.wait_for(lock, std::chrono::milliseconds(20), [&] { return working_ == 0; })) {
            lock.unlock();
            poll();
            lock.lock();
        }
    }

  private:
    struct Guest {
        Queue& queue;
        explicit Guest(Queue& q) : queue(q) {
            const std::lock_guard lock(queue.mutex_);
            ++queue.working_;
        }
        ~Guest() {
            const std::lock_guard lock(queue.mutex_);
            if (--queue.working_ == 0) queue.left_.notify_all();
        }
        Guest(const Guest&) = delete;
        Guest& operator=(const Guest&) = delete;
    };

    Index count_;
    std::atomic<Index> next_{0};
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    std::condition_variable left_;
    int working_ = 0;
};

// Descents one after the other, in memory that is this thread's own.
class DescentsOfThread {
  public:
    DescentsOfThread(ManyDescents& many, const DescentConfig& config, const std::function<bool()>& has_raised)
        : many_(many), config_(config), has_raised_(has_raised), x_(many.size), gradient_(many.size) {
        for (std::size_t s = 0; s < many.slots.size(); ++s) {
            slots_[s].reserve(many.size);
            slot_pointers_[s] = slots_[s].data();
        }
    }

    void descend(Index i, const CompiledFunction& function, const std::function<bool()>& poll) {
        Interrupt interrupt(poll);
        CompiledObjective objective(function, many_.size, interrupt, has_raised_);
        read(i);
        Descent<CompiledObjective> descent(objective, config_, interrupt, no_hooks_, x_.data(),
                                           gradient_.data(), slot_pointers_);
        DescentResult result = descent.run();
        require_value(objective, interrupt, result, descent.reported(), gradient_.data());
        many_.value[i] = result.last.loss;
        write(i, descent.reported());
        many_.results[static_cast<std::size_t>(i)] = std::move(result);
    }

  private:
    std::size_t bytes() const { return static_cast<std::size_t>(many_.size) * sizeof(double); }
    void read(Index i) {
        std::memcpy(x_.data(), many_.x + i * many_.size, bytes());
        for (std::size_t s = 0; s < many_.slots.size(); ++s)
            std::memcpy(slots_[s].data(), many_.slots[s] + i * many_.size, bytes());
    }
    void write(Index i, const double* x) {
        std::memcpy(many_.x + i * many_.size, x, bytes());
        std::memcpy(many_.gradient + i * many_.size, gradient_.data(), bytes());
    }

    ManyDescents& many_;
    const DescentConfig& config_;
    const std::function<bool()>& has_raised_;
    const DescentHooks<double> no_hooks_;
    Buffer<double> x_, gradient_, slots_[OptimizerConfig::max_slots];
    double* slot_pointers_[OptimizerConfig::max_slots] = {};
};

// All of them, each on its function or all on the only one. poll() is called by the calling thread alone; a
// ThreadState is there on each thread while it works.
template <class ThreadState>
void descend(ManyDescents& many, const std::vector<CompiledFunction>& functions, const DescentConfig& config,
             const std::function<bool()>& poll, const std::function<bool()>& has_raised) {
    many.results.resize(static_cast<std::size_t>(many.count));
    for (DescentResult& result : many.results) result.status = Status::interrupted;  // until it has begun
    Queue queue(many.count);
    const auto poll_and_stop = [&] {
        if (poll()) queue.stop();
        return queue.stopped();
    };
    const auto caller = std::this_thread::get_id();
    Threads threads(many.count < config.n_threads ? static_cast<int>(many.count) : config.n_threads);
    threads.run([&](int share) {
        const bool is_caller = std::this_thread::get_id() == caller;
        std::optional<ThreadState> state;
        if (!is_caller) state.emplace();
        DescentsOfThread own(many, config, has_raised);
        const std::function<bool()> stops =
            is_caller ? std::function<bool()>(poll_and_stop) : [&] { return queue.stopped(); };
        queue.work([&](Index i) {
            own.descend(i, functions[functions.size() > 1 ? static_cast<std::size_t>(i) : 0], stops);
            if (many.results[static_cast<std::size_t>(i)].status == Status::interrupted) queue.stop();
        });
        if (share == 0) queue.wait(poll_and_stop);
    });
}

}  // namespace steepest::STEEPEST_ISA
