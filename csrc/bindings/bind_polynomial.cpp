#include "bindings/bind.hpp"
#include "bindings/polynomial_arguments.hpp"
#include "core/batches.hpp"
#include "core/polynomial_objective.hpp"
#include "core/pool.hpp"

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

// Calls use(X, first, end, result) for blocks of rows of products at points, shared among threads where that
// pays; the result has the points' type and is (n, outputs, ...).
template <class Use>
py::object for_products(const py::object& theta, const py::object& X, int n_threads, bool slopes, Use&& use) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const auto rows = product_rows<T>(X);
            if (!rows || !is_array_of<double>(theta) || as_array(theta).ndim() != 2 ||
                as_array(theta).shape(1) != rows->basis.terms + 1)
                return not_implemented();
            const Index n = rows->points.rows, outputs = as_array(theta).shape(0);
            std::vector<py::ssize_t> shape{n, outputs};
            if (slopes) shape.push_back(rows->basis.variables);
            auto result = new_array<T>(shape);
            T* to = result.mutable_data();
            const double* coefficients = data<double>(theta);
            const Index work = n * (rows->basis.terms + 1) * outputs * (slopes ? rows->basis.variables : 1);
            constexpr Index worth_waking = 2'000'000, block = 4096;
            ReleaseGil release(work);
            const Index blocks = (n + block - 1) / block;
            Threads threads(work >= worth_waking ? n_threads : 1);
            threads.run([&](int share) {
                const Index first = blocks * share / threads.count() * block;
                const Index end = blocks * (share + 1) / threads.count() * block;
                use(*rows, first, end < n ? end : n, coefficients, outputs, to);
            });
            return result;
        },
        entries_of(X));
}

// theta: (K, terms + 1). The values, (n, K).
py::object product_predict(const py::object& theta, const py::object& X, int n_threads) {
    return for_products(
        theta, X, n_threads, false,
        [](const auto& rows, Index first, Index end, const double* coefficients, Index outputs, auto* to) {
            rows.predict(Rows{}, first, end, coefficients, outputs, to);
        });
}

// The derivatives by u, (n, K, variables).
py::object product_slopes(const py::object& theta, const py::object& X, int n_threads) {
    return for_products(
        theta, X, n_threads, true,
        [](const auto& rows, Index first, Index end, const double* coefficients, Index outputs, auto* to) {
            rows.slopes(Rows{}, first, end, coefficients, outputs, to);
        });
}

}  // namespace

void bind_polynomial(py::module_& m) {
    m.def("polynomial_predict", &predict);
    m.def("polynomial_loss_gradient", &loss_gradient);
    m.def("product_predict", &product_predict);
    m.def("product_slopes", &product_slopes);
}

}  // namespace steepest::STEEPEST_ISA
