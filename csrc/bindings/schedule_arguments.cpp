#include "bindings/schedule_arguments.hpp"

#include <algorithm>
#include <utility>

namespace steepest::STEEPEST_ISA {

Schedule schedule_config(const py::dict& d) {
    using Kind = Schedule::Kind;
    static constexpr std::pair<const char*, Kind> kinds[] = {
        {"Constant", Kind::constant},
        {"Step", Kind::step},
        {"Exponential", Kind::exponential},
        {"InverseTime", Kind::inverse_time},
        {"InversePower", Kind::inverse_power},
        {"Cosine", Kind::cosine},
        {"MultiStep", Kind::multi_step},
        {"Warmup", Kind::warmup},
        {"Polynomial", Kind::polynomial},
        {"WarmRestarts", Kind::warm_restarts},
        {"OneCycle", Kind::one_cycle},
        {"Cyclic", Kind::cyclic},
        {"Table", Kind::table},
        {"Sequence", Kind::sequence},
    };
    Schedule s;
    const auto kind = d["kind"].cast<std::string>();
    const auto* const known = std::find_if(std::begin(kinds), std::end(kinds),
                                           [&](const auto& entry) { return kind == entry.first; });
    if (known == std::end(kinds)) throw std::invalid_argument("unknown schedule: " + kind);
    s.kind = known->second;
    const auto unit = d["unit"].cast<std::string>();
    s.unit = unit == "epoch"    ? Schedule::Unit::epoch
             : unit == "sample" ? Schedule::Unit::sample
                                : Schedule::Unit::step;
    read(d, "every", s.every);
    read(d, "start", s.start);
    read(d, "factor", s.factor);
    read(d, "decay", s.factor);
    read(d, "power", s.factor);
    read(d, "total", s.total);
    read(d, "warmup", s.warmup);
    read(d, "final", s.final);
    read(d, "peak", s.peak);
    read(d, "rise", s.rise);
    read(d, "linear", s.linear);
    read(d, "three_phases", s.three_phases);
    read(d, "period", s.period);
    read(d, "multiplier", s.multiplier);
    read(d, "up", s.up);
    read(d, "down", s.down);
    read(d, "low", s.start);
    std::string mode = "triangular";
    read(d, "mode", mode);
    s.scale = mode == "triangular2" ? Schedule::Scale::halved
              : mode == "exp_range" ? Schedule::Scale::decaying
                                    : Schedule::Scale::constant;
    if (d.contains("milestones"))
        for (py::handle at : py::reinterpret_borrow<py::object>(d["milestones"]))
            s.milestones.push_back(at.cast<Index>());
    if (d.contains("values")) {
        const auto values =
            d["values"].cast<py::array_t<double, py::array::c_style | py::array::forcecast>>();
        s.values.assign(values.data(), values.data() + values.size());
    }
    read(d, "first", s.first);
    if (d.contains("parts"))
        for (py::handle part : py::reinterpret_borrow<py::object>(d["parts"]))
            s.parts.push_back(schedule_config(part.cast<py::dict>()));
    if ((s.kind == Kind::table && s.values.empty()) ||
        (s.kind == Kind::sequence && s.parts.size() != s.milestones.size() + 1))
        throw std::invalid_argument("incomplete schedule: " + kind);
    return s;
}

std::vector<HyperSchedule> hyper_schedules(const py::dict& d) {
    static constexpr std::pair<const char*, double OptimizerConfig::*> parameters[] = {
        {"momentum", &OptimizerConfig::momentum},
        {"beta_1", &OptimizerConfig::beta_1},
        {"beta_2", &OptimizerConfig::beta_2},
        {"weight_decay", &OptimizerConfig::weight_decay},
    };
    std::vector<HyperSchedule> schedules;
    for (const auto& [name, parameter] : parameters)
        if (d.contains(name)) schedules.push_back({parameter, schedule_config(d[name].cast<py::dict>())});
    if (schedules.size() != d.size())
        throw std::invalid_argument("a hyper-parameter without a schedule of its own");
    return schedules;
}

PlateauRule plateau_rule(const py::dict& d) {
    PlateauRule rule;
    rule.factor = d["factor"].cast<double>();
    read(d, "patience", rule.patience);
    read(d, "cooldown", rule.cooldown);
    read(d, "relative", rule.relative);
    read(d, "absolute", rule.absolute);
    read(d, "least", rule.least);
    rule.monitor = monitor_named(d["monitor"].cast<std::string>());
    return rule;
}

}  // namespace steepest::STEEPEST_ISA
