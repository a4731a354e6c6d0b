// The descent on each kind of objective. The caller's arrays stay as they are while it runs, so that a call
// that fails leaves them as they were: a network's parameters and slots come back in new arrays, and those of
// the others, which are small, are written once, at the end.
#include "bindings/bind.hpp"
#include "bindings/descent_arguments.hpp"
#include "bindings/flat_slots.hpp"
#include "bindings/listener.hpp"
#include "bindings/network_arguments.hpp"
#include "bindings/network_masks.hpp"
#include "core/descent.hpp"
#include "core/moments.hpp"
#include "core/polynomial_objective.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// Runs the descent without the GIL; signals and callbacks take it back for a moment. What they raise ends the
// descent cleanly and comes back under "exception". `parameters` copies theta into what Python may have of
// it.
template <class Objective>
DescentResult run(Objective& objective, const DescentConfig& config, Interrupt& interrupt,
                  CaughtError& caught, DescentHooks<typename Objective::Scalar> hooks,
                  const py::object& on_record, std::function<py::object()> parameters,
                  typename Objective::Scalar* theta, typename Objective::Scalar* gradient,
                  typename Objective::Scalar* const* slots) {
    Listener<typename Objective::Scalar> listener(on_record, std::move(parameters), interrupt, caught);
    listener.connect(hooks);
    py::gil_scoped_release release;
    return Descent<Objective>(objective, config, interrupt, hooks, theta, gradient, slots).run();
}

// A network's parameters and the optimizer's slots, in flat vectors while the descent runs.
template <class T>
struct NetworkState {
    Buffer<T> theta, slots[OptimizerConfig::max_slots];
    int reported_slot;  // -1: the parameters themselves are reported
    NetworkMask<T> mask;

    // Without slots they start as the optimizer says. The lists are emptied: arrays that nobody else holds
    // are freed.
    NetworkState(const Network<T>& network, const ParameterArrays& parameters, const py::object& slot_arrays,
                 const OptimizerConfig& optimizer)
        : reported_slot(optimizer.reports_last_slot() ? optimizer.slots() - 1 : -1) {
        const auto n_slots = static_cast<std::size_t>(optimizer.slots());
        std::vector<ParameterArrays> given;
        if (!slot_arrays.is_none()) given = slots_of(network, slot_arrays.cast<py::list>(), n_slots);
        theta.reserve(network.size());
        parameters.pack(network, theta.data());
        for (std::size_t s = 0; s < n_slots; ++s) {
            slots[s].reserve(network.size());
            if (const double value = optimizer.initial[s]; given.empty() && value != 0)
                std::fill_n(slots[s].data(), network.size(), static_cast<T>(value));
            if (given.empty() && optimizer.begins_at_parameters(static_cast<int>(s)))
                std::memcpy(slots[s].data(), theta.data(),
                            static_cast<std::size_t>(network.size()) * sizeof(T));
        }
        for (std::size_t s = 0; s < given.size(); ++s) given[s].pack(network, slots[s].data());
        parameters.clear();
        for (const ParameterArrays& slot : given) slot.clear();
    }

    const T* reported() const { return reported_slot < 0 ? theta.data() : slots[reported_slot].data(); }

    // In new arrays, while the flat vectors are freed one by one. The parameters are those that are reported.
    void unpack(const Network<T>& network, const OptimizerConfig& optimizer, py::dict& into) {
        if (reported_slot >= 0) {
            const ParameterArrays reported_now = new_parameters(network);
            reported_now.unpack(network, reported());
            into["weights"] = reported_now.weights;
            into["biases"] = reported_now.biases;
        }
        const ParameterArrays stepped = unpacked(network, std::move(theta));
        if (reported_slot >= 0) {
            into["stepped"] = py::make_tuple(stepped.weights, stepped.biases);
        } else {
            into["weights"] = stepped.weights;
            into["biases"] = stepped.biases;
        }
        py::list slot_arrays;
        for (int s = 0; s < optimizer.slots(); ++s) {
            const ParameterArrays slot = unpacked(network, std::move(slots[s]));
            slot_arrays.append(py::make_tuple(slot.weights, slot.biases));
        }
        into["slots"] = slot_arrays;
    }

  private:
    static std::vector<ParameterArrays> slots_of(const Network<T>& network, const py::list& slot_arrays,
                                                 std::size_t n_slots) {
        if (slot_arrays.size() != n_slots)
            throw std::invalid_argument("the state does not fit the optimizer");
        std::vector<ParameterArrays> slots;
        for (py::handle slot : slot_arrays) {
            const auto pair = slot.cast<py::tuple>();
            slots.push_back({pair[0].cast<py::list>(), pair[1].cast<py::list>()});
            require_parameters<T>(slots.back());
            if (widths_of(slots.back().weights) != network.config().widths)
                throw std::invalid_argument("the state does not fit the network");
        }
        return slots;
    }
    static ParameterArrays unpacked(const Network<T>& network, Buffer<T> flat) {
        const ParameterArrays arrays = new_parameters(network);
        arrays.unpack(network, flat.data());
        return arrays;
    }
};

