// The dictionaries by which steepest.schedules describes schedules. They are read out of line: whatever is
// inlined beside the descents takes its part of what the compiler is willing to inline there.
#pragma once

#include "bindings/arrays.hpp"
#include "core/descent.hpp"

namespace steepest::STEEPEST_ISA {

template <class V>
void read(const py::dict& from, const char* key, V& value) {
    if (from.contains(key)) value = from[key].cast<V>();
}

inline Monitor monitor_named(const std::string& name) {
    return name == "validation_loss"    ? Monitor::validation_loss
           : name == "validation_score" ? Monitor::validation_score
                                        : Monitor::loss;
}

Schedule schedule_config(const py::dict& d);

// {name of a hyper-parameter: schedule}, of all but the learning rate.
std::vector<HyperSchedule> hyper_schedules(const py::dict& d);

PlateauRule plateau_rule(const py::dict& d);

}  // namespace steepest::STEEPEST_ISA
