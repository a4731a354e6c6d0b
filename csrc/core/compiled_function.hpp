// A function of the caller's in machine code: J(x), and its gradient into an array.
#pragma once

#include <cstdint>
#include <functional>

#include "core/function_objective.hpp"
#include "core/interrupt.hpp"

namespace steepest::STEEPEST_ISA {

// double f(n, const double* x, double* gradient [, void* data]), where n is an integer of one of four types.
struct CompiledFunction {
    enum class Count { int32, uint32, int64, uint64 };

    std::uintptr_t address = 0;
    Count count = Count::int32;
    bool takes_data = false;
    void* data = nullptr;

    double operator()(Index n, const double* x, double* gradient) const {
        switch (count) {
            case Count::int32:
                return call<std::int32_t>(n, x, gradient);
            case Count::uint32:
                return call<std::uint32_t>(n, x, gradient);
            case Count::int64:
                return call<std::int64_t>(n, x, gradient);
            default:
                return call<std::uint64_t>(n, x, gradient);
        }
    }

  private:
    template <class N>
    double call(Index size, const double* x, double* gradient) const {
        const auto n = static_cast<N>(size);
        if (takes_data)
            return reinterpret_cast<double (*)(N, const double*, double*, void*)>(address)(n, x, gradient,
                                                                                           data);
        return reinterpret_cast<double (*)(N, const double*, double*)>(address)(n, x, gradient);
    }
};

class CompiledObjective : public FunctionObjective<double> {
  public:
    // `has_raised` says whether an exception is set in Python's state of this thread. It is asked where the
    // value is -1, which is what Cython's functions return with an exception.
    CompiledObjective(const CompiledFunction& function, Index size, Interrupt& interrupt,
                      const std::function<bool()>& has_raised)
        : FunctionObjective(size), function_(function), interrupt_(interrupt), has_raised_(has_raised) {}

    double loss_gradient(Rows, const double* theta, double* gradient) {
        const double value = function_(size(), theta, gradient);
        if (value == -1 && has_raised_()) [[unlikely]]
            interrupt_.stop();
        return penalised(value, theta, gradient);
    }

  private:
    const CompiledFunction& function_;
    Interrupt& interrupt_;
    const std::function<bool()>& has_raised_;
};

}  // namespace steepest::STEEPEST_ISA
