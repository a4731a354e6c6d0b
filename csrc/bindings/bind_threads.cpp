// The pool of threads alone, for tests and for timing it.
#include <chrono>

#include "bindings/bind.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// Shares are interleaved, so that a share that is missing or done twice is seen in the sum.
struct alignas(128) Share {
    double sum = 0;
    Index by_workers = 0;
};

}  // namespace

void bind_threads(py::module_& m) {
    Pool::of_process();  // before any thread could fork

    // Sums x n_runs times, each run shared among the threads: (sums (n_runs,), number of threads, shares that
    // workers did, seconds). Share `failing` of each run throws instead.
    m.def("sum_on_threads", [](py::object x, int n_threads, Index n_runs, int failing) {
        const double* values = data<double>(x);
        const Index n = as_array(x).size();
        py::array_t<double> sums(n_runs);
        double* sum = sums.mutable_data();
        Index by_workers = 0;
        int count = 0;
        std::chrono::duration<double> seconds{};
        {
            py::gil_scoped_release release;
            Threads threads(n_threads);
            count = threads.count();
            std::vector<Share> shares(static_cast<std::size_t>(count));
            const auto caller = std::this_thread::get_id();
            const auto start = std::chrono::steady_clock::now();
            for (Index run = 0; run < n_runs; ++run) {
                threads.run([&](int t) {
                    if (t == failing) throw std::runtime_error("share " + std::to_string(t));
                    Share& share = shares[static_cast<std::size_t>(t)];
                    share.sum = 0;
                    for (Index i = t; i < n; i += count) share.sum += values[i];
                    if (std::this_thread::get_id() != caller) ++share.by_workers;
                });
                sum[run] = 0;
                for (const Share& share : shares) sum[run] += share.sum;
            }
            seconds = std::chrono::steady_clock::now() - start;
            for (const Share& share : shares) by_workers += share.by_workers;
        }
        return py::make_tuple(sums, count, by_workers, seconds.count());
    });
}

}  // namespace steepest::STEEPEST_ISA
