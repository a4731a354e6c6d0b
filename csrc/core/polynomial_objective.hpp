// Mean squared error of a polynomial on data, as the descent sees it:
//     J(theta) = 1/W sum_i w_i (f(x_i) - y_i)^2 + sum_{k>=1} (l1 |theta_k| + l2/2 theta_k^2),
// W = the number of rows. The gradient is that of all but the L1 penalty.
#pragma once

#include <vector>

#include "core/batches.hpp"
#include "core/interrupt.hpp"
#include "core/polynomial.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
class PolynomialObjective {
  public:
    using Scalar = double;

    PolynomialObjective(PolynomialBasis basis, Index degree, VectorView<const T> x, const T* y,
                        const T* weights, double l1, double l2, Interrupt* interrupt)
        : basis_(basis),
          degree_(degree),
          x_(x),
          y_(y),
          weights_(weights),
          l1_(l1),
          l2_(l2),
          interrupt_(interrupt),
          sums_(degree) {}

    Index size() const { return degree_ + 1; }
    Index n_rows() const { return x_.size; }
    template <class F>
    void for_weights(F&& f) const {
        f(Index{1}, degree_, l1_);
    }
    void add_l2(const std::vector<double>& l2) { l2_ += l2.front(); }

    double loss_gradient(Rows rows, const double* theta, double* gradient) {
        constexpr Index block = 8192;
        sums_.clear();
        for (Index first = 0; first < rows.count; first += block) {
            const Rows part = rows.slice(first, rows.count - first < block ? rows.count - first : block);
            if (interrupt_ && interrupt_->tick(static_cast<double>(part.count * (2 * degree_ + 4)) + 200))
                return 0;
            const T *x = x_.data + part.begin, *y = y_ + part.begin,
                    *w = weights_ ? weights_ + part.begin : nullptr;
            if (part.index) {
                x = gather(x_.data, part, x_part_);
                y = gather(y_, part, y_part_);
                if (weights_) w = gather(weights_, part, w_part_);
            }
            polynomial_residual_moments(basis_, degree_, theta, x, y, w, part.count, true, sums_);
        }
        const double n = static_cast<double>(rows.count);
        double squares = 0;
        for (Index k = 0; k <= degree_; ++k) gradient[k] = 2.0 / n * sums_.moment(k);
        for (Index k = 1; k <= degree_ && l2_ != 0; ++k) {
            squares += theta[k] * theta[k];
            gradient[k] += l2_ * theta[k];
        }
        const double magnitudes = l1_ == 0 ? 0 : sum_of_magnitudes(theta + 1, degree_);
        return sums_.squared_error() / n + 0.5 * l2_ * squares + l1_ * magnitudes;
    }

    // Mean squared error, without penalty, and R^2 on other points.
    struct Evaluation {
        double loss, score;
    };
    Evaluation evaluate(const double* theta, const T* x, const T* y, const T* w, Index n) {
        double weight = 0, mean = 0, total = 0;
        for (Index i = 0; i < n; ++i) {
            const double wi = w ? static_cast<double>(w[i]) : 1.0;
            weight += wi;
            mean += wi * static_cast<double>(y[i]);
        }
        mean /= weight;
        for (Index i = 0; i < n; ++i) {
            const double difference = static_cast<double>(y[i]) - mean;
            total += (w ? static_cast<double>(w[i]) : 1.0) * difference * difference;
        }
        sums_.clear();
        polynomial_residual_moments(basis_, degree_, theta, x, y, w, n, false, sums_);
        const double residual = sums_.squared_error();
        return {residual / weight, total > 0 ? 1.0 - residual / total : residual > 0 ? 0.0 : 1.0};
    }

  private:
    static const T* gather(const T* from, Rows rows, Buffer<T>& to) {
        to.reserve(rows.count);
        for (Index i = 0; i < rows.count; ++i) to.data()[i] = from[rows[i]];
        return to.data();
    }

    PolynomialBasis basis_;
    Index degree_;
    VectorView<const T> x_;
    const T* y_;
    const T* weights_;
    double l1_, l2_;
    Interrupt* interrupt_;
    PolynomialSums sums_;
    Buffer<T> x_part_, y_part_, w_part_;
};

}  // namespace steepest::STEEPEST_ISA
