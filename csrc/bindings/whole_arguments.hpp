// The hyper-parameters of what needs the whole gradient before a step.
#pragma once

#include "bindings/schedule_arguments.hpp"
#include "core/optimizer_config.hpp"

namespace steepest::STEEPEST_ISA {

// None leaves the value as it is.
inline void read_optional(const py::dict& from, const char* key, double& value) {
    if (from.contains(key) && !from[key].is_none()) value = from[key].cast<double>();
}

inline void read_line_search(const py::dict& d, OptimizerConfig& c) {
    using Length = OptimizerConfig::Length;
    c.length = d["kind"].cast<std::string>() == "Wolfe" ? Length::wolfe : Length::armijo;
    read(d, "decrease", c.line_search.decrease);
    read(d, "curvature", c.line_search.curvature);
    read(d, "shrink", c.line_search.shrink);
    c.line_search.grow = d.contains("grow") && d["grow"].is_none() ? 0 : c.line_search.grow;
    read_optional(d, "grow", c.line_search.grow);
    read(d, "max_evaluations", c.line_search.max_evaluations);
}

inline void read_whole(const py::dict& d, OptimizerConfig& c) {
    using Length = OptimizerConfig::Length;
    using Form = OptimizerConfig::Form;
    read_optional(d, "clip_value", c.clip_value);
    read_optional(d, "clip_norm", c.clip_norm);
    read_optional(d, "clip_global_norm", c.clip_global_norm);
    const auto kind = d["kind"].cast<std::string>();
    if (kind == "PolyakStep") c.length = Length::polyak;
    if (kind == "BarzilaiBorwein") c.length = Length::barzilai_borwein;
    if (d.contains("line_search") && !d["line_search"].is_none())
        read_line_search(d["line_search"].cast<py::dict>(), c);
    std::string form = "long";
    read(d, "form", form);
    c.form = form == "short" ? Form::short_step : form == "long" ? Form::long_step : Form::alternating;
    read(d, "f_min", c.f_min);
    if (d.contains("beta_3") && !d["beta_3"].is_none()) c.beta_3 = d["beta_3"].cast<double>();
    read(d, "initial_d", c.initial_d);
    read(d, "coefficient", c.coefficient);
    read(d, "growth_rate", c.growth_rate);
    read(d, "bias_correction", c.bias_correction);
    read(d, "safeguard_warmup", c.safeguard_warmup);
}

inline void read_scalars(const py::list& from, double* scalars) {
    if (from.size() > OptimizerConfig::max_scalars) throw std::invalid_argument("too many scalars");
    for (std::size_t s = 0; s < from.size(); ++s) scalars[s] = from[s].cast<double>();
}

inline py::list scalars_list(const double* scalars) {
    py::list list;
    for (int s = 0; s < OptimizerConfig::max_scalars; ++s) list.append(scalars[s]);
    return list;
}

}  // namespace steepest::STEEPEST_ISA
