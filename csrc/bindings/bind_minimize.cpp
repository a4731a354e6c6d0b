// Descents on functions of the caller's: one, or many at once; in Python, or compiled.
#include "bindings/bind.hpp"
#include "bindings/flat_slots.hpp"
#include "core/many_descents.hpp"
#include "core/test_functions.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// J: R^m -> R by a Python function x -> (value, gradient). The GIL is held: there is nothing to do without
// it.
template <class T>
class PythonObjective : public FunctionObjective<T> {
  public:
    PythonObjective(py::object function, Index size, Interrupt& interrupt, CaughtError& caught)
        : FunctionObjective<T>(size),
          function_(std::move(function)),
          interrupt_(interrupt),
          caught_(caught) {}

    double loss_gradient(Rows, const T* theta, T* gradient) {
        const Index size = this->size();
        double value = 0;
        caught_.guard([&] {
            py::array_t<T> x(size);  // a fresh one, which the function may keep
            std::memcpy(x.mutable_data(), theta, static_cast<std::size_t>(size) * sizeof(T));
            const auto pair = function_(x).template cast<py::tuple>();
            value = pair[0].template cast<double>();
            if (!is_array_of<T>(pair[1]) || as_array(pair[1]).size() != size)
                throw std::invalid_argument("the gradient does not fit x");
            std::memcpy(gradient, data<T>(pair[1]), static_cast<std::size_t>(size) * sizeof(T));
            return false;
        });
        if (caught_.raised()) interrupt_.stop();
        return this->penalised(value, theta, gradient);
    }

  private:
    py::object function_;
    Interrupt& interrupt_;
    CaughtError& caught_;
};

// A compiled function is the tuple (address, type of n, whether it takes data, their address).
CompiledFunction compiled_function(const py::tuple& parts) {
    using Count = CompiledFunction::Count;
    static const std::map<std::string, Count> counts = {{"int32", Count::int32},
                                                        {"uint32", Count::uint32},
                                                        {"int64", Count::int64},
                                                        {"uint64", Count::uint64}};
    if (parts.size() != 4) throw std::invalid_argument("a compiled function has four parts");
    CompiledFunction function;
    function.address = parts[0].cast<std::uintptr_t>();
    if (!function.address) throw std::invalid_argument("a compiled function has an address");
    function.count = counts.at(parts[1].cast<std::string>());
    function.takes_data = parts[2].cast<bool>();
    function.data = reinterpret_cast<void*>(parts[3].cast<std::uintptr_t>());
    return function;
}

// What a signal's handler raises; and what a compiled function has raised and left behind.
bool check_python() {
    if (PyErr_Occurred()) throw py::error_already_set();
    return check_signals();
}

// Nothing that was raised stays behind when the call returns.
void clear_python(CaughtError& caught) {
    caught.guard(check_python);
    PyErr_Clear();
}

py::dict history_columns(const std::vector<Record>& history) {
    auto column = [&]<class V>(V Record::* field) {
        py::array_t<V> values(static_cast<py::ssize_t>(history.size()));
        V* value = values.mutable_data();
        for (const Record& record : history) *value++ = record.*field;
        return values;
    };
    py::dict d;
    d["step"] = column(&Record::step);
    d["loss"] = column(&Record::loss);
    d["gradient_norm"] = column(&Record::gradient_norm);
    d["learning_rate"] = column(&Record::learning_rate);
    d["seconds"] = column(&Record::seconds);
    return d;
}

