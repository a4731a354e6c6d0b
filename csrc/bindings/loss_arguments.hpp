// The words and dictionaries by which the Python layer names a loss; steepest.losses makes and checks them.
#pragma once

#include "bindings/arrays.hpp"
#include "core/loss_rules.hpp"

namespace steepest::STEEPEST_ISA {

inline Loss loss_named(const std::string& name) {
    constexpr std::pair<const char*, Loss> losses[] = {
        {"squared", Loss::squared},
        {"softmax", Loss::softmax},
        {"logistic", Loss::logistic},
        {"poisson", Loss::poisson},
        {"absolute", Loss::absolute},
        {"huber", Loss::huber},
        {"quantile", Loss::quantile},
        {"epsilon_insensitive", Loss::epsilon_insensitive},
        {"squared_epsilon_insensitive", Loss::squared_epsilon_insensitive},
        {"hinge", Loss::hinge},
        {"squared_hinge", Loss::squared_hinge},
        {"modified_huber", Loss::modified_huber},
        {"perceptron", Loss::perceptron},
    };
    for (const auto& [word, loss] : losses)
        if (name == word) return loss;
    throw std::invalid_argument("unknown loss: " + name);
}

// A word, or {"kind": word, "delta", "quantile" or "epsilon": the loss's parameter}.
inline LossConfig loss_config(const py::object& loss) {
    if (!py::isinstance<py::dict>(loss)) return {loss_named(loss.cast<std::string>()), 0};
    const py::dict d = loss;
    LossConfig config{loss_named(d["kind"].cast<std::string>()), 0};
    for (const char* key : {"delta", "quantile", "epsilon"})
        if (d.contains(key)) config.parameter = d[key].cast<double>();
    return config;
}

}  // namespace steepest::STEEPEST_ISA
