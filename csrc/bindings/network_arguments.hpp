// Lists of weight and bias arrays, and the words for activations, as the core's network.
#pragma once

#include "bindings/arrays.hpp"
#include "bindings/loss_arguments.hpp"
#include "core/network_objective.hpp"

namespace steepest::STEEPEST_ISA {

inline Activation activation_named(const std::string& name) {
    if (name == "relu") return Activation::relu;
    if (name == "tanh") return Activation::tanh;
    if (name == "logistic") return Activation::logistic;
    if (name == "identity") return Activation::identity;
    throw std::invalid_argument("unknown activation: " + name);
}

// Of a penalty: a number for all layers or a list with one for each.
inline Strengths strengths(const py::object& value) {
    if (!py::isinstance<py::list>(value)) return {value.cast<double>()};
    Strengths of_layers;
    for (py::handle layer : value) of_layers.push_back(layer.cast<double>());
    return of_layers;
}

inline void require_strengths(const NetworkConfig& config) {
    if (!config.frozen.empty() && config.frozen.size() + 1 != config.widths.size())
        throw std::invalid_argument("what is frozen does not fit the layers");
    for (const Strengths* strengths : {&config.l1, &config.l2, &config.group_lasso, &config.max_norm})
        if (strengths->size() > 1 && strengths->size() + 1 != config.widths.size())
            throw std::invalid_argument("the penalties do not fit the layers");
}

// A word for all hidden layers, or a list with one for each.
inline std::vector<Activation> hidden_activations(py::handle words, std::size_t n_hidden) {
    if (py::isinstance<py::str>(words))
        return std::vector<Activation>(n_hidden, activation_named(words.cast<std::string>()));
    std::vector<Activation> activations;
    for (py::handle word : words) activations.push_back(activation_named(word.cast<std::string>()));
    if (activations.size() != n_hidden)
        throw std::invalid_argument("activations do not fit the hidden layers");
    return activations;
}

// The model's "dropout", one rate for each hidden layer, with its seed and the first step's number.
inline DropoutConfig dropout_config(const py::dict& model, std::size_t n_hidden) {
    DropoutConfig config;
    if (!model.contains("dropout")) return config;
    for (py::handle p : model["dropout"]) config.rates.push_back(DropoutRate::nearest(p.cast<double>()));
    if (config.rates.size() != n_hidden)
        throw std::invalid_argument("dropout does not fit the hidden layers");
    config.seed = model["dropout_seed"].cast<std::uint64_t>();
    config.first_step = model["dropout_step"].cast<Index>();
    return config;
}

// A pair for each layer: whether its weights get no step, and its biases.
inline std::vector<Frozen> frozen_layers(py::handle layers) {
    std::vector<Frozen> frozen;
    for (py::handle layer : layers) {
        const auto pair = layer.cast<std::pair<bool, bool>>();
        frozen.push_back({pair.first, pair.second});
    }
    return frozen;
}

// The parameters of a network as the caller holds them: weights[l] (n_in, n_out), biases[l] (n_out,).
struct ParameterArrays {
    py::list weights, biases;

    // From lists or tuples; empty for anything else.
    static std::optional<ParameterArrays> from(const py::object& w, const py::object& b) {
        auto listed = [](const py::object& o) {
            return py::isinstance<py::list>(o) || py::isinstance<py::tuple>(o);
        };
        if (!listed(w) || !listed(b)) return std::nullopt;
        return ParameterArrays{py::list(w), py::list(b)};
    }

    std::size_t n_hidden() const { return weights.size() - 1; }

    template <class T>
    void pack(const Network<T>& network, T* theta) const {
        for (std::size_t l = 0; l < network.layers().size(); ++l)
            network.layers()[l].pack(data<T>(weights[l]), data<T>(biases[l]), theta);
    }
    template <class T>
    void unpack(const Network<T>& network, const T* theta) const {
        for (std::size_t l = 0; l < network.layers().size(); ++l)
            network.layers()[l].unpack(theta, writable_data<T>(weights[l]), writable_data<T>(biases[l]));
    }
    void clear() const {
        weights.attr("clear")();
        biases.attr("clear")();
    }
};

template <class T>
ParameterArrays new_parameters(const Network<T>& network) {
    ParameterArrays arrays;
    for (const auto& layer : network.layers()) {
        arrays.weights.append(new_array<T>({layer.n_in, layer.n_out}));
        arrays.biases.append(new_array<T>({layer.n_out}));
    }
    return arrays;
}

inline std::vector<Index> widths_of(const py::list& weights) {
    std::vector<Index> widths{as_array(weights[0]).shape(0)};
    for (py::handle w : weights) widths.push_back(as_array(w).shape(1));
    return widths;
}

// Whether the arrays are plain, of type T, and chain: weights[l] (n_in, n_out), biases[l] (n_out,).
template <class T>
bool are_parameters(const ParameterArrays& p) {
    if (p.weights.empty() || p.weights.size() != p.biases.size()) return false;
    Index width = -1;
    for (std::size_t l = 0; l < p.weights.size(); ++l) {
        py::handle w = p.weights[l], b = p.biases[l];
        if (!is_array_of<T>(w) || !is_array_of<T>(b)) return false;
        const py::array weights = as_array(w), bias = as_array(b);
        if (weights.ndim() != 2 || bias.ndim() != 1 || bias.shape(0) != weights.shape(1)) return false;
        if (width >= 0 && weights.shape(0) != width) return false;
        width = weights.shape(1);
    }
    return true;
}

// The estimators have checked everything; here only what would be unsafe is refused.
template <class T>
void require_parameters(const ParameterArrays& p) {
    if (!are_parameters<T>(p)) throw std::invalid_argument("parameters of another type, layout or shape");
}

template <class T>
Dataset<T> dataset(const py::object& X, py::handle y, py::handle sample_weight, const NetworkConfig& model) {
    const auto& widths = model.widths;
    const auto matrix = inputs<T>(X);
    if (!matrix) throw std::invalid_argument("X is of another type or layout");
    Dataset<T> set;
    set.X = *matrix;
    if (set.X.cols != widths.front()) throw std::invalid_argument("X does not fit the first layer");
    const py::array target = as_array(y);
    if (is_class_array(y)) {
        if (!is_classification(model.loss.kind) || !are_classes(y, set.X.rows, widths.back()))
            throw std::invalid_argument("classes do not fit X, the loss and the last layer");
        set.classes = data<std::int64_t>(y);
    } else {
        if (!is_array_of<T>(y) || target.size() != set.X.rows * widths.back())
            throw std::invalid_argument("y does not fit X and the last layer");
        set.y = data<T>(y);
    }
    set.weights = weights_of<T>(sample_weight, set.X.rows);
    return set;
}

}  // namespace steepest::STEEPEST_ISA