// on_record(record, x, gradient); the path holds the point of every record, one after the other.
template <class T>
py::dict minimize(const py::object& function, const py::object& theta, const py::list& slot_arrays,
                  const DescentConfig& config, const py::object& on_record, bool record_path) {
    const Index size = as_array(theta).size();
    std::vector<T> at(data<T>(theta), data<T>(theta) + size), gradient(at.size()), path;
    FlatSlots<T> slots(slot_arrays, config.optimizer, size);
    CaughtError caught;
    Interrupt interrupt([&] { return caught.guard(check_python); });
    DescentHooks<T> hooks;
    if (record_path || !on_record.is_none())
        hooks.on_record = [&](const Record& record, const T* x, const T* g) {
            if (record_path) path.insert(path.end(), x, x + size);
            if (on_record.is_none()) return false;
            const bool stop = caught.guard([&] {
                return py::bool_(on_record(record_tuple(record), copy_of(x, size), copy_of(g, size)))
                    .cast<bool>();
            });
            if (caught.raised()) interrupt.stop();
            return stop;
        };
    auto descend = [&](auto&& objective) {
        using Objective = std::remove_cvref_t<decltype(objective)>;
        Descent<Objective> descent(objective, config, interrupt, hooks, at.data(), gradient.data(),
                                   slots.pointers);
        DescentResult ended = descent.run();
        require_value(objective, interrupt, ended, descent.reported(), gradient.data());
        return ended;
    };
    DescentResult result;
    if (!py::isinstance<py::tuple>(function)) {
        result = descend(PythonObjective<T>(function, size, interrupt, caught));
    } else if constexpr (std::is_same_v<T, double>) {
        const CompiledFunction compiled = compiled_function(py::reinterpret_borrow<py::tuple>(function));
        const std::function<bool()> has_raised = [&] { return caught.guard(check_python); };
        {
            py::gil_scoped_release release;
            result = descend(CompiledObjective(compiled, size, interrupt, has_raised));
        }
        clear_python(caught);
    } else {
        throw std::invalid_argument("compiled functions are of float64");
    }
    slots.write_reported(at, theta);
    slots.write_back(slot_arrays);
    const std::vector<Record> history = std::move(result.history);
    result.history.clear();
    py::dict d = finished(result, caught);
    d["history"] = history_columns(history);
    d["loss"] = result.last.loss;
    d["gradient"] = copy_of(gradient.data(), size);
    if (slots.reported_slot >= 0) d["stepped"] = copy_of(at.data(), size);
    if (record_path) d["path"] = copy_of(path.data(), static_cast<Index>(path.size()));
    return d;
}

template <class T>
void require_starts(const py::object& x, const py::list& slot_arrays, const OptimizerConfig& optimizer) {
    if (!is_array_of<T>(x) || as_array(x).ndim() != 2)
        throw std::invalid_argument("x must be the starts, one in a row");
    FlatSlots<T>(slot_arrays, optimizer, as_array(x).size());  // throws
}

// Of the results of many descents one array each.
py::dict results_dict(const std::vector<DescentResult>& results, const CaughtError& caught) {
    const auto count = static_cast<py::ssize_t>(results.size());
    py::array_t<Index> n_steps(count), n_evaluations(count);
    py::list status;
    for (py::ssize_t i = 0; i < count; ++i) {
        const DescentResult& result = results[static_cast<std::size_t>(i)];
        n_steps.mutable_at(i) = result.n_steps;
        n_evaluations.mutable_at(i) = result.n_evaluations;
        status.append(name(result.status));
    }
    py::dict d;
    d["n_steps"] = n_steps;
    d["n_evaluations"] = n_evaluations;
    d["status"] = status;
    d["exception"] = caught.error();
    return d;
}

// While a thread of the pool calls functions, it has a state of Python's, in which what they raise can stay.
struct PythonThread {
    py::gil_scoped_acquire acquire;
    py::gil_scoped_release release;
};

// Of compiled functions, one or one for each row of x, where the starts are and then the ends. Values and
// gradients are NaN where a descent did not begin, or was interrupted on the way.
py::dict minimize_many(const py::list& functions, const py::object& x, const py::list& slot_arrays,
                       const DescentConfig& config) {
    require_starts<double>(x, slot_arrays, config.optimizer);
    ManyDescents many;
    many.count = as_array(x).shape(0);
    many.size = as_array(x).shape(1);
    const auto n_functions = static_cast<Index>(functions.size());
    if (n_functions != 1 && n_functions != many.count)
        throw std::invalid_argument("there must be one function, or one for each start");
    std::vector<CompiledFunction> compiled;
    for (py::handle function : functions) compiled.push_back(compiled_function(function.cast<py::tuple>()));
    py::array_t<double> values(many.count), gradients({many.count, many.size});
    std::fill_n(values.mutable_data(), many.count, __builtin_nan(""));
    std::fill_n(gradients.mutable_data(), many.count * many.size, __builtin_nan(""));
    many.x = writable_data<double>(x);
    many.value = values.mutable_data();
    many.gradient = gradients.mutable_data();
    for (py::handle slot : slot_arrays) many.slots.push_back(data<double>(slot));

    CaughtError caught;
    const std::function<bool()> ask = [&] { return caught.guard(check_python); };
    {
        py::gil_scoped_release release;
        descend<PythonThread>(many, compiled, config, ask, ask);
    }
    clear_python(caught);
    py::dict d = results_dict(many.results, caught);
    d["loss"] = values;
    d["gradient"] = gradients;
    return d;
}

