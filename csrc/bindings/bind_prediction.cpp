#include "bindings/bind.hpp"
#include "bindings/network_arguments.hpp"
#include "core/prediction.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

Answer answer_named(const std::string& name) {
    if (name == "output") return Answer::output;
    if (name == "exponential") return Answer::exponential;
    if (name == "logistic") return Answer::logistic;
    if (name == "softmax") return Answer::softmax;
    if (name == "log_softmax") return Answer::log_softmax;
    if (name == "two_classes") return Answer::two_classes;
    if (name == "log_two_classes") return Answer::log_two_classes;
    throw std::invalid_argument("unknown answer: " + name);
}

// Calls use(network, inputs, theta) for a network of these parameters; NotImplemented if they don't fit X or
// each other.
template <class F>
py::object with_network(const py::object& weights, const py::object& biases, const py::object& X,
                        const py::object& hidden, bool padded_output, F&& use) {
    return with_scalar_type(
        [&](auto t) -> py::object {
            using T = decltype(t);
            const auto parameters = ParameterArrays::from(weights, biases);
            const auto matrix = inputs<T>(X);
            if (!parameters || !matrix || matrix->is_polynomial() || matrix->is_product() ||
                !are_parameters<T>(*parameters))
                return not_implemented();
            NetworkConfig config;
            config.widths = widths_of(parameters->weights);
            if (matrix->cols != config.widths.front()) return not_implemented();
            config.hidden = hidden_activations(hidden, parameters->n_hidden());
            if (padded_output) config.loss.kind = Loss::softmax;
            const Network<T> network(std::move(config));
            Buffer<T> theta(network.size());
            parameters->pack(network, theta.data());
            return use(network, *matrix, theta.data());
        },
        entries_of(X));
}

// The answers, (n, columns); None if X has an entry that is not finite.
py::object network_answer(const py::object& weights, const py::object& biases, const py::object& X,
                          const py::object& hidden, const std::string& name, int n_threads) {
    const Answer answer = answer_named(name);
    const bool by_rows = answer == Answer::softmax || answer == Answer::log_softmax;
    return with_network(
        weights, biases, X, hidden, by_rows, [&](const auto& network, const auto& x, const auto* theta) {
            using T = std::remove_cv_t<std::remove_pointer_t<decltype(theta)>>;
            const Index outputs = network.n_outputs(), columns = answer_columns(answer, outputs);
            if (columns != outputs && outputs != 1) return not_implemented();
            auto answers = new_array<T>({x.rows, columns});
            T* to = answers.mutable_data();
            bool finite;
            {
                ReleaseGil release(static_cast<Index>(network.multiply_adds(x.rows)));
                finite = for_outputs(network, x, theta, n_threads,
                                     [&](Index first, Index rows, T* z, Index stride) {
                                         answer_rows(answer, rows, outputs, z, stride, to + first * columns);
                                     });
            }
            return finite ? py::object(std::move(answers)) : py::object(py::none());
        });
}

// Of each row the entry of `labels` at its class, (n,); None if X has an entry that is not finite.
py::object network_classes(const py::object& weights, const py::object& biases, const py::object& X,
                           const py::object& hidden, const py::object& labels_given, int n_threads) {
    if (!py::isinstance<py::array>(labels_given)) return not_implemented();
    const py::array labels = as_array(labels_given);
    if (labels.ndim() != 1 || !is_plain(labels) || labels.dtype().attr("hasobject").cast<bool>())
        return not_implemented();
    return with_network(
        weights, biases, X, hidden, false, [&](const auto& network, const auto& x, const auto* theta) {
            using T = std::remove_cv_t<std::remove_pointer_t<decltype(theta)>>;
            const Index outputs = network.n_outputs();
            if (labels.shape(0) < (outputs == 1 ? 2 : outputs)) return not_implemented();
            py::array classes(labels.dtype(), std::vector<py::ssize_t>{x.rows});
            const auto bytes = static_cast<std::size_t>(labels.itemsize());
            const auto* from = static_cast<const std::byte*>(labels.data());
            auto* to = static_cast<std::byte*>(classes.mutable_data());
            bool finite;
            {
                ReleaseGil release(static_cast<Index>(network.multiply_adds(x.rows)));
                finite = for_outputs(
                    network, x, theta, n_threads, [&](Index first, Index rows, T* z, Index stride) {
                        for (Index i = 0; i < rows; ++i) {
                            const auto of_row = static_cast<std::size_t>(class_of(outputs, z + i * stride));
                            std::memcpy(to + static_cast<std::size_t>(first + i) * bytes,
                                        from + of_row * bytes, bytes);
                        }
                    });
            }
            return finite ? py::object(std::move(classes)) : py::object(py::none());
        });
}

}  // namespace

void bind_prediction(py::module_& m) {
    m.def("network_answer", &network_answer);
    m.def("network_classes", &network_classes);
}

}  // namespace steepest::STEEPEST_ISA
