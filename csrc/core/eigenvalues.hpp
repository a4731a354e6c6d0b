// Eigenvalues of a symmetric matrix: Householder's reflections make it tridiagonal, Sturm counts and
// bisection find the eigenvalues that are asked for. No library has a hand in it, so the bits are the same
// everywhere.
#pragma once

#include <vector>

#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

class SymmetricEigenvalues {
  public:
    explicit SymmetricEigenvalues(MatrixView<const double> matrix)  // (n, n)
        : n_(matrix.rows), diagonal_(static_cast<std::size_t>(n_)), beside_(diagonal_.size() + 1) {
        double largest = largest_magnitude(matrix.data, matrix.size());
        if (!(largest > 0)) return;
        // To entries of about 1, by a power of two: no overflow, no rounding.
        int exponent;
        __builtin_frexp(largest, &exponent);
        unit_ = __builtin_ldexp(1.0, exponent);
        Buffer<double> a(n_ * n_);
        for (Index i = 0; i < n_ * n_; ++i) a.data()[i] = matrix.data[i] / unit_;
        tridiagonalise(a.data());
    }

    Index size() const { return n_; }

    // Number of eigenvalues below x.
    Index count_below(double x) const { return count_below_scaled(x / unit_); }

    // The eigenvalue number k in ascending order, to about the precision of the largest magnitude.
    double eigenvalue(Index k) const {
        double low = 0, high = 0;
        for (std::size_t i = 0; i < diagonal_.size(); ++i) {  // Gershgorin's discs
            const double radius = magnitude(beside_[i]) + magnitude(beside_[i + 1]);
            low = diagonal_[i] - radius < low ? diagonal_[i] - radius : low;
            high = diagonal_[i] + radius > high ? diagonal_[i] + radius : high;
        }
        low -= 1e-15 * (high - low);
        high += 1e-15 * (high - low);
        while (high - low > 0x1p-53 * (magnitude(low) + magnitude(high)) + 0x1p-80) {
            const double middle = 0.5 * (low + high);
            if (middle <= low || middle >= high) break;
            (count_below_scaled(middle) > k ? high : low) = middle;
        }
        return 0.5 * (low + high) * unit_;
    }

  private:
    static double magnitude(double x) { return x < 0 ? -x : x; }

    Index count_below_scaled(double x) const {
        Index count = 0;
        double q = 1;
        for (std::size_t i = 0; i < diagonal_.size(); ++i) {
            q = (diagonal_[i] - x) - beside_[i] * beside_[i] / q;
            if (q == 0) q = -0x1p-200;  // as if x were a little larger
            count += q < 0;
        }
        return count;
    }

    // a: (n, n), overwritten. beside_[i] is the entry beside diagonal_[i] and diagonal_[i - 1]; beside_[0] =
    // 0.
    void tridiagonalise(double* a) {
        Buffer<double> v(n_), w(n_);
        for (Index k = 0; k < n_; ++k) {
            double* row = a + k * n_;
            diagonal_[static_cast<std::size_t>(k)] = row[k];
            const Index first = k + 1, count = n_ - first;
            if (count <= 0) break;
            double norm = sqrt(sum_of_squares(row + first, count));
            if (row[first] > 0) norm = -norm;
            beside_[static_cast<std::size_t>(first)] = norm;
            const double square = sum_of_squares(row + first + 1, count - 1);
            if (square < 0x1p-900) {  // nothing beside entries of 1, and its own digits would underflow
                beside_[static_cast<std::size_t>(first)] = row[first];
                continue;
            }
            std::memcpy(v.data(), row + first, static_cast<std::size_t>(count) * sizeof(double));
            v.data()[0] -= norm;
            reflect(a, first, count, 2 / fma(v.data()[0], v.data()[0], square), v.data(), w.data());
        }
    }

    // A <- H A H with H = I - beta v v^T, on the last `count` rows and columns.
    void reflect(double* a, Index first, Index count, double beta, const double* v, double* w) {
        for (Index j = 0; j < count; ++j) w[j] = 0;
        for (Index i = 0; i < count; ++i) {
            const double* row = a + (first + i) * n_ + first;
            const double factor = beta * v[i];
            for (Index j = 0; j < count; ++j) w[j] = fma(factor, row[j], w[j]);
        }
        double product = 0;
        for (Index j = 0; j < count; ++j) product = fma(v[j], w[j], product);
        const double half = 0.5 * beta * product;
        for (Index j = 0; j < count; ++j) w[j] = fma(-half, v[j], w[j]);
        for (Index i = 0; i < count; ++i) {
            double* row = a + (first + i) * n_ + first;
            const double v_i = v[i], w_i = w[i];
            for (Index j = 0; j < count; ++j) row[j] = fma(-v_i, w[j], fma(-w_i, v[j], row[j]));
        }
    }

    Index n_;
    double unit_ = 1;
    std::vector<double> diagonal_, beside_;
};

}  // namespace steepest::STEEPEST_ISA
