// The threads of a descent: the caller's own, and workers that it leases from the process's pool.
//
//     Threads threads(4);
//     threads.run([&](int t) { ... share t of threads.count() ... });
//
// A run is a matter of microseconds, so a worker waits for the next one by looking at one word, for a while,
// and then sleeps. The machine may have something else to do on a worker's core: a share that its worker has
// not begun when the caller is done with its own is taken back and done by the caller. So a run never waits
// for a worker to be woken, and shares must not wait for each other.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<pthread.h>)
#include <pthread.h>
#include <signal.h>
#define STEEPEST_HAS_PTHREADS 1
#endif

namespace steepest::STEEPEST_ISA {

inline void pause_core() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");  // longer than yield, which most Arm cores take for nothing
#endif
}

// Whether the condition comes to hold within about a microsecond.
template <class F>
bool soon(F&& holds) {
    for (int look = 0; look < 64; ++look) {
        if (holds()) return true;
        pause_core();
    }
    return false;
}

// The same within the time that a thread spins before it sleeps. It is longer than what lies between two runs
// of a descent, and short beside what the system gives a thread at once.
template <class F>
bool spin_until(F&& holds) {
    using Clock = std::chrono::steady_clock;
    if (soon(holds)) return true;
    const auto end = Clock::now() + std::chrono::microseconds(100);
    do {
        if (soon(holds)) return true;
    } while (Clock::now() < end);
    return false;
}

// One thread and its mailbox. At any time one caller posts to it.
class alignas(128) Worker {  // two cache lines: the neighbouring one is prefetched
  public:
    using Job = void (*)(void* f, int share);

    // Never returns.
    void serve() {
        for (;;) {
            wait_for_job();
            do_job();
            if (state_.exchange(idle, std::memory_order_acq_rel) == awaited) wake();
        }
    }

    void post(Job job, void* f, int share) {
        job_ = job;
        f_ = f;
        share_ = share;
        if (state_.exchange(posted, std::memory_order_acq_rel) == asleep) wake();
    }

    // Returns when the job is done; false: by this thread.
    bool finish() {
        soon([&] { return state_.load(std::memory_order_relaxed) != posted; });
        int expected = posted;
        if (state_.compare_exchange_strong(expected, idle, std::memory_order_acquire)) {
            do_job();
            return false;
        }
        wait_until_done();
        return true;
    }

    // What the last job has thrown.
    std::exception_ptr take_error() { return error_ ? std::exchange(error_, nullptr) : nullptr; }

  private:
    enum State : int {
        idle,     // nothing to do: the worker looks for a job
        asleep,   // nothing to do: the worker must be woken
        posted,   // there is a job that nobody has begun
        running,  // the worker does it
        awaited,  // the worker does it, and the caller sleeps
    };

    void do_job() {
        try {
            job_(f_, share_);
        } catch (...) {
            error_ = std::current_exception();
        }
    }

    void wait_for_job() {
        for (;;) {
            int expected = posted;
            if (spin_until([&] { return state_.load(std::memory_order_relaxed) == posted; })) {
                if (state_.compare_exchange_strong(expected, running, std::memory_order_acquire)) return;
            } else {
                sleep(idle, asleep);
            }
        }
    }

    void wait_until_done() {
        const auto done = [&] { return state_.load(std::memory_order_acquire) == idle; };
        if (!spin_until(done)) sleep(running, awaited);
    }

    // Sleeps if the state is still `from`, until it is no longer `sleeping`.
    void sleep(int from, int sleeping) {
        std::unique_lock lock(mutex_);
        if (state_.compare_exchange_strong(from, sleeping, std::memory_order_acquire))
            changed_.wait(lock, [&] { return state_.load(std::memory_order_acquire) != sleeping; });
    }

    // To be called after the state has changed. Worker and caller never sleep at the same time.
    void wake() {
        {
            std::lock_guard lock(mutex_);
        }  // the sleeper is in wait, or has yet to look at the state
        changed_.notify_one();
    }

    // What is passed in a run is one cache line.
    std::atomic<int> state_{idle};
    int share_ = 0;
    Job job_ = nullptr;
    void* f_ = nullptr;
    std::exception_ptr error_;
    alignas(128) std::mutex mutex_;
    std::condition_variable changed_;
};

// All workers of the process. There are no more than one descent has wanted or than there are CPUs for:
// descents at the same time share them.
class Pool {
  public:
    static constexpr int most_workers = 255;

    // Never destroyed, as the workers are not: they live until the process ends, whatever ends it, and
    // extension modules are not unloaded. To be called once before there are threads that could fork.
    static Pool& of_process() {
        static Pool* const pool = make();
        return *pool;
    }

    // Up to n workers for one descent.
    std::vector<Worker*> lease(int n) {
        std::lock_guard lock(mutex_);
        const int most = std::min(std::max(n, spare_cpus_), most_workers);
        while (static_cast<int>(idle_.size()) < n && created_ < most && add_worker()) {
        }
        const auto taken = std::min(static_cast<std::size_t>(n), idle_.size());
        std::vector<Worker*> leased(idle_.end() - static_cast<std::ptrdiff_t>(taken), idle_.end());
        idle_.resize(idle_.size() - taken);
        return leased;
    }