// What only the descent needs is gone when it returns, before the results need memory.
template <class T>
DescentResult descend(const Network<T>& network, const Dataset<T>& data,
                      const std::optional<Dataset<T>>& held_out, const DescentConfig& config,
                      const py::object& on_record, const py::object& masks, CaughtError& caught,
                      NetworkState<T>& state) {
    const bool in_memory = config.by_points || config.optimizer.needs_whole_gradient();
    Buffer<T> gradient(in_memory ? network.size() : 0);
    T* slots[OptimizerConfig::max_slots];
    for (int s = 0; s < OptimizerConfig::max_slots; ++s) slots[s] = state.slots[s].data();
    Interrupt interrupt([&] { return caught.guard(check_signals); });
    NetworkObjective<T> objective(network, data, &interrupt, config.n_threads);
    DescentHooks<T> hooks;
    auto hold = [&](const py::object& by_layer) {
        state.mask.set(network, by_layer);
        state.mask.clear(network, config.optimizer, state.theta.data(), slots);
        objective.set_mask(state.mask.data());
    };
    if (!masks.is_none()) hold(masks);
    if (const py::object reshape = py::getattr(on_record, "reshape", py::none()); !reshape.is_none())
        hooks.reshape = [&, reshape](Index epochs) {
            const bool forget = caught.guard([&] {
                const py::object answer = reshape(epochs);
                if (py::isinstance<py::list>(answer)) hold(answer);
                return !py::isinstance<py::bool_>(answer) || answer.cast<bool>();
            });
            if (caught.raised()) interrupt.stop();
            return forget;
        };
    if (held_out)
        hooks.validate = [&](const T* at, Record& record) {
            const auto evaluation = objective.evaluate(*held_out, at);
            record.validation_loss = evaluation.loss;
            record.validation_score = evaluation.score;
        };
    auto parameters = [&] {
        const ParameterArrays arrays = new_parameters(network);
        arrays.unpack(network, state.reported());
        return py::make_tuple(arrays.weights, arrays.biases);
    };
    return run(objective, config, interrupt, caught, std::move(hooks), on_record, parameters,
               state.theta.data(), gradient.data(), slots);
}

template <class T>
py::dict network_descent(const ParameterArrays& parameters, const py::object& slot_arrays,
                         const py::tuple& training, const py::object& validation, NetworkConfig model,
                         const py::object& masks, const DescentConfig& config, const py::object& on_record) {
    require_parameters<T>(parameters);
    model.widths = widths_of(parameters.weights);
    require_strengths(model);
    const Network<T> network(std::move(model));
    const Dataset<T> data = dataset<T>(training[0], training[1], training[2], network.config());
    std::optional<Dataset<T>> held_out;
    if (!validation.is_none()) {
        const auto parts = validation.cast<py::tuple>();
        held_out = dataset<T>(parts[0], parts[1], parts[2], network.config());
    }
    NetworkState<T> state(network, parameters, slot_arrays, config.optimizer);
    CaughtError caught;
    py::dict result =
        finished(descend(network, data, held_out, config, on_record, masks, caught, state), caught);
    state.unpack(network, config.optimizer, result);
    return result;
}

template <class T>
py::dict polynomial_descent(const py::object& theta, const py::list& slot_arrays, const py::tuple& training,
                            const py::object& validation, const py::object& recurrence, double l1, double l2,
                            const DescentConfig& config, const py::object& on_record) {
    const Index size = as_array(theta).size(), degree = size - 1;
    const py::object x = training[0], y = training[1], w = training[2];
    const Index n = as_array(x).size();
    if (!is_array_of<double>(theta) || size == 0 || !is_array_of<T>(y) || as_array(y).size() != n)
        throw std::invalid_argument("theta, x and y do not fit together");
    const T* weights = weights_of<T>(w, n);
    std::vector<double> at(data<double>(theta), data<double>(theta) + size), gradient(at.size());
    FlatSlots<double> slots(slot_arrays, config.optimizer, size);
    CaughtError caught;
    Interrupt interrupt([&] { return caught.guard(check_signals); });
    PolynomialObjective<T> objective(basis_from(recurrence, degree), degree, {data<T>(x), n}, data<T>(y),
                                     weights, l1, l2, &interrupt);
    DescentHooks<double> hooks;
    if (!validation.is_none()) {
        const auto parts = validation.cast<py::tuple>();
        const Index held_out = as_array(parts[0]).size();
        if (!is_array_of<T>(parts[0]) || !is_array_of<T>(parts[1]) || as_array(parts[1]).size() != held_out)
            throw std::invalid_argument("the validation data do not fit together");
        const T *x_held = data<T>(parts[0]), *y_held = data<T>(parts[1]);
        const T* w_held = weights_of<T>(parts[2], held_out);
        hooks.validate = [&objective, x_held, y_held, w_held, held_out](const double* theta_now,
                                                                        Record& record) {
            const auto evaluation = objective.evaluate(theta_now, x_held, y_held, w_held, held_out);
            record.validation_loss = evaluation.loss;
            record.validation_score = evaluation.score;
        };
    }
    auto parameters = [&] { return copy_of(slots.reported(at), size); };
    const DescentResult result = run(objective, config, interrupt, caught, std::move(hooks), on_record,
                                     parameters, at.data(), gradient.data(), slots.pointers);
    slots.write_reported(at, theta);
    slots.write_back(slot_arrays);
    return finished(result, caught);
}

