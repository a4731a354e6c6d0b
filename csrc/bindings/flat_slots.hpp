// What descents on flat arrays of parameters share.
#pragma once

#include <vector>

#include "bindings/descent_arguments.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
py::array_t<T> copy_of(const T* values, Index n) {
    return py::array_t<T>(n, values);
}

inline py::dict finished(const DescentResult& result, const CaughtError& caught) {
    py::dict d = result_dict(result);
    d["exception"] = caught.error();
    return d;
}

// Slots of one flat array each, copied in and out.
template <class T>
struct FlatSlots {
    std::vector<T> values[OptimizerConfig::max_slots];
    T* pointers[OptimizerConfig::max_slots] = {};

    FlatSlots(const py::list& arrays, const OptimizerConfig& optimizer, Index size) {
        if (static_cast<int>(arrays.size()) != optimizer.slots())
            throw std::invalid_argument("the state does not fit the optimizer");
        for (std::size_t s = 0; s < arrays.size(); ++s) {
            if (!is_array_of<T>(arrays[s]) || as_array(arrays[s]).size() != size)
                throw std::invalid_argument("the state does not fit the parameters");
            values[s].assign(data<T>(arrays[s]), data<T>(arrays[s]) + size);
            pointers[s] = values[s].data();
        }
    }
    void write_back(const py::list& arrays) const {
        for (std::size_t s = 0; s < arrays.size(); ++s)
            std::memcpy(writable_data<T>(arrays[s]), values[s].data(), values[s].size() * sizeof(T));
    }
};

}  // namespace steepest::STEEPEST_ISA
