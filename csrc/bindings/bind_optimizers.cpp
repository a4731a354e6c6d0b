#include "bindings/bind.hpp"
#include "bindings/descent_arguments.hpp"
#include "core/whole_step.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// Hyper-parameters, read once, and the names of the slots in the caller's state.
class Stepper {
  public:
    Stepper(const py::dict& config, py::list slots)
        : config_(optimizer_config(config)), slots_(std::move(slots)) {
        read(config, "rate_factor", rate_factor_);
        if (static_cast<int>(slots_.size()) != config_.slots())
            throw std::invalid_argument("slots do not fit the optimizer");
        Index accumulate = 1;
        read(config, "accumulate", accumulate);
        is_whole_ = accumulate > 1 || config_.needs_whole_gradient();
    }

    // One step in place, of theta, the slots and the count in the state; NotImplemented, and nothing changed,
    // unless all arrays are plain, writable where they must be, and of one type and shape, and one gradient
    // is all that a step needs.
    py::object step(const py::object& theta, const py::object& gradient, const py::object& state,
                    const py::object& learning_rate) const {
        if (is_whole_ || !py::isinstance<py::dict>(state)) return not_implemented();
        const auto entries = py::reinterpret_borrow<py::dict>(state);
        PyObject* count = PyDict_GetItemString(entries.ptr(), "step");
        if (!count || !PyLong_CheckExact(count)) return not_implemented();
        int overflow = 0;
        const Index steps = PyLong_AsLongLongAndOverflow(count, &overflow);
        if (overflow != 0 || steps < 0 || steps > (Index{1} << 62)) return not_implemented();
        return with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                T* slot[OptimizerConfig::max_slots] = {};
                py::object held[OptimizerConfig::max_slots];  // without the GIL, another thread may take the
                                                              // arrays out of the state
                for (std::size_t s = 0; s < slots_.size(); ++s) {
                    PyObject* array = PyDict_GetItem(entries.ptr(), slots_[s].ptr());
                    if (!array || !is_array_of<T>(array) || !fits(array, theta, true))
                        return not_implemented();
                    held[s] = py::reinterpret_borrow<py::object>(array);
                    slot[s] = writable_data<T>(array);
                }
                const std::optional<ScheduleFreeWeights> weights = weights_in(entries);
                if (!weights || !fits(theta, theta, true) || !fits(gradient, theta, false))
                    return not_implemented();
                const Index number = steps + 1, n = as_array(theta).size();
                const double rate =
                    learning_rate.is_none() ? config_.learning_rate : learning_rate.cast<double>();
                T* x = writable_data<T>(theta);
                const T* g = data<T>(gradient);
                Corrections corrections = CorrectionSeries::once(config_, number);
                if (config_.is_schedule_free()) corrections.share = weights->share(config_, rate, number);
                {
                    ReleaseGil release(n);
                    OptimizerStep<T>(config_, rate * rate_factor_, corrections, x, slot)(0, n, g, true);
                    if (config_.average.on())
                        average_in(config_.average, number, x, slot[config_.slots() - 1], n);
                }
                if (config_.is_schedule_free()) {
                    const ScheduleFreeWeights next = weights->after(config_, rate, number);
                    entries["weight_sum"] = next.sum;
                    entries["largest_rate"] = next.largest_rate;
                }
                entries["step"] = number;
                return py::none();
            },
            theta, gradient);
    }

    // The gradients of several arrays of one type, clipped together.
    py::list clipped(const py::list& gradients) const {
        py::list result;
        if (gradients.empty()) return result;
        with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                Pieces<T> pieces;
                for (py::handle gradient : gradients) {
                    if (!is_array_of<T>(gradient)) throw std::invalid_argument("gradients of another type");
                    const auto given = py::reinterpret_borrow<py::array_t<T>>(gradient);
                    const py::array_t<T> copy(
                        std::vector<py::ssize_t>(given.shape(), given.shape() + given.ndim()), given.data());
                    pieces.push_back({.g = writable_data<T>(copy),
                                      .n = as_array(copy).size(),
                                      .array = static_cast<int>(result.size())});
                    result.append(copy);
                }
                clip(config_, pieces);
                return py::none();
            },
            gradients[0]);
        return result;
    }

    // One step, number `number`, of several arrays as one: all are plain, and of one type. Returns the
    // scalars of the state after it.
    py::list whole_step(const py::list& thetas, const py::list& gradients, const py::list& slots_of_arrays,
                        const py::list& scalars, Index number, double rate, double loss) const {
        double state[OptimizerConfig::max_scalars] = {};
        read_scalars(scalars, state);
        if (thetas.empty()) return scalars;
        with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                Index total = 0;
                std::vector<std::vector<T>> clipped;  // gradients, which stay as they are
                Pieces<T> pieces;
                for (std::size_t a = 0; a < thetas.size(); ++a) {
                    const Index n = size_of_plain<T>(thetas[a], -1);
                    size_of_plain<T>(gradients[a], n);
                    const T* g = data<T>(gradients[a]);
                    clipped.emplace_back(g, g + n);
                    pieces.push_back({.x = writable_data<T>(thetas[a]),
                                      .g = clipped.back().data(),
                                      .n = n,
                                      .array = static_cast<int>(a)});
                    const auto of_array = slots_of_arrays[a].cast<py::list>();
                    for (std::size_t s = 0; s < slots_.size(); ++s) {
                        size_of_plain<T>(of_array[s], n);
                        pieces.back().slots[s] = writable_data<T>(of_array[s]);
                    }
                    total += n;
                }
                {
                    ReleaseGil release(total);
                    const double length = length_of_step(config_, pieces, number, rate, loss, state);
                    clip(config_, pieces);
                    step_pieces(config_, length, CorrectionSeries::once(config_, number), pieces, state);
                    for (const auto& piece : pieces)
                        if (config_.average.on())
                            average_in(config_.average, number, piece.x, piece.slots[config_.slots() - 1],
                                       piece.n);
                }
                return py::none();
            },
            thetas[0]);
        return scalars_list(state);
    }

  private:
    // The number of entries, which must be `wanted` unless that is -1.
    template <class T>
    static Index size_of_plain(py::handle array, Index wanted) {
        if (!is_array_of<T>(array) || (wanted >= 0 && as_array(array).size() != wanted))
            throw std::invalid_argument("the arrays of a step do not fit together");
        return as_array(array).size();
    }
    static bool fits(py::handle array, py::handle theta, bool writable) {
        const py::array a = as_array(array), b = as_array(theta);
        if (a.ndim() != b.ndim() || (writable && !a.writeable())) return false;
        for (py::ssize_t i = 0; i < a.ndim(); ++i)
            if (a.shape(i) != b.shape(i)) return false;
        return true;
    }

    // What a schedule-free mean has weighed so far, by the rate before its factor; nothing if it is not
    // there.
    std::optional<ScheduleFreeWeights> weights_in(const py::dict& entries) const {
        if (!config_.is_schedule_free()) return ScheduleFreeWeights{};
        PyObject* sum = PyDict_GetItemString(entries.ptr(), "weight_sum");
        PyObject* largest = PyDict_GetItemString(entries.ptr(), "largest_rate");
        if (!sum || !largest || !PyFloat_Check(sum) || !PyFloat_Check(largest)) return std::nullopt;
        return ScheduleFreeWeights{PyFloat_AsDouble(sum), PyFloat_AsDouble(largest)};
    }

    OptimizerConfig config_;
    py::list slots_;
    bool is_whole_ = false;
    double rate_factor_ = 1;
};

}  // namespace

void bind_optimizers(py::module_& m) {
    py::class_<Stepper>(m, "Stepper", py::module_local())
        .def(py::init<const py::dict&, py::list>())
        .def("step", &Stepper::step)
        .def("clipped", &Stepper::clipped)
        .def("whole_step", &Stepper::whole_step);
    m.def("schedule_factors", [](const py::dict& schedule, Index n) {
        const Schedule s = schedule_config(schedule);
        py::array_t<double> factors(n);
        for (Index t = 0; t < n; ++t) factors.mutable_at(t) = s.at(t);
        return factors;
    });
}

}  // namespace steepest::STEEPEST_ISA
