// The functions of steepest.functions, to be descended without Python.
#pragma once

#include <cstdint>
#include <string>

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

// Value and gradient at x (n,); `data` are the function's parameters.
using TestFunction = double (*)(std::int64_t n, const double* x, double* gradient, void* data);

// By its name there; nullptr if there is none.
TestFunction test_function(const std::string& name);

}  // namespace steepest::STEEPEST_ISA
