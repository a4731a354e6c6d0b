// What objectives without data share: a function of all parameters, which the optimizer's l2 may penalise.
#pragma once

#include <vector>

#include "core/batches.hpp"
#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
class FunctionObjective {
  public:
    using Scalar = T;

    explicit FunctionObjective(Index size) : size_(size) {}

    Index size() const { return size_; }
    Index n_rows() const { return 0; }
    template <class F>
    void for_weights(F&& f) const {
        f(Index{0}, size_, T(0));
    }
    void add_l2(const std::vector<double>& l2) { l2_ += l2.front(); }

  protected:
    // Value and gradient with those of l2 / 2 ||theta||^2.
    double penalised(double value, const T* theta, T* gradient) const {
        if (l2_ == 0) [[likely]]
            return value;
        for (Index i = 0; i < size_; ++i) gradient[i] = fma(static_cast<T>(l2_), theta[i], gradient[i]);
        return value + 0.5 * l2_ * sum_of_squares(theta, size_);
    }

  private:
    Index size_;
    double l2_ = 0;
};

}  // namespace steepest::STEEPEST_ISA