// A value and a gradient that were computed before they are asked for, once.
template <class T>
struct GivenObjective : FunctionObjective<T> {
    using FunctionObjective<T>::FunctionObjective;
    double value = 0;
    const T* gradient = nullptr;  // nullptr: none since the last one was asked for

    double loss_gradient(Rows, const T* theta, T* into) {
        if (!gradient) throw std::invalid_argument("descents in lockstep evaluate one point a step");
        const auto bytes = static_cast<std::size_t>(this->size()) * sizeof(T);
        std::memcpy(into, std::exchange(gradient, nullptr), bytes);
        return this->penalised(value, theta, into);
    }
};

// Descents in lockstep on one Python function of many points, X (k, m) -> (values (k,), gradients (k, m)),
// which sees only those that have not ended. They step the points that they report.
template <class T>
class Lockstep {
  public:
    Lockstep(const py::object& function, const py::object& x, const py::list& slot_arrays,
             const DescentConfig& config, CaughtError& caught)
        : function_(function),
          count_(as_array(x).shape(0)),
          size_(as_array(x).shape(1)),
          x_(writable_data<T>(x)),
          slots_(slot_arrays, config.optimizer, count_ * size_),
          gradients_({count_, size_}),
          values_(count_),
          caught_(caught),
          no_gradient_(static_cast<std::size_t>(size_), static_cast<T>(__builtin_nan(""))) {
        if (config.optimizer.reports_last_slot())
            throw std::invalid_argument("descents in lockstep step the points that they report");
        std::fill_n(gradients_.mutable_data(), count_ * size_, static_cast<T>(__builtin_nan("")));
        std::fill_n(values_.mutable_data(), count_, __builtin_nan(""));
        for (Index i = 0; i < count_; ++i)
            members_.push_back(
                std::make_unique<Member>(i, size_, x_, gradients_.mutable_data(), slots_.pointers, config));
    }

    py::dict run() {
        std::vector<Index> active(static_cast<std::size_t>(count_)), unknown;
        for (Index i = 0; i < count_; ++i) active[static_cast<std::size_t>(i)] = i;
        while (!active.empty()) {
            const bool evaluated = evaluate(active);
            std::erase_if(active, [&](Index i) { return !advance(i, evaluated); });
        }
        std::vector<DescentResult> results;
        for (Index i = 0; i < count_; ++i) {
            results.push_back(at(i).descent.finish());
            if (!results.back().gradient_is_current) unknown.push_back(i);
        }
        const bool known = unknown.empty() || evaluate(unknown);
        for (Index i = 0; i < count_; ++i) {
            Member& member = at(i);
            DescentResult& result = results[static_cast<std::size_t>(i)];
            if (!known) member.interrupt.stop();
            require_value(member.objective, member.interrupt, result, member.x, member.gradient);
            values_.mutable_at(i) = result.last.loss;
        }
        py::dict d = results_dict(results, caught_);
        d["loss"] = values_;
        d["gradient"] = gradients_;
        return d;
    }

  private:
    struct Member {
        GivenObjective<T> objective;
        Interrupt interrupt;
        DescentHooks<T> hooks;
        T *x, *gradient, *slots[OptimizerConfig::max_slots] = {};
        Descent<GivenObjective<T>> descent;

        Member(Index i, Index size, T* all_x, T* all_gradients, T* const* all_slots,
               const DescentConfig& config)
            : objective(size),
              interrupt(nullptr),
              x(all_x + i * size),
              gradient(all_gradients + i * size),
              descent(objective, config, interrupt, hooks, x, gradient, slots) {
            for (int s = 0; s < config.optimizer.slots(); ++s) slots[s] = all_slots[s] + i * size;
        }
    };

    Member& at(Index i) { return *members_[static_cast<std::size_t>(i)]; }
    std::size_t bytes(std::size_t points) const {
        return points * static_cast<std::size_t>(size_) * sizeof(T);
    }

