// A basis as Python gives it: None for monomials, or the recurrence's coefficients (a, b, c), each (degree,).
#pragma once

#include "bindings/arrays.hpp"
#include "core/polynomial.hpp"

namespace steepest::STEEPEST_ISA {

inline PolynomialBasis basis_from(py::handle recurrence, Index degree) {
    if (recurrence.is_none()) return {};
    const auto coefficients = recurrence.cast<py::tuple>();
    for (py::handle part : coefficients)
        if (!is_array_of<double>(part) || as_array(part).size() < degree)
            throw std::invalid_argument(
                "recurrence coefficients must be float64 arrays, one entry for each degree");
    return {false, data<double>(coefficients[0]), data<double>(coefficients[1]),
            data<double>(coefficients[2])};
}

// Coefficients in double, whatever the type of the data.
template <class T>
std::vector<double> widened(py::handle theta) {
    const T* from = data<T>(theta);
    return {from, from + as_array(theta).size()};
}

}  // namespace steepest::STEEPEST_ISA
