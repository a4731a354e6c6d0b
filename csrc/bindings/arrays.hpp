// The only place where NumPy arrays become views. An array is taken as it is or not at all: nothing is
// converted or copied here. A kernel that is given anything else returns NotImplemented, and the Python
// layer, which owns every message and conversion, takes over.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <vector>

#include "core/views.hpp"

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

// A vector is one column.
template <class T>
MatrixView<const T> matrix(py::handle h) {
    const py::array a = as_array(h);
    return {static_cast<const T*>(a.data()), a.shape(0), a.ndim() > 1 ? a.shape(1) : 1};
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
