// The pool of threads by itself, for tests and for timing it.
#include <chrono>

#include "bindings/bind.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

struct alignas(128) Share {
    double sum = 0;
    Index by_worker = 0;
};

// Sums x n_runs times: (sums (n_runs,), shares that workers did, seconds). Shares are interleaved, so that
// one that is missing or done twice is seen. Share `failing` of each run throws instead.
py::tuple sums(Threads& threads, const py::object& x, Index n_runs, int failing) {
    const double* values = data<double>(x);
    const Index n = as_array(x).size();
    auto sums = new_array<double>({n_runs});
    double* sum = sums.mutable_data();
    std::vector<Share> shares(static_cast<std::size_t>(threads.count()));
    std::chrono::duration<double> seconds{};
    {
        py::gil_scoped_release release;
        const auto caller = std::this_thread::get_id();
        const auto start = std::chrono::steady_clock::now();
        for (Index run = 0; run < n_runs; ++run) {
            threads.run([&](int t) {
                if (t == failing) throw std::runtime_error("share " + std::to_string(t));
                Share& share = shares[static_cast<std::size_t>(t)];
                share.sum = 0;
                for (Index i = t; i < n; i += threads.count()) share.sum += values[i];
                if (std::this_thread::get_id() != caller) ++share.by_worker;
            });
            sum[run] = 0;
            for (const Share& share : shares) sum[run] += share.sum;
        }
        seconds = std::chrono::steady_clock::now() - start;
    }
    Index by_workers = 0;
    for (const Share& share : shares) by_workers += share.by_worker;
    return py::make_tuple(sums, by_workers, seconds.count());
}

}  // namespace

void bind_threads(py::module_& m) {
    Pool::of_process();  // before any thread could fork

    py::class_<Threads>(m, "Threads", py::module_local())
        .def(py::init<int>())
        .def("count", &Threads::count)
        .def("sums", &sums);
}

}  // namespace steepest::STEEPEST_ISA
