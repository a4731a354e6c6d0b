#include "bindings/bind.hpp"
#include "bindings/network_arguments.hpp"
#include "core/input_gradient.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// Whether the network can take X as it is.
template <class T>
bool accepts(const ParameterArrays& parameters, const std::optional<Inputs<T>>& X) {
    return are_parameters<T>(parameters) && X && X->cols == as_array(parameters.weights[0]).shape(0);
}

// Whether y fits X and the output: classes in range if the loss is of classes, otherwise (n, K), or (n,) for
// one output.
template <class T>
bool accepts_target(py::handle y, Index rows, Index outputs, Loss loss) {
    if (!py::isinstance<py::array>(y) || rows == 0 || outputs == 0) return false;
    const py::array target = as_array(y);
    if (is_classification(loss) && is_class_array(y)) return are_classes(y, rows, outputs);
    if (!is_array_of<T>(y) || target.ndim() == 0 || target.shape(0) != rows) return false;
    return target.ndim() == 2 ? target.shape(1) == outputs : target.ndim() == 1 && outputs == 1;
}

// The activations of all layers.
template <class T>
py::list forward(const ParameterArrays& parameters, const Inputs<T>& inputs, py::handle hidden,
                 Activation output) {
    const Network<T> network({.widths = widths_of(parameters.weights),
                              .hidden = hidden_activations(hidden, parameters.n_hidden()),
                              .output = output});
    py::list activations;
    std::vector<T*> out;
    for (const auto& layer : network.layers()) {
        auto a = new_array<T>({inputs.rows, layer.n_out});
        out.push_back(a.mutable_data());
        activations.append(std::move(a));
    }
    Buffer<T> theta(network.size());
    parameters.pack(network, theta.data());
    ReleaseGil release(static_cast<Index>(network.multiply_adds(inputs.rows)));
    forward_blocks(network, inputs, theta.data(), out);
    return activations;
}

py::object activations(const py::object& weights, const py::object& biases, const py::object& X,
                       const py::object& hidden, const std::string& output) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const auto parameters = ParameterArrays::from(weights, biases);
            const auto matrix = inputs<T>(X);
            if (!parameters || !accepts<T>(*parameters, matrix)) return not_implemented();
            return forward<T>(*parameters, *matrix, hidden, activation_named(output));
        },
        entries_of(X));
}

OutputFunction output_function_named(const std::string& name) {
    if (name == "identity") return OutputFunction::identity;
    if (name == "relu") return OutputFunction::relu;
    if (name == "exp") return OutputFunction::exp;
    if (name == "logistic") return OutputFunction::logistic;
    if (name == "softmax") return OutputFunction::softmax;
    throw std::invalid_argument("unknown output: " + name);
}

template <class T>
py::object input_gradient(const ParameterArrays& parameters, const Inputs<T>& inputs, py::handle hidden,
                          OutputFunction output) {
    const Network<T> network({.widths = widths_of(parameters.weights),
                              .hidden = hidden_activations(hidden, parameters.n_hidden())});
    auto gradient = new_array<T>({inputs.rows, network.n_outputs(), inputs.cols});
    T* out = gradient.mutable_data();
    Buffer<T> theta(network.size());
    parameters.pack(network, theta.data());
    ReleaseGil release(static_cast<Index>(network.multiply_adds(inputs.rows)) * network.n_outputs());
    input_gradients(network, inputs, theta.data(), output, out);
    return gradient;
}

template <class T>
py::tuple loss_gradient(const ParameterArrays& parameters, const py::object& X, py::handle y,
                        py::handle sample_weight, NetworkConfig config) {
    config.widths = widths_of(parameters.weights);
    require_strengths(config);
    const Network<T> network(std::move(config));
    const Dataset<T> set = dataset<T>(X, y, sample_weight, network.config());
    const ParameterArrays gradient_arrays = new_parameters(network);
    Buffer<T> theta(network.size()), gradient(network.size());
    parameters.pack(network, theta.data());
    double loss;
    {
        ReleaseGil release(static_cast<Index>(network.multiply_adds(set.X.rows)));
        NetworkObjective<T> objective(network, set);
        loss = objective.loss_gradient(Rows{nullptr, 0, set.X.rows}, theta.data(), gradient.data());
    }
    gradient_arrays.unpack(network, gradient.data());
    return py::make_tuple(loss, gradient_arrays.weights, gradient_arrays.biases);
}

