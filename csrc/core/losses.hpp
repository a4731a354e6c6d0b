// Losses and their derivatives. Sums that make a loss are carried in double, whatever the data's type.
#pragma once

#include "core/activations.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// sum (f - y)^2
template <class T>
double squared_error_sum(const T* f, const T* y, Index n) {
    return sum_wide(
        n,
        [&](Index i) {
            auto r = load_wide(f + i) - load_wide(y + i);
            return r * r;
        },
        [&](Index i) {
            double r = static_cast<double>(f[i]) - static_cast<double>(y[i]);
            return r * r;
        });
}

// d = scale (f - y); d may be f.
template <class T>
void squared_error_backward(const T* f, const T* y, Index n, double scale, T* d) {
    const T s = static_cast<T>(scale);
    Index i = 0;
    for (; i + width<T> <= n; i += width<T>) store(d + i, s * (load(f + i) - load(y + i)));
    for (; i < n; ++i) d[i] = s * (f[i] - y[i]);
}

// mean over all entries, (1/n) sum (f - y)^2; its gradient is 2/n (f - y).
template <class T>
double mse(const T* f, const T* y, Index n) {
    return squared_error_sum(f, y, n) / static_cast<double>(n);
}
template <class T>
void mse_gradient(const T* f, const T* y, Index n, T* d) {
    squared_error_backward(f, y, n, 2.0 / static_cast<double>(n), d);
}

// One row of softmax: p_k = exp(z_k - max) / sum, in place in a row padded to whole vectors; returns
// log sum exp(z) - max, so that log p_k = (z_k - max) - result. The padding becomes 0.
template <class T>
double softmax_row(T* z, Index classes, T& largest) {
    largest = z[0];
    for (Index k = 1; k < classes; ++k) largest = z[k] > largest || z[k] != z[k] ? z[k] : largest;
    const Index whole = (classes + width<T> - 1) / width<T> * width<T>;
    for (Index k = classes; k < whole; ++k) z[k] = -static_cast<T>(__builtin_inf());
    for (Index k = 0; k < whole; k += width<T>) store(z + k, exp(load(z + k) - largest));
    const double sum = sum_wide(
        classes, [&](Index k) { return load_wide(z + k); },
        [&](Index k) { return static_cast<double>(z[k]); });
    const T inverse = static_cast<T>(1.0 / sum);
    for (Index k = 0; k < whole; k += width<T>) store(z + k, load(z + k) * inverse);
    return log(sum);
}

// Cross-entropy of softmax(z_i) against class c_i, from logits, by log-sum-exp. Returns sum_i w_i l_i;
// z becomes d = scale w_i (softmax(z_i) - onehot(c_i)).
template <class T>
double softmax_cross_entropy(Index rows, Index classes, T* z, Index z_stride,
                             const std::int64_t* target,  // (rows,) classes, or nullptr
                             const T* probabilities,  // (rows, classes), z_stride apart, if target is nullptr
                             const T* weights,        // (rows,) or nullptr
                             double scale, T* row_scratch) {  // (padded(classes),)
    double loss = 0.0;
    for (Index i = 0; i < rows; ++i) {
        T* logits = z + i * z_stride;
        std::memcpy(row_scratch, logits, static_cast<std::size_t>(classes) * sizeof(T));
        T largest;
        const double log_sum = softmax_row(row_scratch, classes, largest);
        const double weight = weights ? static_cast<double>(weights[i]) : 1.0;
        const T s = static_cast<T>(scale * weight);
        if (target) {
            const Index c = target[i];
            loss += weight * (log_sum - (static_cast<double>(logits[c]) - static_cast<double>(largest)));
            for (Index k = 0; k < classes; ++k) logits[k] = s * row_scratch[k];
            logits[c] = s * (row_scratch[c] - T(1));
        } else {
            const T* t = probabilities + i * z_stride;
            double row_loss = 0.0, total = 0.0;
            for (Index k = 0; k < classes; ++k) {
                total += static_cast<double>(t[k]);
                // 0 log 0 = 0: a class that does not occur costs nothing, however small its probability.
                if (t[k] != 0)
                    row_loss += static_cast<double>(t[k]) *
                                (log_sum - (static_cast<double>(logits[k]) - static_cast<double>(largest)));
            }
            loss += weight * row_loss;
            for (Index k = 0; k < classes; ++k)
                logits[k] = s * (row_scratch[k] * static_cast<T>(total) - t[k]);
        }
    }
    return loss;
}

// Binary cross-entropy from logits, l = max(z, 0) - z t + log(1 + exp(-|z|)). Returns sum w_i l_ik;
// z becomes d = scale w_i (logistic(z) - t).
template <class T>
double logistic_cross_entropy(Index rows, Index outputs, T* z, Index z_stride,
                              const T* target,   // (rows, outputs), z_stride apart
                              const T* weights,  // (rows,) or nullptr
                              double scale) {
    double loss = 0.0;
    for (Index i = 0; i < rows; ++i) {
        T* logits = z + i * z_stride;
        const T* t = target + i * z_stride;
        const double weight = weights ? static_cast<double>(weights[i]) : 1.0;
        const T s = static_cast<T>(scale * weight);
        double row_loss = 0.0;
        for (Index k = 0; k < outputs; ++k) {
            const double value = static_cast<double>(logits[k]);
            const double magnitude = value < 0 ? -value : value;
            row_loss +=
                (value < 0 ? 0.0 : value) - value * static_cast<double>(t[k]) + log1p_unit(exp(-magnitude));
        }
        loss += weight * row_loss;
        map_in_place(logits, outputs, [](Vec<T> v) -> Vec<T> { return logistic(v); });
        for (Index k = 0; k < outputs; ++k) logits[k] = s * (logits[k] - t[k]);
    }
    return loss;
}

// Half the Poisson deviance from the logarithm z of the mean, l = y log y - y - y z + exp(z). Returns sum w_i
// l_ik; z becomes d = scale w_i (exp(z) - y).
template <class T>
double poisson_deviance(Index rows, Index outputs, T* z, Index z_stride,
                        const T* target,   // (rows, outputs), z_stride apart, not negative
                        const T* weights,  // (rows,) or nullptr
                        double scale) {
    double loss = 0.0;
    for (Index i = 0; i < rows; ++i) {
        T* row = z + i * z_stride;
        const T* y = target + i * z_stride;
        const double weight = weights ? static_cast<double>(weights[i]) : 1.0;
        const T s = static_cast<T>(scale * weight);
        double row_loss = 0.0;
        for (Index k = 0; k < outputs; ++k) {
            const double count = static_cast<double>(y[k]), value = static_cast<double>(row[k]);
            row_loss += (count > 0 ? count * log(count) : 0.0) - count - count * value;
        }
        map_in_place(row, outputs, [](Vec<T> v) -> Vec<T> { return exp(v); });
        for (Index k = 0; k < outputs; ++k) {
            row_loss += static_cast<double>(row[k]);
            row[k] = s * (row[k] - y[k]);
        }
        loss += weight * row_loss;
    }
    return loss;
}

}  // namespace steepest::STEEPEST_ISA
