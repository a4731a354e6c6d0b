// The linear model is a network without hidden layers, with a pass of its own for one output in double; theta
// (1 + d,) or (1 + d, K) has the intercepts in row 0.
#include "bindings/bind.hpp"
#include "core/linear_pass.hpp"
#include "core/network_objective.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// The layer's parameters within theta: row 0 is the bias, the rest the weights.
template <class T>
void pack_linear(const Network<T>& network, const T* theta, T* flat) {
    const auto& layer = network.layers().front();
    layer.pack(theta + layer.n_out, theta, flat);
}

bool is_theta(py::handle theta) {
    const auto rank = as_array(theta).ndim();
    return rank == 1 || rank == 2;
}

py::object linear_predict(py::object theta, py::object X) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (!is_theta(theta) || as_array(X).ndim() != 2) return not_implemented();
            const auto parameters = matrix<T>(theta), inputs = matrix<T>(X);
            if (parameters.rows != inputs.cols + 1) return not_implemented();
            const Network<T> network({.widths = {inputs.cols, parameters.cols}});
            auto shape = std::vector<py::ssize_t>{inputs.rows};
            if (as_array(theta).ndim() == 2) shape.push_back(parameters.cols);
            auto prediction = new_array<T>(shape);
            T* f = prediction.mutable_data();
            {
                ReleaseGil release(inputs.size());
                Buffer<T> flat(network.size());
                pack_linear(network, parameters.data, flat.data());
                forward_blocks<T>(network, inputs, flat.data(), {f});
            }
            return prediction;
        },
        theta, X);
}

py::object linear_loss_gradient(py::object theta, py::object X, py::object y) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            if (!is_theta(theta) || as_array(X).ndim() != 2 || as_array(theta).ndim() != as_array(y).ndim())
                return not_implemented();
            const auto parameters = matrix<T>(theta), inputs = matrix<T>(X), targets = matrix<T>(y);
            if (inputs.rows == 0 || parameters.cols == 0 || parameters.rows != inputs.cols + 1 ||
                targets.rows != inputs.rows || targets.cols != parameters.cols)
                return not_implemented();
            auto gradient = new_array<T>(shape_of(theta));
            T* d = gradient.mutable_data();
            double loss;
            {
                ReleaseGil release(inputs.size());
                if (sizeof(T) == sizeof(double) && parameters.cols == 1) {
                    // In float, the loss is that of the prediction as linear_predict rounds it.
                    loss = LinearPass<T>(inputs.cols).loss_gradient(inputs, targets.data, parameters.data, d);
                } else {
                    const Network<T> network({.widths = {inputs.cols, parameters.cols},
                                              .output_scale = 1.0 / static_cast<double>(parameters.cols)});
                    Buffer<T> flat(network.size()), flat_gradient(network.size());
                    pack_linear(network, parameters.data, flat.data());
                    NetworkObjective<T> objective(network, {.X = inputs, .y = targets.data});
                    loss = objective.loss_gradient(Rows{nullptr, 0, inputs.rows}, flat.data(),
                                                   flat_gradient.data());
                    network.layers().front().unpack(flat_gradient.data(), d + parameters.cols, d);
                }
            }
            return py::make_tuple(loss, gradient);
        },
        theta, X, y);
}

}  // namespace

void bind_linear(py::module_& m) {
    m.def("linear_predict", &linear_predict);
    m.def("linear_loss_gradient", &linear_loss_gradient);
}

}  // namespace steepest::STEEPEST_ISA
