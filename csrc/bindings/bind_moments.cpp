// The moments of a least-squares fit as objects that Python holds between measuring the curvature and
// descending.
#include <algorithm>

#include "bindings/bind.hpp"
#include "bindings/descent_arguments.hpp"
#include "core/change_of_basis.hpp"
#include "core/eigenvalues.hpp"
#include "core/linear_moments.hpp"
#include "core/orthonormal_products.hpp"
#include "core/polynomial_moments.hpp"
#include "core/value_range.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// One pass over data without the GIL; what a signal raises comes out as an exception.
template <class F>
auto measured(F&& pass) {
    CaughtError caught;
    Interrupt interrupt([&] { return caught.guard(check_signals); });
    auto result = [&] {
        py::gil_scoped_release release;
        return pass(&interrupt);
    }();
    if (caught.raised()) {
        PyErr_SetObject(py::type::handle_of(caught.error()).ptr(), caught.error().ptr());
        throw py::error_already_set();
    }
    return result;
}

// points: x (n,), y (n,) or (K, n), and weights (n,) or None.
py::object polynomial_moments_of(const py::tuple& points, const py::object& recurrence, Index degree,
                                 double middle, double half, double y_unit, int n_threads) {
    const py::object x = points[0], y = points[1], w = points[2];
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const Index n = as_array(x).size(), size = as_array(y).size(), outputs = n > 0 ? size / n : 0;
            if (outputs < 1 || size != outputs * n || degree < 0)
                throw std::invalid_argument("x and y do not fit together");
            const PolynomialBasis basis = basis_from(recurrence, 2 * degree);
            const T *x_data = data<T>(x), *y_data = data<T>(y), *w_data = weights_of<T>(w, n);
            return py::cast(measured([&](Interrupt* interrupt) {
                std::vector<Moments> single;
                for (Index k = 0; k < outputs; ++k)
                    single.push_back(polynomial_moments(basis, degree, {middle, half, y_unit}, x_data,
                                                        y_data + k * n, w_data, n, n_threads, interrupt));
                return outputs == 1 ? std::move(single.front()) : joined(single);
            }));
        },
        x, y);
}

py::object linear_moments_of(const py::tuple& rows, bool pairs, int n_threads) {
    const py::object X = rows[0], y = rows[1], w = rows[2];
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const auto matrix_X = inputs<T>(X);
            const auto targets = matrix<T>(y);
            if (!matrix_X || matrix_X->is_polynomial() || matrix_X->rows != targets.rows || targets.rows == 0)
                throw std::invalid_argument("X and y do not fit together");
            const T* weights = weights_of<T>(w, targets.rows);
            return py::cast(measured([&](Interrupt* interrupt) {
                return LinearMoments(*matrix_X, targets, weights, pairs, n_threads, interrupt);
            }));
        },
        entries_of(X), y);
}

// For each column of [X, y]: mean, deviation, largest magnitude; (3, d + K).
py::array_t<double> column_statistics(const LinearMoments& m, bool about_mean) {
    const Index n = m.inputs() + m.outputs();
    auto result = new_array<double>({3, n});
    double* to = result.mutable_data();
    for (Index j = 0; j < n; ++j) {
        to[j] = m.mean(j);
        to[n + j] = m.deviation(j, about_mean);
        to[2 * n + j] = m.largest(j);
    }
    return result;
}

Moments standardised(const LinearMoments& m, const py::object& x_mean, const py::object& x_scale,
                     const py::object& y_mean, double y_scale, bool intercept) {
    for (const auto& [array, size] :
         {std::pair{x_mean, m.inputs()}, {x_scale, m.inputs()}, {y_mean, m.outputs()}})
        if (!is_array_of<double>(array) || as_array(array).size() != size)
            throw std::invalid_argument("means and scales do not fit the columns");
    return m.standardised(data<double>(x_mean), data<double>(x_scale), data<double>(y_mean), y_scale,
                          intercept);
}

const double* of_size(const py::object& values, Index n) {
    if (!is_array_of<double>(values) || as_array(values).size() != n)
        throw std::invalid_argument("the array does not fit the moments");
    return data<double>(values);
}

// ratio: (2,), its high and low part; the result is (3, k): a, b and c as far as the moments determine them.
py::array_t<double> orthonormal_recurrence_of(const Moments& chebyshev, const py::object& ratio) {
    const double* r = of_size(ratio, 2);
    const KnownRecurrence known = orthonormal_recurrence(chebyshev, {r[0], r[1]});
    const auto n = static_cast<py::ssize_t>(known.a.size());
    auto result = new_array<double>({3, n});
    double* to = result.mutable_data();
    for (const auto* part : {&known.a, &known.b, &known.c}) to = std::copy(part->begin(), part->end(), to);
    return result;
}

// recurrence: (3, degree).
Moments moments_in_basis(const Moments& chebyshev, const py::object& ratio, const py::object& recurrence) {
    const Index degree = chebyshev.features - 1;
    const double *r = of_size(ratio, 2), *a = of_size(recurrence, 3 * degree);
    return in_basis(chebyshev, {r[0], r[1]}, a, a + degree, a + 2 * degree);
}

// theta: (2, outputs, features), high and low parts.
Moments moments_about(const Moments& m, const py::object& theta) {
    const Index size = m.outputs * m.features;
    const double* parts = of_size(theta, 2 * size);
    return about(m, parts, parts + size);
}

