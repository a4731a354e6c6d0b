// The only place where NumPy arrays become views. An array is taken as it is or not at all: nothing is
// converted or copied here. A kernel that is given anything else returns NotImplemented, and the Python
// layer, which owns every message and conversion, takes over.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/inputs.hpp"

namespace steepest::STEEPEST_ISA {

namespace py = pybind11;

template <class T>
inline constexpr int type_number = 0;
template <>
inline constexpr int type_number<float> = 11;
template <>
inline constexpr int type_number<double> = 12;

// Native byte order, contiguous in rows, aligned.
inline bool is_plain(const py::array& a) {
    constexpr int c_contiguous = 0x0001, aligned = 0x0100;
    return (a.flags() & (c_contiguous | aligned)) == (c_contiguous | aligned) && a.dtype().byteorder() != '>';
}

template <class T>
bool is_array_of(py::handle h) {
    if (!py::isinstance<py::array>(h)) return false;
    const auto a = py::reinterpret_borrow<py::array>(h);
    return a.dtype().num() == type_number<T> && is_plain(a);
}

inline bool is_class_array(py::handle h) {
    if (!py::isinstance<py::array>(h)) return false;
    const auto a = py::reinterpret_borrow<py::array>(h);
    return a.dtype().kind() == 'i' && a.itemsize() == 8 && is_plain(a);
}

inline py::array as_array(py::handle h) {
    return py::reinterpret_borrow<py::array>(h);
}

template <class T>
const T* data(py::handle h) {
    return static_cast<const T*>(as_array(h).data());
}
template <class T>
T* writable_data(py::handle h) {
    return static_cast<T*>(as_array(h).mutable_data());  // throws if the array is read-only
}

// Whether these are the classes of so many rows, (rows,) in 0 ... classes - 1.
inline bool are_classes(py::handle h, Index rows, Index classes) {
    if (!is_class_array(h) || as_array(h).ndim() != 1 || as_array(h).shape(0) != rows) return false;
    const auto* c = data<std::int64_t>(h);
    for (Index i = 0; i < rows; ++i)
        if (c[i] < 0 || c[i] >= classes) return false;
    return true;
}

// Of n rows, (n,), or nullptr for None.
template <class T>
const T* weights_of(py::handle w, Index n) {
    if (w.is_none()) return nullptr;
    if (!is_array_of<T>(w) || as_array(w).size() != n)
        throw std::invalid_argument("sample_weight does not fit X");
    return data<T>(w);
}

// A vector is one column.
template <class T>
MatrixView<const T> matrix(py::handle h) {
    const py::array a = as_array(h);
    return {static_cast<const T*>(a.data()), a.shape(0), a.ndim() > 1 ? a.shape(1) : 1};
}

// A sparse matrix is a tuple of its entries' values, their columns, the rows' starts, and what an absent
// entry of each column is.
inline bool is_sparse(py::handle X) {
    return py::isinstance<py::tuple>(X) && py::len(X) == 4;
}

// A polynomial basis at points is a tuple of the points, the degree, and the recurrence's coefficients. (A
// tuple of three arrays may be the rows of a matrix, for Python to convert.)
inline bool is_polynomial(py::handle X) {
    if (!py::isinstance<py::tuple>(X) || py::len(X) != 3) return false;
    const auto parts = py::reinterpret_borrow<py::tuple>(X);
    return PyIndex_Check(parts[1].ptr()) && !py::isinstance<py::array>(parts[1]) &&
           py::isinstance<py::tuple>(parts[2]);
}

// Products of polynomials at points (n, variables) are a tuple of the points, the variables' units,
// recurrences, the table of terms, and the mixing or None.
inline bool is_product(py::handle X) {
    return py::isinstance<py::tuple>(X) && py::len(X) == 5;
}

// The array that has the type of the matrix's entries.
inline py::object entries_of(const py::object& X) {
    return is_sparse(X) || is_polynomial(X) || is_product(X)
               ? py::object(py::reinterpret_borrow<py::tuple>(X)[0])
               : X;
}

// int32 or int64; nothing for any other array.
inline std::optional<IndexArray> index_array(py::handle h) {
    if (!py::isinstance<py::array>(h) || as_array(h).dtype().kind() != 'i' || !is_plain(as_array(h)))
        return std::nullopt;
    if (as_array(h).itemsize() == 4) return IndexArray{data<std::int32_t>(h), nullptr};
    if (as_array(h).itemsize() == 8) return IndexArray{nullptr, data<std::int64_t>(h)};
    return std::nullopt;
}

// A basis: None for monomials, or the recurrence's coefficients (a, b, c), each (degree,).
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

// The rows of such products, or nothing if their parts don't fit together.
template <class T>
std::optional<ProductRows<T>> product_rows(py::handle X) {
    const auto parts = py::reinterpret_borrow<py::tuple>(X);
    for (const int part : {1, 2})
        if (!is_array_of<double>(parts[part])) return std::nullopt;
    if (!is_array_of<T>(parts[0]) || as_array(parts[0]).ndim() != 2 || as_array(parts[2]).ndim() != 3 ||
        !is_class_array(parts[3]) || as_array(parts[3]).ndim() != 2 || as_array(parts[3]).shape(1) != 3)
        return std::nullopt;
    ProductRows<T> X_rows{matrix<T>(parts[0]), {}};
    ProductBasis& basis = X_rows.basis;
    basis.variables = X_rows.points.cols;
    basis.degree = as_array(parts[2]).shape(2);
    basis.terms = as_array(parts[3]).shape(0);
    basis.units = data<double>(parts[1]);
    basis.recurrences = data<double>(parts[2]);
    basis.table = data<std::int64_t>(parts[3]);
    if (as_array(parts[1]).size() != 2 * basis.variables ||
        as_array(parts[2]).size() != 3 * basis.variables * basis.degree || !basis.is_valid())
        return std::nullopt;
    if (parts[4].is_none()) return X_rows;
    if (!is_array_of<double>(parts[4]) || as_array(parts[4]).size() != (basis.terms + 1) * (basis.terms + 1))
        return std::nullopt;
    basis.mixing = data<double>(parts[4]);
    return X_rows;
}

// Inputs (n, d), dense, sparse or a basis at points, or nothing if X is not of type T or its parts don't fit
// together. Python has checked that the columns of sparse entries are in range and the starts in order.
template <class T>
std::optional<Inputs<T>> inputs(const py::object& X) {
    if (is_array_of<T>(X) && as_array(X).ndim() == 2) return Inputs<T>(matrix<T>(X));
    if (is_product(X)) {
        const auto rows = product_rows<T>(X);
        return rows && rows->basis.terms > 0 ? std::optional<Inputs<T>>(*rows) : std::nullopt;
    }
    if (!is_sparse(X) && !is_polynomial(X)) return std::nullopt;
    const auto parts = py::reinterpret_borrow<py::tuple>(X);
    if (is_polynomial(X)) {
        const auto degree = parts[1].cast<Index>();
        const PolynomialBasis basis = basis_from(parts[2], degree);
        if (!is_array_of<T>(parts[0]) || basis.monomial || degree < 1) return std::nullopt;
        return Inputs<T>(PolynomialRows<T>{data<T>(parts[0]), basis}, as_array(parts[0]).size(), degree);
    }
    const py::object values = parts[0], absent = parts[3];
    const auto columns = index_array(parts[1]), starts = index_array(parts[2]);
    if (!is_array_of<T>(values) || !is_array_of<T>(absent) || !columns || !starts) return std::nullopt;
    const Index rows = as_array(parts[2]).size() - 1, entries = as_array(values).size();
    if (rows < 0 || as_array(parts[1]).size() != entries || (*starts)[0] != 0 || (*starts)[rows] != entries)
        return std::nullopt;
    const Index cols = as_array(absent).size();
    const T* a = data<T>(absent);
    const bool shifted = std::any_of(a, a + cols, [](T value) { return value != 0; });
    return Inputs<T>(SparseRows<T>{*starts, *columns, data<T>(values), a, shifted}, rows, cols);
}

template <class T>
py::array_t<T> new_array(std::vector<py::ssize_t> shape) {
    return py::array_t<T>(std::move(shape));
}

inline std::vector<py::ssize_t> shape_of(py::handle h) {
    const py::array a = as_array(h);
    return {a.shape(), a.shape() + a.ndim()};
}

inline py::object not_implemented() {
    return py::reinterpret_borrow<py::object>(Py_NotImplemented);
}

// f(T{}) for the type that all arrays have; NotImplemented if they are not all plain arrays of one type.
template <class F, class... Arrays>
py::object with_scalar_type(F&& f, const Arrays&... arrays) {
    if ((is_array_of<double>(arrays) && ...)) return f(double{});
    if ((is_array_of<float>(arrays) && ...)) return f(float{});
    return not_implemented();
}

// Lets other Python threads run while the core works; not worth its price for small work.
class ReleaseGil {
  public:
    explicit ReleaseGil(Index work) {
        if (work > 32768) release_.emplace();
    }

  private:
    std::optional<py::gil_scoped_release> release_;
};

}  // namespace steepest::STEEPEST_ISA
