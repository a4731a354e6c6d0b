// Mean squared error of a linear model of one output and its gradient, in one pass over X where it lies. A
// few rows at a time are read from memory and stay in the first-level cache between their prediction and
// their part of the gradient:
//     f = X w + b,   r = f - y,   J = 1/n sum r^2,   dJ/dw = 2/n X^T r,   dJ/db = 2/n sum r
// Sums over 256 rows are in T, and are added in double.
#pragma once

#include <vector>

#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
class LinearPass {
  public:
    explicit LinearPass(Index inputs)
        : inputs_(inputs),
          columns_(inputs <= 4 ? inputs * chunk : 0),
          part_(padded<T>(inputs)),
          residuals_(chunk),
          totals_(static_cast<std::size_t>(inputs) + 1) {}

    // theta and gradient: (1 + inputs,), the intercept first.
    double loss_gradient(MatrixView<const T> X, const T* y, const T* theta, T* gradient) {
        double squares = 0;
        for (Index first = 0; first < X.rows; first += chunk) {
            const Index n = X.rows - first < chunk ? X.rows - first : chunk;
            if (columns_.size() > 0)
                by_columns({X.row(first), n, inputs_}, y + first, theta);
            else
                by_rows({X.row(first), n, inputs_}, y + first, theta);
            squares += sum_of_squares(residuals_.data(), n);
            for (Index i = 0; i < n; ++i) totals_[0] += static_cast<double>(residuals_.data()[i]);
        }
        const double rows = static_cast<double>(X.rows);
        for (std::size_t j = 0; j < totals_.size(); ++j) gradient[j] = static_cast<T>(2 / rows * totals_[j]);
        return squares / rows;
    }

  private:
    static constexpr Index chunk = 256;
    static constexpr Index line = 64 / static_cast<Index>(sizeof(T)), ahead = 64 * line;
    static constexpr int parts = Lanes<T>::parts;

    // The columns of short rows, each on its own, fill vectors.
    void by_columns(MatrixView<const T> X, const T* y, const T* theta) {
        T* const r = residuals_.data();
        for (Index j = 0; j < inputs_; ++j) {
            T* const column = columns_.data() + j * chunk;
            for (Index i = 0; i < X.rows; ++i) column[i] = X.data[i * inputs_ + j];
            for (Index i = X.rows; i < chunk; ++i) column[i] = 0;
        }
        for (Index i = 0; i < X.rows; ++i) r[i] = theta[0] - y[i];
        for (Index i = X.rows; i < chunk; ++i) r[i] = 0;
        for (Index i = 0; i < chunk; i += width<T>) {
            Vec<T> f = load(r + i);
            for (Index j = 0; j < inputs_; ++j)
                f = fma(splat(theta[1 + j]), load(columns_.data() + j * chunk + i), f);
            store(r + i, f);
        }
        for (Index i = X.rows; i < chunk; ++i) r[i] = 0;  // not NaN, if a coefficient is infinite
        for (Index j = 0; j < inputs_; ++j) {
            Lanes<T> sum = Lanes<T>::zero();
            for (Index i = 0; i < chunk; i += lanes<T>)
                for (int p = 0; p < parts; ++p) {
                    const Index at = i + p * width<T>;
                    sum.part[p] = fma(load(r + at), load(columns_.data() + j * chunk + at), sum.part[p]);
                }
            totals_[static_cast<std::size_t>(1 + j)] += static_cast<double>(sum.sum());
        }
    }

    void by_rows(MatrixView<const T> X, const T* y, const T* theta) {
        std::memset(part_.data(), 0, static_cast<std::size_t>(part_.size()) * sizeof(T));
        Index i = 0;
        for (; i + 4 <= X.rows; i += 4) add_rows<4>(X, i, y, theta);
        for (; i < X.rows; ++i) add_rows<1>(X, i, y, theta);
        for (Index j = 0; j < inputs_; ++j)
            totals_[static_cast<std::size_t>(1 + j)] += static_cast<double>(part_.data()[j]);
    }

    template <int Rows>
    STEEPEST_INLINE void add_rows(MatrixView<const T> X, Index first, const T* y, const T* theta) {
        // Rows that are read in turns are no stream that the hardware would recognise.
        const T* next = X.row(first) + (Rows * inputs_ > ahead ? Rows * inputs_ : ahead);
        for (Index j = 0; Rows > 1 && j < Rows * inputs_; j += line) __builtin_prefetch(next + j);
        Lanes<T> f[Rows];
        for (auto& lane_sums : f) lane_sums = Lanes<T>::zero();
        for_vectors([&](Index j, int p, auto get) __attribute__((always_inline)) {
            const Vec<T> w = get(theta + 1 + j);
            for (int k = 0; k < Rows; ++k) f[k].part[p] = fma(get(X.row(first + k) + j), w, f[k].part[p]);
        });
        Vec<T> r[Rows];
        for (int k = 0; k < Rows; ++k) {
            const T residual = f[k].sum() + (theta[0] - y[first + k]);
            residuals_.data()[first + k] = residual;
            r[k] = splat(residual);
        }
        for_vectors([&](Index j, int, auto get) __attribute__((always_inline)) {
            Vec<T> sum = load(part_.data() + j);
            for (int k = 0; k < Rows; ++k) sum = fma(r[k], get(X.row(first + k) + j), sum);
            store(part_.data() + j, sum);
        });
    }

    // f(j, part, get) for the vectors of a row: entry j is in virtual lane j mod lanes; get reads one, and no
    // entry beyond the row.
    template <class F>
    STEEPEST_INLINE void for_vectors(F&& f) const {
        auto whole = [](const T* p) __attribute__((always_inline)) { return load(p); };
        Index j = 0;
        for (; j + lanes<T> <= inputs_; j += lanes<T>)
            for (int p = 0; p < parts; ++p) f(j + p * width<T>, p, whole);
        for (int p = 0; j < inputs_; ++p, j += width<T>) {
            const Index rest = inputs_ - j;
            if (rest >= width<T>)
                f(j, p, whole);
            else
                f(j, p, [rest](const T* q) __attribute__((always_inline)) { return load_first(q, rest); });
        }
    }

    Index inputs_;
    Buffer<T> columns_;    // (inputs, chunk), of short rows
    Buffer<T> part_;       // (inputs,): X^T r of the chunk
    Buffer<T> residuals_;  // (chunk,)
    std::vector<double> totals_;
};

}  // namespace steepest::STEEPEST_ISA
