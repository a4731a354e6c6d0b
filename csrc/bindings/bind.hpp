// One bind function for each subject; module.cpp calls them.
#pragma once

#include "bindings/arrays.hpp"

namespace steepest::STEEPEST_ISA {

void bind_losses(py::module_& m);
void bind_linear(py::module_& m);
void bind_polynomial(py::module_& m);
void bind_network(py::module_& m);
void bind_prediction(py::module_& m);
void bind_optimizers(py::module_& m);
void bind_random(py::module_& m);
void bind_moments(py::module_&);
void bind_descent(py::module_& m);
void bind_minimize(py::module_& m);
void bind_threads(py::module_& m);

}  // namespace steepest::STEEPEST_ISA