// d_X, d_weights, d_bias of output = activation(X W + b).
template <class T>
py::tuple dense_layer_backward(py::handle X, py::handle weights, py::handle output, py::handle d_output,
                               Activation activation) {
    const auto x = matrix<T>(X), w = matrix<T>(weights), a = matrix<T>(output), d_a = matrix<T>(d_output);
    const DenseLayout<T> layer(w.rows, w.cols, 0);
    const Index in_stride = padded<T>(layer.n_in), out_stride = padded<T>(layer.n_out), rows = x.rows;
    auto d_X = new_array<T>({rows, layer.n_in});
    auto d_weights = new_array<T>({layer.n_in, layer.n_out});
    auto d_bias = new_array<T>({layer.n_out});
    T *d_x = d_X.mutable_data(), *d_w = d_weights.mutable_data(), *d_b = d_bias.mutable_data();
    {
        ReleaseGil release(rows * w.size());
        Buffer<T> theta(layer.end()), gradient(layer.end()), no_bias(layer.n_out);
        Buffer<T> input(rows * in_stride), d_input(rows * in_stride), d_z(rows * out_stride);
        layer.pack(w.data, no_bias.data(), theta.data());
        copy_rows(rows, layer.n_in, x.data, layer.n_in, input.data(), in_stride);
        copy_rows(rows, layer.n_out, d_a.data, layer.n_out, d_z.data(), out_stride);
        for (Index i = 0; i < rows; ++i)
            activation_backward_in_place(activation, a.row(i), d_z.data() + i * out_stride, layer.n_out);
        PackBuffers<T> buffers;
        PieceNorms norms;
        GradientSink<T> sink;
        sink.gradient = gradient.data();
        dense_backward_parameters(layer, rows, input.data(), in_stride, d_z.data(), out_stride, sink, 0, 1,
                                  buffers, norms);
        dense_backward_input(layer, Activation::identity, rows, input.data(), in_stride, d_z.data(),
                             out_stride, theta.data(), d_input.data(), in_stride, buffers);
        layer.unpack(gradient.data(), d_w, d_b);
        copy_rows(rows, layer.n_in, d_input.data(), in_stride, d_x, layer.n_in);
    }
    return py::make_tuple(d_X, d_weights, d_bias);
}

}  // namespace

void bind_network(py::module_& m) {
    m.def("network_forward",
          [](py::object weights, py::object biases, py::object X, py::object hidden,
             const std::string& output) { return activations(weights, biases, X, hidden, output); });
    m.def("network_input_gradient", [](py::object weights, py::object biases, py::object X, py::object hidden,
                                       const std::string& output) {
        return with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                const auto parameters = ParameterArrays::from(weights, biases);
                const auto matrix = inputs<T>(X);
                if (!parameters || !accepts<T>(*parameters, matrix)) return not_implemented();
                return input_gradient<T>(*parameters, *matrix, hidden, output_function_named(output));
            },
            entries_of(X));
    });
    // A negative output_scale stands for 1 / K, the mean over the outputs. What is frozen has a gradient of
    // 0.
    auto loss_and_gradient = [](py::object weights, py::object biases, py::object X, py::object y,
                                py::object sample_weight, py::object hidden, const std::string& output,
                                py::object loss, double output_scale, const py::object& l2,
                                const py::object& frozen) {
        return with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                const auto parameters = ParameterArrays::from(weights, biases);
                const auto matrix = inputs<T>(X);
                if (!parameters || !accepts<T>(*parameters, matrix)) return not_implemented();
                const auto outputs = widths_of(parameters->weights).back();
                if (!accepts_target<T>(y, matrix->rows, outputs, loss_config(loss).kind))
                    return not_implemented();
                return loss_gradient<T>(
                    *parameters, X, y, sample_weight,
                    {.widths = {},
                     .hidden = hidden_activations(hidden, parameters->n_hidden()),
                     .output = activation_named(output),
                     .loss = loss_config(loss),
                     .output_scale = output_scale < 0 ? 1.0 / static_cast<double>(outputs) : output_scale,
                     .l2 = strengths(l2),
                     .weights_by_batch = !sample_weight.is_none(),
                     .frozen = frozen_layers(frozen)});
            },
            entries_of(X));
    };
    m.def("network_loss_gradient", loss_and_gradient, py::arg(), py::arg(), py::arg(), py::arg(), py::arg(),
          py::arg(), py::arg(), py::arg(), py::arg(), py::arg(), py::arg() = py::tuple());
    m.def("dense_backward", [](py::object X, py::object weights, py::object output, py::object d_output,
                               const std::string& activation) {
        return with_scalar_type(
            [&](auto t) -> py::object {
                const py::array x = as_array(X), w = as_array(weights), a = as_array(output),
                                d = as_array(d_output);
                if (x.ndim() != 2 || w.ndim() != 2 || a.ndim() != 2 || d.ndim() != 2 ||
                    x.shape(1) != w.shape(0) || a.shape(0) != x.shape(0) || d.shape(0) != x.shape(0) ||
                    a.shape(1) != w.shape(1) || d.shape(1) != w.shape(1))
                    return not_implemented();
                return dense_layer_backward<decltype(t)>(X, weights, output, d_output,
                                                         activation_named(activation));
            },
            X, weights, output, d_output);
    });
}

}  // namespace steepest::STEEPEST_ISA
