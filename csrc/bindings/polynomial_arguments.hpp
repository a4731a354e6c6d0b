// A polynomial's coefficients as Python gives them.
#pragma once

#include "bindings/arrays.hpp"
#include "core/polynomial.hpp"

namespace steepest::STEEPEST_ISA {

// Coefficients in double, whatever the type of the data.
template <class T>
std::vector<double> widened(py::handle theta) {
    const T* from = data<T>(theta);
    return {from, from + as_array(theta).size()};
}

}  // namespace steepest::STEEPEST_ISA
