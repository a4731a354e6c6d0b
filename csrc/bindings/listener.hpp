// What a descent tells Python, and asks it, while it runs.
#pragma once

#include <memory>

#include "bindings/descent_arguments.hpp"

namespace steepest::STEEPEST_ISA {

// `on_record`, unless it is None, is called with the tuple of every record, and says whether to stop. Methods
// of it, unless they are missing or None, are asked for more:
//     lend(parameters)   called once; while the descent runs, parameters() returns a copy of the current ones
//     begin()            before every epoch, by points before every point
//     score()            the validation score, in place of the core's own
// What any of them raises ends the descent.
template <class T>
class Listener {
  public:
    using Parameters = std::function<py::object()>;

    Listener(py::object on_record, Parameters parameters, Interrupt& interrupt, CaughtError& caught)
        : on_record_(std::move(on_record)),
          begin_(method("begin")),
          score_(method("score")),
          lent_{std::make_shared<Parameters>(std::move(parameters))},
          interrupt_(interrupt),
          caught_(caught) {
        const py::object lend = method("lend");
        if (!lend.is_none())
            lend(py::cpp_function([lent = lent_.parameters] {
                if (!*lent) throw std::runtime_error("the descent has ended");
                return (*lent)();
            }));
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void connect(DescentHooks<T>& hooks) {
        if (on_record_.is_none()) return;
        hooks.on_record = [this](const Record& record, const T*, const T*) {
            return guard([&] { return py::bool_(on_record_(record_tuple(record))).cast<bool>(); });
        };
        if (!begin_.is_none())
            hooks.on_begin = [this] {
                guard([&] {
                    begin_();
                    return false;
                });
            };
        if (!score_.is_none() && hooks.validate)
            hooks.validate = [this, validate = std::move(hooks.validate)](const T* theta, Record& record) {
                validate(theta, record);
                guard([&] {
                    record.validation_score = score_().template cast<double>();
                    return false;
                });
            };
    }

  private:
    // Taken back at the end, and when lend raises: Python may keep what it was lent.
    struct Lent {
        std::shared_ptr<Parameters> parameters;
        ~Lent() { *parameters = nullptr; }
    };

    py::object method(const char* name) const {
        return on_record_.is_none() ? py::none() : py::getattr(on_record_, name, py::none());
    }
    template <class F>
    bool guard(F&& f) {
        const bool stop = caught_.guard(std::forward<F>(f));
        if (caught_.raised()) interrupt_.stop();
        return stop;
    }

    py::object on_record_, begin_, score_;
    Lent lent_;
    Interrupt& interrupt_;
    CaughtError& caught_;
};

}  // namespace steepest::STEEPEST_ISA