    void give_back(const std::vector<Worker*>& workers) noexcept {
        std::lock_guard lock(mutex_);
        idle_.insert(idle_.end(), workers.begin(), workers.end());  // within what add_worker has reserved
    }

    // How often this process was forked from one that had the pool. A child has none of its parent's workers.
    int forks() const { return forks_; }

  private:
    static Pool* make() {
        auto* const pool = new Pool;
#if STEEPEST_HAS_PTHREADS
        pthread_atfork([] { of_process().mutex_.lock(); }, [] { of_process().mutex_.unlock(); },
                       [] { of_process().start_anew(); });
#endif
        return pool;
    }

    // In a child, whose only thread is the one that forked.
    void start_anew() {
        idle_.clear();
        created_ = 0;
        ++forks_;
        mutex_.unlock();
    }

    // False if the system has no thread to give; fewer will do.
    bool add_worker() {
        const SignalsBlocked for_the_new_thread;  // a signal such as Ctrl-C is for Python's threads
        idle_.reserve(static_cast<std::size_t>(created_) + 1);
        auto worker = std::make_unique<Worker>();
        try {
            std::thread([w = worker.get()] {
#if defined(__linux__)
                pthread_setname_np(pthread_self(), "steepest");
#endif
                w->serve();
            }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        idle_.push_back(worker.release());
        ++created_;
        return true;
    }

    struct SignalsBlocked {
#if STEEPEST_HAS_PTHREADS
        SignalsBlocked() {
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_SETMASK, &all, &before);
        }
        ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        SignalsBlocked(const SignalsBlocked&) = delete;
        SignalsBlocked& operator=(const SignalsBlocked&) = delete;
        sigset_t before;
#endif
    };

    std::mutex mutex_;  // nothing that waits for the GIL is done under it
    std::vector<Worker*> idle_;
    int created_ = 0;
    int forks_ = 0;
    const int spare_cpus_ = static_cast<int>(std::thread::hardware_concurrency()) - 1;  // -1: not known
};

class Threads {
  public:
    // Up to `wanted` threads, the caller's own included; fewer if other descents have the workers.
    explicit Threads(int wanted = 1) {
        if (wanted > 1) workers_ = Pool::of_process().lease(wanted - 1);
    }
    ~Threads() {
        if (!workers_.empty() && !forked()) Pool::of_process().give_back(workers_);
    }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    // How many shares a run has; it stays the same.
    int count() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls f(t) for t = 0 ... count() - 1, each once, at the same time if the machine can, f(0) on the
    // caller's thread. Returns when all are done. If some throw, the exception of the lowest t is thrown
    // here, when none runs any more. One f must not wait for another.
    template <class F>
    void run(F&& f) {
        using Function = std::remove_reference_t<F>;
        if (workers_.empty()) return f(0);
        run_shares([](void* g, int t) { (*static_cast<Function*>(g))(t); },
                   const_cast<std::remove_const_t<Function>*>(std::addressof(f)));
    }

  private:
    // In a child that a descent's own callback has forked, the workers are missing; it does everything
    // itself.
    bool forked() const { return Pool::of_process().forks() != forks_at_start_; }

    void run_shares(Worker::Job job, void* f) {
        if (alone_ && Clock::now() >= alone_until_) alone_ = false;
        if (alone_ || forked()) {
            for (int t = 0; t < count(); ++t) job(f, t);
            return;
        }
        std::exception_ptr error;
        bool helped = false;
        {
            const AllDone at_the_end{workers_, error, helped};  // whatever f(0) does
            for (int t = 1; t < count(); ++t) workers_[static_cast<std::size_t>(t - 1)]->post(job, f, t);
            job(f, 0);
        }
        misses_ = helped ? 0 : misses_ + 1;
        if (misses_ == 64) {
            misses_ = 0;
            alone_ = true;
            alone_until_ = Clock::now() + std::chrono::milliseconds(2);
        }
        if (error) std::rethrow_exception(error);
    }

    struct AllDone {
        const std::vector<Worker*>& workers;
        std::exception_ptr& first_error;
        bool& helped;
        ~AllDone() {
            for (Worker* worker : workers) {
                helped |= worker->finish();
                std::exception_ptr error = worker->take_error();
                if (error && !first_error) first_error = std::move(error);
            }
        }
    };

    // Where workers don't get to begin in time, the machine is busy with other things, and to post jobs and
    // take them back is a waste. After many such runs in a row, more than it takes to wake a worker, the
    // caller works alone for a while before it asks again. A while is a time, not a number of runs: long runs
    // should not wait long for help.
    using Clock = std::chrono::steady_clock;
    int misses_ = 0;
    bool alone_ = false;
    Clock::time_point alone_until_;
    std::vector<Worker*> workers_;
    int forks_at_start_ = Pool::of_process().forks();
};

}  // namespace steepest::STEEPEST_ISA