// theta: (outputs, features), as the moments are.
py::dict moments_descent(const py::object& theta, const py::list& slot_arrays, const Moments& moments,
                         const Moments* validation, double l1, double l2, const DescentConfig& config,
                         const py::object& on_record) {
    CaughtError caught;
    Interrupt interrupt([&] { return caught.guard(check_signals); });
    MomentsObjective objective(moments, l1, l2, &interrupt);
    const Index size = objective.size();
    if (!is_array_of<double>(theta) || as_array(theta).size() != size ||
        (validation && (validation->features != moments.features || validation->outputs != moments.outputs)))
        throw std::invalid_argument("theta and the moments do not fit together");
    std::vector<double> at(data<double>(theta), data<double>(theta) + size);
    at.resize(at.size() + MomentsObjective::slack);
    std::vector<double> gradient(at.size());
    FlatSlots<double> slots(slot_arrays, config.optimizer, size, MomentsObjective::slack);
    DescentHooks<double> hooks;
    std::optional<MomentsObjective> held_out;
    if (validation) {
        held_out.emplace(*validation, 0.0, 0.0, nullptr);
        hooks.validate = [&](const double* theta_now, Record& record) {
            const auto evaluation = held_out->evaluate(theta_now);
            record.validation_loss = evaluation.loss;
            record.validation_score = evaluation.score;
        };
    }
    auto parameters = [&] { return copy_of(slots.reported(at), size); };
    const DescentResult result = run(objective, config, interrupt, caught, std::move(hooks), on_record,
                                     parameters, at.data(), gradient.data(), slots.pointers);
    slots.write_reported(at, theta);
    slots.write_back(slot_arrays);
    return finished(result, caught);
}

NetworkConfig network_config(const py::dict& d, std::size_t n_hidden) {
    NetworkConfig c;
    c.hidden = hidden_activations(d["hidden"], n_hidden);
    c.dropout = dropout_config(d, n_hidden);
    c.output = activation_named(d["output"].cast<std::string>());
    c.loss = loss_config(d["loss"]);
    read(d, "output_scale", c.output_scale);
    if (d.contains("l1")) c.l1 = strengths(d["l1"]);
    if (d.contains("l2")) c.l2 = strengths(d["l2"]);
    read(d, "l2_per_row", c.l2_per_row);
    read(d, "no_bias", c.no_bias);
    read(d, "weights_by_batch", c.weights_by_batch);
    if (d.contains("frozen")) c.frozen = frozen_layers(d["frozen"]);
    if (d.contains("group_lasso")) c.group_lasso = strengths(d["group_lasso"]);
    if (d.contains("max_norm")) c.max_norm = strengths(d["max_norm"]);
    return c;
}

}  // namespace

void bind_descent(py::module_& m) {
    m.def("network_descent", [](py::list weights, py::list biases, py::object slots, py::tuple training,
                                py::object validation, py::dict model, py::dict config,
                                py::object on_record) {
        const DescentConfig c = descent_config(config);
        return with_scalar_type(
            [&](auto t) -> py::object {
                const py::object masks = model.contains("masks") ? py::object(model["masks"]) : py::none();
                return network_descent<decltype(t)>({weights, biases}, slots, training, validation,
                                                    network_config(model, weights.size() - 1), masks, c,
                                                    on_record);
            },
            entries_of(training[0]));
    });
    m.def("polynomial_descent",
          [](py::object theta, py::list slots, py::tuple training, py::object validation,
             py::object recurrence, double l1, double l2, py::dict config, py::object on_record) {
              const DescentConfig c = descent_config(config);
              return with_scalar_type(
                  [&](auto t) -> py::object {
                      return polynomial_descent<decltype(t)>(theta, slots, training, validation, recurrence,
                                                             l1, l2, c, on_record);
                  },
                  training[0]);
          });
    m.def("moments_descent", [](py::object theta, py::list slots, const Moments& moments,
                                const Moments* validation, double l1, double l2, py::dict config,
                                py::object on_record) {
        return moments_descent(theta, slots, moments, validation, l1, l2, descent_config(config), on_record);
    });
}

}  // namespace steepest::STEEPEST_ISA
