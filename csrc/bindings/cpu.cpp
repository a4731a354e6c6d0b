// What there is one of in a process, whatever instruction sets are loaded: which of those that were built the
// CPU can run, and how many threads a call may use.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <string>
#include <vector>

namespace {

bool cpu_has(const std::string& isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == "avx2")
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    if (isa == "avx512")
        return cpu_has("avx2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#else
    (void)isa;
#endif
    return true;
}

std::vector<std::string> available() {
    std::vector<std::string> found;
    std::istringstream built(STEEPEST_BUILT_ISAS);
    for (std::string isa; built >> isa;)
        if (cpu_has(isa)) found.push_back(isa);
    return found;
}

std::atomic<int> num_threads{1};  // steepest/_native.py sets it when it is imported

}  // namespace

// For threadpoolctl, which looks up functions by name in the libraries of the process.
extern "C" {
__attribute__((visibility("default"))) int steepest_get_num_threads() {
    return num_threads.load(std::memory_order_relaxed);
}
__attribute__((visibility("default"))) void steepest_set_num_threads(int n) {
    num_threads.store(std::max(n, 1), std::memory_order_relaxed);
}
}

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
    m.doc() = "What the CPU can run, and on how many threads.";
    m.def("available_instruction_sets", &available);
    m.def("get_num_threads", &steepest_get_num_threads);
    m.def("set_num_threads", &steepest_set_num_threads);
}
