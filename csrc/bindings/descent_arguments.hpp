// The dictionaries by which the Python layer describes an optimizer, a schedule and a descent. They are made
// by the dataclasses of steepest.optimizers, steepest.schedules and steepest.stopping, which check every
// value.
#pragma once

#include <map>
#include <tuple>

#include "bindings/arrays.hpp"
#include "bindings/random_arguments.hpp"
#include "bindings/schedule_arguments.hpp"
#include "bindings/whole_arguments.hpp"
#include "core/descent.hpp"

namespace steepest::STEEPEST_ISA {

inline AverageConfig average_config(const py::dict& d) {
    AverageConfig c;
    c.kind = d["kind"].cast<std::string>() == "EMA" ? AverageConfig::Kind::exponential
                                                    : AverageConfig::Kind::uniform;
    read(d, "decay", c.decay);
    read(d, "debias", c.debias);
    read(d, "start", c.start);
    return c;
}

// [(weights, biases)] of each layer, or of all that there is; each is (factor of the rate, l2, decay).
inline std::vector<LayerGroups> layer_groups(const py::object& layers) {
    auto group = [](py::handle entry) {
        const auto [rate_factor, l2, weight_decay] = entry.cast<std::tuple<double, double, double>>();
        return GroupConfig{rate_factor, l2, weight_decay};
    };
    std::vector<LayerGroups> groups;
    for (py::handle layer : layers) {
        const auto pair = layer.cast<py::tuple>();
        groups.push_back({group(pair[0]), group(pair[1])});
    }
    return groups;
}

inline OptimizerConfig optimizer_config(const py::dict& d) {
    using Kind = OptimizerConfig::Kind;
    using Velocity = OptimizerConfig::Velocity;
    OptimizerConfig c;
    static const std::map<std::string, Kind> kinds = {{"SGD", Kind::sgd},
                                                      {"Momentum", Kind::momentum},
                                                      {"Adam", Kind::adam},
                                                      {"AdamW", Kind::adam},
                                                      {"Adagrad", Kind::adagrad},
                                                      {"Adadelta", Kind::adadelta},
                                                      {"RMSprop", Kind::rmsprop},
                                                      {"AMSGrad", Kind::amsgrad},
                                                      {"Adamax", Kind::adamax},
                                                      {"NAdam", Kind::nadam},
                                                      {"RAdam", Kind::radam},
                                                      {"AdaBelief", Kind::adabelief},
                                                      {"Lion", Kind::lion},
                                                      {"Rprop", Kind::rprop},
                                                      {"Prodigy", Kind::prodigy},
                                                      {"PolyakStep", Kind::sgd},
                                                      {"BarzilaiBorwein", Kind::sgd},
                                                      {"ScheduleFreeSGD", Kind::schedule_free_sgd},
                                                      {"ScheduleFreeAdamW", Kind::schedule_free_adamw}};
    const auto kind = kinds.find(d["kind"].cast<std::string>());
    if (kind == kinds.end())
        throw std::invalid_argument("unknown optimizer: " + d["kind"].cast<std::string>());
    c.kind = kind->second;
    if (d.contains("initial")) {
        const auto initial = d["initial"].cast<py::list>();
        if (initial.size() > OptimizerConfig::max_slots) throw std::invalid_argument("too many slots");
        for (std::size_t s = 0; s < initial.size(); ++s) c.initial[s] = initial[s].cast<double>();
    }
    read(d, "learning_rate", c.learning_rate);
    read(d, "momentum", c.momentum);
    if (d.contains("nesterov")) {
        const py::object nesterov = d["nesterov"];
        if (py::isinstance<py::str>(nesterov))
            c.kind = Kind::lookahead;
        else
            c.nesterov = nesterov.cast<bool>();
    }
    read(d, "beta_1", c.beta_1);
    read(d, "beta_2", c.beta_2);
    read(d, "epsilon", c.epsilon);
    read(d, "epsilon_hat", c.epsilon_hat);
    read(d, "l2", c.l2);
    read(d, "weight_decay", c.weight_decay);
    read(d, "dampening", c.dampening);
    read(d, "epsilon_inside", c.epsilon_inside);
    read(d, "rho", c.rho);
    read(d, "centered", c.centered);
    c.keeps_velocity = c.momentum > 0;
    if (d.contains("momentum_decay") && !d["momentum_decay"].is_none())
        c.momentum_decay = d["momentum_decay"].cast<double>();
    read(d, "threshold", c.threshold);
    read(d, "epsilon_root", c.epsilon_root);
    read(d, "shrink", c.shrink);
    read(d, "grow", c.grow);
    read(d, "smallest", c.smallest);
    read(d, "largest", c.largest);
    read(d, "beta", c.beta_1);
    read(d, "warmup_steps", c.warmup_steps);
    read(d, "r", c.r);
    read(d, "weight_lr_power", c.weight_lr_power);
    if (d.contains("average") && !d["average"].is_none())
        c.average = average_config(d["average"].cast<py::dict>());
    std::string maximum = "raw";
    read(d, "maximum", maximum);
    c.maximum_corrected = maximum == "corrected";
    std::string velocity = "gradient";
    read(d, "velocity", velocity);
    c.velocity = velocity == "step"      ? Velocity::step
                 : velocity == "average" ? Velocity::average
                                         : Velocity::gradient;
    read_whole(d, c);
    return c;
}

inline DescentConfig descent_config(const py::dict& d) {
    DescentConfig c;
    c.optimizer = optimizer_config(d["optimizer"].cast<py::dict>());
    if (d.contains("schedule")) c.schedule = schedule_config(d["schedule"].cast<py::dict>());
    if (d.contains("hyper_schedules"))
        c.hyper_schedules = hyper_schedules(d["hyper_schedules"].cast<py::dict>());
    if (d.contains("groups")) c.groups = layer_groups(d["groups"]);
    if (d.contains("schedule_free")) {
        const auto weights = d["schedule_free"].cast<std::pair<double, double>>();
        c.schedule_free_weights = {weights.first, weights.second};
    }
    if (d.contains("plateau")) c.plateau = plateau_rule(d["plateau"].cast<py::dict>());
    if (d.contains("plateau_state")) {
        const auto state = d["plateau_state"].cast<std::tuple<double, Index, Index>>();
        std::tie(c.plateau_state.best, c.plateau_state.stale, c.plateau_state.resting) = state;
    }
    read(d, "max_steps", c.stop.max_steps);
    read(d, "max_epochs", c.stop.max_epochs);
    read(d, "max_seconds", c.stop.max_seconds);
    read(d, "gradient_tolerance", c.stop.gradient_tolerance);
    read(d, "gradient_largest", c.stop.gradient_largest);
    read(d, "patience", c.stop.patience);
    read(d, "absolute", c.stop.absolute);
    read(d, "relative", c.stop.relative);
    std::string monitor = "loss";
    read(d, "monitor", monitor);
    c.stop.monitor = monitor_named(monitor);
    read(d, "data_factor", c.stop.data_factor);
    read(d, "inclusive", c.stop.inclusive);
    read(d, "divide_rate_by", c.stop.divide_rate_by);
    read(d, "lowest_rate", c.stop.lowest_rate);
    read(d, "batch_size", c.batch_size);
    read(d, "shuffle", c.shuffle);
    read(d, "seed", c.seed);
    if (d.contains("twister")) c.twister = twister_state(d["twister"]);
    read(d, "shuffle_anew", c.shuffle_anew);
    read(d, "by_points", c.by_points);
    read(d, "record_every", c.record_every);
    read(d, "restore_best", c.restore_best);
    read(d, "n_rows", c.rows_per_epoch);
    read(d, "first_epoch", c.first_epoch);
    read(d, "first_step", c.first_step);
    read(d, "best", c.best);
    read(d, "stale", c.stale);
    c.base_rate = c.optimizer.learning_rate;
    read(d, "base_rate", c.base_rate);
    read(d, "n_threads", c.n_threads);
    if (d.contains("scalars")) read_scalars(d["scalars"].cast<py::list>(), c.scalars);
    read(d, "each_step", c.each_step);
    return c;
}

inline py::tuple record_tuple(const Record& r) {
    return py::make_tuple(r.epoch, r.step, r.loss, r.gradient_norm, r.learning_rate, r.seconds,
                          r.validation_loss, r.validation_score);
}

inline py::dict history_dict(const std::vector<Record>& history) {
    const auto n = static_cast<py::ssize_t>(history.size());
    auto column = [&](double Record::* field) {
        py::array_t<double> values(n);
        double* value = values.mutable_data();
        for (const Record& record : history) *value++ = record.*field;
        return values;
    };
    py::dict d;
    d["loss"] = column(&Record::loss);
    d["gradient_norm"] = column(&Record::gradient_norm);
    d["learning_rate"] = column(&Record::learning_rate);
    d["seconds"] = column(&Record::seconds);
    d["validation_loss"] = column(&Record::validation_loss);
    d["validation_score"] = column(&Record::validation_score);
    return d;
}

inline py::dict result_dict(const DescentResult& r) {
    py::dict d;
    d["status"] = name(r.status);
    d["n_steps"] = r.n_steps;
    d["n_epochs"] = r.n_epochs;
    d["n_evaluations"] = r.n_evaluations;
    d["best_epoch"] = r.best_epoch;
    d["best"] = r.best;
    d["stale"] = r.stale;
    d["base_rate"] = r.base_rate;
    d["scalars"] = scalars_list(r.scalars);
    d["plateau_state"] = py::make_tuple(r.plateau.best, r.plateau.stale, r.plateau.resting);
    d["schedule_free"] = py::make_tuple(r.schedule_free_weights.sum, r.schedule_free_weights.largest_rate);
    if (r.twister) d["twister"] = twister_tuple(*r.twister);
    d["gradient_is_current"] = r.gradient_is_current;
    d["loss"] = r.last.loss;
    d["history"] = history_dict(r.history);
    return d;
}

// Keeps the first Python exception that a callback or a signal raised, while C++ winds down.
class CaughtError {
  public:
    // Runs f with the GIL; true if it asks to stop or has raised.
    template <class F>
    bool guard(F&& f) {
        py::gil_scoped_acquire gil;
        if (raised_) return true;
        try {
            return f();
        } catch (py::error_already_set& e) {
            error_ = e.value();
            if (e.trace()) PyException_SetTraceback(error_.ptr(), e.trace().ptr());
        } catch (const py::cast_error& e) {
            error_ = py::module_::import("builtins").attr("TypeError")(e.what());
        }
        raised_ = true;
        return true;
    }
    bool raised() const { return raised_; }
    py::object error() const { return error_; }

  private:
    bool raised_ = false;
    py::object error_ = py::none();
};

inline bool check_signals() {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return false;
}

}  // namespace steepest::STEEPEST_ISA
