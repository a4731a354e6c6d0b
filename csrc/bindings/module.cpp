// Table of contents of one extension module: the core and its bindings for one instruction set.
#include "bindings/bind.hpp"

#define STEEPEST_TEXT_(x) #x
#define STEEPEST_TEXT(x) STEEPEST_TEXT_(x)
#define STEEPEST_JOIN_(a, b) a##b
#define STEEPEST_JOIN(a, b) STEEPEST_JOIN_(a, b)

namespace steepest::STEEPEST_ISA {

static py::dict build_info() {
    py::dict info;
    info["version"] = STEEPEST_VERSION;
#if defined(__clang__)
    info["compiler"] = "Clang " __clang_version__;
#else
    info["compiler"] = "GCC " __VERSION__;
#endif
    info["flags"] = STEEPEST_COMPILE_FLAGS;
    info["instruction_set"] = STEEPEST_TEXT(STEEPEST_ISA);
    info["vector_bytes"] = vector_bytes;
    info["fused_multiply_add"] = has_fma;
#if defined(NDEBUG)
    info["assertions"] = false;
#else
    info["assertions"] = true;
#endif
    return info;
}

static void bind_all(py::module_& m) {
    m.def("build_info", &build_info);
    bind_losses(m);
    bind_linear(m);
    bind_polynomial(m);
    bind_network(m);
    bind_prediction(m);
    bind_optimizers(m);
    bind_random(m);
    bind_moments(m);
    bind_descent(m);
    bind_minimize(m);
    bind_threads(m);
}

}  // namespace steepest::STEEPEST_ISA

PYBIND11_MODULE(STEEPEST_JOIN(_core_, STEEPEST_ISA), m, pybind11::mod_gil_not_used()) {
    m.doc() =
        "The compiled core of steepest for one instruction set. Private: use steepest.kernels and the "
        "estimators.";
    steepest::STEEPEST_ISA::bind_all(m);
}
