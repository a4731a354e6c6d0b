// Asks the CPU which of the instruction sets that were built it can run, best last.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

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

}  // namespace

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
    m.doc() = "What the CPU can run.";
    m.def("available_instruction_sets", &available);
}
