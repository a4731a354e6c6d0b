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

// Slots of one flat array each, copied in and out; objectives may read `slack` more entries.
template <class T>
struct FlatSlots {
    std::vector<T> values[OptimizerConfig::max_slots];
    T* pointers[OptimizerConfig::max_slots] = {};
    Index size;
    int reported_slot;  // -1: the parameters themselves are reported

    FlatSlots(const py::list& arrays, const OptimizerConfig& optimizer, Index n, Index slack = 0)
        : size(n), reported_slot(optimizer.reports_last_slot() ? optimizer.slots() - 1 : -1) {
        if (static_cast<int>(arrays.size()) != optimizer.slots())
            throw std::invalid_argument("the state does not fit the optimizer");
        for (std::size_t s = 0; s < arrays.size(); ++s) {
            if (!is_array_of<T>(arrays[s]) || as_array(arrays[s]).size() != size)
                throw std::invalid_argument("the state does not fit the parameters");
            values[s].assign(data<T>(arrays[s]), data<T>(arrays[s]) + size);
            values[s].resize(static_cast<std::size_t>(size + slack));
            pointers[s] = values[s].data();
        }
    }
    void write_back(const py::list& arrays) const {
        for (std::size_t s = 0; s < arrays.size(); ++s)
            std::memcpy(writable_data<T>(arrays[s]), values[s].data(), bytes());
    }
    // The parameters that are reported, when those at `stepped` are stepped.
    const T* reported(const std::vector<T>& stepped) const {
        return reported_slot < 0 ? stepped.data() : pointers[reported_slot];
    }
    void write_reported(const std::vector<T>& stepped, const py::object& theta) const {
        std::memcpy(writable_data<T>(theta), reported(stepped), bytes());
    }

  private:
    std::size_t bytes() const { return static_cast<std::size_t>(size) * sizeof(T); }
};

}  // namespace steepest::STEEPEST_ISA