    // The function at the points of these, each of which is given its part. False if it has raised.
    bool evaluate(const std::vector<Index>& which) {
        const bool failed = caught_.guard([&] {
            const auto n = static_cast<Index>(which.size());
            py::array_t<T> points({n, size_});  // a fresh one, which the function may keep
            T* point = points.mutable_data();
            for (const Index i : which) std::memcpy(point, at(i).x, bytes(1)), point += size_;
            const auto pair = function_(points).template cast<py::tuple>();
            returned_ = pair;
            if (!is_array_of<double>(pair[0]) || as_array(pair[0]).size() != n || !is_array_of<T>(pair[1]) ||
                as_array(pair[1]).size() != n * size_)
                throw std::invalid_argument("values and gradients do not fit the points");
            const double* value = data<double>(pair[0]);
            const T* gradient = data<T>(pair[1]);
            for (const Index i : which) {
                at(i).objective.value = *value++;
                at(i).objective.gradient = gradient;
                gradient += size_;
            }
            return false;
        });
        return !failed;
    }

    // False when this descent is over.
    bool advance(Index i, bool evaluated) {
        Member& member = at(i);
        if (evaluated) return member.descent.advance();
        member.interrupt.stop();
        member.objective.gradient = no_gradient_.data();
        return member.descent.advance();
    }

    py::object function_;
    Index count_, size_;
    T* x_;
    FlatSlots<T> slots_;
    py::array_t<T> gradients_;
    py::array_t<double> values_;
    CaughtError& caught_;
    std::vector<std::unique_ptr<Member>> members_;
    py::object returned_;  // the gradients that the members read
    std::vector<T> no_gradient_;
};

// (value, gradient) at x.
py::tuple value_and_gradient(const py::tuple& function, const py::object& x) {
    if (!is_array_of<double>(x)) throw std::invalid_argument("x must be of float64");
    const CompiledFunction compiled = compiled_function(function);
    auto gradient = new_array<double>(shape_of(x));
    const double* at = data<double>(x);
    double* into = gradient.mutable_data();
    const Index size = as_array(x).size();
    double value = 0;
    {
        py::gil_scoped_release release;
        value = compiled(size, at, into);
    }
    if (PyErr_Occurred()) throw py::error_already_set();
    return py::make_tuple(value, gradient);
}

// (signature, address, context) of a capsule.
py::tuple capsule_contents(const py::capsule& capsule) {
    const char* signature = PyCapsule_GetName(capsule.ptr());
    if (!signature && PyErr_Occurred()) throw py::error_already_set();
    void* address = PyCapsule_GetPointer(capsule.ptr(), signature);
    if (!address) throw py::error_already_set();
    void* context = PyCapsule_GetContext(capsule.ptr());
    if (!context && PyErr_Occurred()) throw py::error_already_set();
    return py::make_tuple(signature ? py::object(py::str(signature)) : py::none(),
                          reinterpret_cast<std::uintptr_t>(address),
                          reinterpret_cast<std::uintptr_t>(context));
}

}  // namespace

void bind_minimize(py::module_& m) {
    m.def("minimize", [](py::object function, py::object theta, py::list slots, py::dict config,
                         py::object on_record, bool record_path) {
        const DescentConfig c = descent_config(config);
        return with_scalar_type(
            [&](auto t) -> py::object {
                return minimize<decltype(t)>(function, theta, slots, c, on_record, record_path);
            },
            theta);
    });
    m.def("minimize_many", [](py::list functions, py::object x, py::list slots, py::dict config) {
        return minimize_many(functions, x, slots, descent_config(config));
    });
    m.def("minimize_in_lockstep", [](py::object function, py::object x, py::list slots, py::dict config) {
        const DescentConfig c = descent_config(config);
        return with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                require_starts<T>(x, slots, c.optimizer);
                CaughtError caught;
                return Lockstep<T>(function, x, slots, c, caught).run();
            },
            x);
    });
    m.def("value_and_gradient", &value_and_gradient);
    m.def("capsule_contents", &capsule_contents);
    m.def("test_function",
          [](const std::string& name) { return reinterpret_cast<std::uintptr_t>(test_function(name)); });
}

}  // namespace steepest::STEEPEST_ISA
