#include "bindings/bind.hpp"
#include "bindings/descent_arguments.hpp"

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
    }

    // One step in place, of theta, the slots and the count in the state; NotImplemented, and nothing changed,
    // unless all arrays are plain, writable where they must be, and of one type and shape.
    py::object step(const py::object& theta, const py::object& gradient, const py::object& state,
                    const py::object& learning_rate) const {
        if (!py::isinstance<py::dict>(state)) return not_implemented();
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

  private:
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
    double rate_factor_ = 1;
};

}  // namespace

void bind_optimizers(py::module_& m) {
    py::class_<Stepper>(m, "Stepper", py::module_local())
        .def(py::init<const py::dict&, py::list>())
        .def("step", &Stepper::step);
    m.def("schedule_factors", [](const py::dict& schedule, Index n) {
        const Schedule s = schedule_config(schedule);
        py::array_t<double> factors(n);
        for (Index t = 0; t < n; ++t) factors.mutable_at(t) = s.at(t);
        return factors;
    });
}

}  // namespace steepest::STEEPEST_ISA
