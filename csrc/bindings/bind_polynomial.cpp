#include "bindings/bind.hpp"
#include "bindings/polynomial_arguments.hpp"
#include "core/polynomial_objective.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

py::object predict(py::object theta, py::object x, py::object recurrence) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const py::array coefficients = as_array(theta), points = as_array(x);
            if (coefficients.ndim() != 1 || points.ndim() != 1 || coefficients.size() == 0)
                return not_implemented();
            const Index degree = coefficients.size() - 1, n = points.size();
            const PolynomialBasis basis = basis_from(recurrence, degree);
            const std::vector<double> wide = widened<T>(theta);
            auto prediction = new_array<T>({n});
            const T* from = data<T>(x);
            T* f = prediction.mutable_data();
            {
                ReleaseGil release(n * (degree + 1));
                polynomial_predict(basis, degree, wide.data(), from, n, f);
            }
            return prediction;
        },
        theta, x);
}

py::object loss_gradient(py::object theta, py::object x, py::object y, py::object recurrence) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const py::array coefficients = as_array(theta), points = as_array(x), targets = as_array(y);
            if (coefficients.ndim() != 1 || points.ndim() != 1 || targets.ndim() != 1 ||
                coefficients.size() == 0 || points.size() == 0 || points.size() != targets.size())
                return not_implemented();
            const Index degree = coefficients.size() - 1, n = points.size();
            const PolynomialBasis basis = basis_from(recurrence, degree);
            const std::vector<double> wide = widened<T>(theta);
            auto gradient = new_array<T>({degree + 1});
            const T *from = data<T>(x), *to = data<T>(y);
            T* d = gradient.mutable_data();
            double loss;
            {
                ReleaseGil release(n * (degree + 1));
                std::vector<double> wide_gradient(wide.size());
                PolynomialObjective<T> objective(basis, degree, {from, n}, to, nullptr, 0.0, 0.0, nullptr);
                loss = objective.loss_gradient(Rows{nullptr, 0, n}, wide.data(), wide_gradient.data());
                for (std::size_t k = 0; k < wide.size(); ++k) d[k] = static_cast<T>(wide_gradient[k]);
            }
            return py::make_tuple(loss, gradient);
        },
        theta, x, y);
}

}  // namespace

void bind_polynomial(py::module_& m) {
    m.def("polynomial_predict", &predict);
    m.def("polynomial_loss_gradient", &loss_gradient);
}

}  // namespace steepest::STEEPEST_ISA