// What makes the basis orthonormal on the data, (terms, terms), as far as the moments determine it: all terms
// if the first of the two, their number, says so.
py::tuple orthonormal_mixing_of(const Moments& m) {
    const Mixing mixing = measured([&](Interrupt* interrupt) { return orthonormal_mixing(m, interrupt); });
    const Index n = mixing.weights.empty() ? 0 : m.features;
    auto weights = new_array<double>({n, n});
    std::copy(mixing.weights.begin(), mixing.weights.end(), weights.mutable_data());
    return py::make_tuple(mixing.terms, weights);
}

// mixing: (features, features), a lower triangle.
Moments moments_mixed(const Moments& m, const py::object& mixing) {
    const double* weights = of_size(mixing, m.features * m.features);
    return measured([&](Interrupt* interrupt) { return mixed(m, weights, interrupt); });
}

// (low, high, root mean square) of all entries, or None if one is not finite; of no entries (inf, -inf, 0).
py::object value_range(const py::object& values) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const T* a = data<T>(values);
            const Index n = as_array(values).size();
            ValueRange range;
            {
                ReleaseGil release(n);
                range = ValueRange::of(a, n);
            }
            if (!range.finite) return py::none();
            return py::make_tuple(range.low, range.high, range.root_mean_square);
        },
        values);
}

// The high parts, then the low ones.
py::array_t<double> both_parts(const std::vector<DoubleDouble<>>& values, std::vector<py::ssize_t> shape) {
    shape.insert(shape.begin(), 2);
    auto array = new_array<double>(shape);
    double* to = array.mutable_data();
    for (std::size_t i = 0; i < values.size(); ++i) {
        to[i] = values[i].hi;
        to[values.size() + i] = values[i].lo;
    }
    return array;
}

SymmetricEigenvalues spectrum_of(const py::object& h) {
    if (!is_array_of<double>(h) || as_array(h).ndim() != 2)
        throw std::invalid_argument("not a float64 matrix");
    const auto a = matrix<double>(h);
    if (a.rows != a.cols || a.rows == 0) throw std::invalid_argument("not a square matrix");
    return SymmetricEigenvalues(a);
}

py::array_t<double> symmetric_eigenvalues(const py::object& h) {
    const auto spectrum = spectrum_of(h);
    auto values = new_array<double>({spectrum.size()});
    for (Index k = 0; k < spectrum.size(); ++k) values.mutable_at(k) = spectrum.eigenvalue(k);
    return values;
}

// The least eigenvalue above `cutoff` times the largest, and the largest.
py::tuple curvature_range(const py::object& h, double cutoff) {
    const auto spectrum = spectrum_of(h);
    const double largest = spectrum.eigenvalue(spectrum.size() - 1);
    if (!(largest > 0)) return py::make_tuple(largest, largest);
    const Index least = spectrum.count_below(cutoff * largest);
    return py::make_tuple(least < spectrum.size() ? spectrum.eigenvalue(least) : largest, largest);
}

// One operation on arrays (2, n) of high and low parts, for tests.
py::array_t<double> double_double(const std::string& name, const py::object& a, const py::object& b) {
    if (!is_array_of<double>(a) || !is_array_of<double>(b) || shape_of(a) != shape_of(b) ||
        as_array(a).ndim() != 2 || as_array(a).shape(0) != 2)
        throw std::invalid_argument("not two arrays (2, n)");
    const Index n = as_array(a).shape(1);
    auto result = new_array<double>({2, n});
    const double *x = data<double>(a), *y = data<double>(b);
    double* to = result.mutable_data();
    for (Index i = 0; i < n; ++i) {
        const DoubleDouble<> p{x[i], x[n + i]}, q{y[i], y[n + i]};
        const DoubleDouble<> r = name == "two_sum"       ? two_sum(p.hi, q.hi)
                                 : name == "two_product" ? two_product(p.hi, q.hi)
                                 : name == "add"         ? p + q
                                 : name == "subtract"    ? p - q
                                 : name == "multiply"    ? p * q
                                 : name == "divide"      ? p / q
                                                         : sqrt(p);
        to[i] = r.hi;
        to[n + i] = r.lo;
    }
    return result;
}

}  // namespace

void bind_moments(py::module_& m) {
    py::class_<Moments>(m, "Moments", py::module_local())
        .def("finite", &Moments::finite)
        .def("gram", [](const Moments& s) { return both_parts(s.gram, {s.features, s.features}); })
        .def("cross", [](const Moments& s) { return both_parts(s.cross, {s.outputs, s.features}); })
        .def("square", [](const Moments& s) { return both_parts(s.square, {s.outputs}); })
        .def("orthonormal_recurrence", &orthonormal_recurrence_of)
        .def("in_basis", &moments_in_basis)
        .def("about", &moments_about)
        .def("orthonormal_mixing", &orthonormal_mixing_of)
        .def("mixed", &moments_mixed)
        .def("hessian", [](const Moments& s, double l2) {
            auto hessian = new_array<double>({s.features, s.features});
            s.hessian(l2, hessian.mutable_data());
            return hessian;
        });
    py::class_<LinearMoments>(m, "LinearMoments", py::module_local())
        .def("column_statistics", &column_statistics)
        .def("standardised", &standardised);
    m.def("polynomial_moments", &polynomial_moments_of);
    m.def("linear_moments", &linear_moments_of);
    m.def("value_range", &value_range);
    m.def("symmetric_eigenvalues", &symmetric_eigenvalues);
    m.def("curvature_range", &curvature_range);
    m.def("double_double", &double_double);
}

}  // namespace steepest::STEEPEST_ISA
