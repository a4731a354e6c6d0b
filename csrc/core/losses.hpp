// Losses and their derivatives. Sums that make a loss are carried in double, whatever the data's type.
#pragma once

#include "core/activations.hpp"
#include "core/loss_rules.hpp"
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
    map(d, n, [s](Vec<T> f_vector, Vec<T> y_vector) -> Vec<T> { return s * (f_vector - y_vector); }, f, y);
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

// The losses of a network. Each takes rows of outputs z (rows, outputs), `stride` apart, replaces them by
// d = scale w_i dl_i/dz, and writes w_i l_i, one number a row, to `losses`; a caller adds those in the order
// of the rows. When `stride` is a whole number of lane blocks, a row's padding belongs to it and becomes 0.

template <class T>
STEEPEST_INLINE double weight_of(const T* weights, Index i) {
    return weights ? static_cast<double>(weights[i]) : 1.0;
}

// Entries of a row that may be read and written: all of its lane blocks, or just its outputs.
template <class T>
STEEPEST_INLINE Index row_entries(Index outputs, Index stride) {
    return stride % lanes<T> == 0 ? padded<T>(outputs) : outputs;
}

// l_i = sum_k (f_ik - y_ik)^2.
template <class T>
void squared_error(Index rows, Index outputs, T* f, const T* y, Index stride,  // (rows, outputs)
                   const T* weights,                                           // (rows,) or nullptr
                   double scale, double* losses) {                             // (rows,)
    if (outputs == 1 && stride == 1 && !weights) {
        Index i = 0;
        for (; i + width<double> <= rows; i += width<double>) {
            const Vec<double> r = load_wide(f + i) - load_wide(y + i);
            store(losses + i, r * r);
        }
        for (; i < rows; ++i) {
            const double r = static_cast<double>(f[i]) - static_cast<double>(y[i]);
            losses[i] = r * r;
        }
        return squared_error_backward(f, y, rows, 2 * scale, f);
    }
    const Index n = row_entries<T>(outputs, stride);
    for (Index i = 0; i < rows; ++i) {
        const double w = weight_of(weights, i);
        losses[i] = w * squared_error_sum(f + i * stride, y + i * stride, outputs);
        squared_error_backward(f + i * stride, y + i * stride, n, 2 * scale * w, f + i * stride);
    }
}

template <class T>
STEEPEST_INLINE T largest_logit(Index classes, const T* z) {  // (padded(classes),)
    Vec<T> high = first_entries(load(z), classes, z[0]);
    for (Index k = width<T>; k < classes; k += width<T>) {
        const Vec<T> v = first_entries(load(z + k), classes - k, z[0]);
        high = v > high ? v : high;
    }
    return largest_entry(high);
}

// exp(z_k - largest) in place, for one row in whole lane blocks, whose padding becomes 0. Returns the sum in
// double, which is NaN if any z is. (The padding is given exp(0) to compute: subnormal results are slow.)
template <class T>
STEEPEST_INLINE double exponentials(Index classes, T* z, T largest) {  // (padded(classes),)
    Lanes<double> sum = Lanes<double>::zero();
    for (Index k = 0; k < padded<T>(classes); k += width<T>) {
        const Vec<T> e = exp(first_entries(load(z + k), classes - k, largest) - largest);
        const Vec<T> kept = first_entries(e, classes - k, T(0));
        store(z + k, kept);
        add_wide(sum, k, kept);
    }
    return sum.sum();
}

// softmax(z) in place, for one row with its padding.
template <class T>
void softmax_row(Index classes, T* z) {  // (padded(classes),)
    const T inverse = static_cast<T>(1.0 / exponentials(classes, z, largest_logit(classes, z)));
    map_in_place(z, padded<T>(classes), [=](Vec<T> e) -> Vec<T> { return e * inverse; });
}

// sum_k t_k and sum_k t_k (z_k - max): 0 log 0 = 0, a class that does not occur costs nothing, however small
// its probability.
template <class T>
void expectation(Index classes, const T* t, const T* z, T largest, double& total, double& expected) {
    total = expected = 0;
    for (Index k = 0; k < classes; ++k) {
        total += static_cast<double>(t[k]);
        if (t[k] != 0)
            expected +=
                static_cast<double>(t[k]) * (static_cast<double>(z[k]) - static_cast<double>(largest));
    }
}

// Cross-entropy of softmax(z_i) against a class c_i or probabilities t_i, from logits, by log-sum-exp:
// l_i = sum_k t_ik (log sum_j exp(z_ij) - z_ik), d_ik = scale w_i (softmax(z_i)_k sum t_i - t_ik).
// Rows must be padded. They are taken in blocks, and a block in several short loops: within a row each number
// waits for the one before, but rows don't wait for each other.
template <class T>
void softmax_cross_entropy(Index rows, Index classes, T* z, Index stride,
                           const std::int64_t* target,      // (rows,) classes, or nullptr
                           const T* probabilities,          // (rows, classes), padded, if target is nullptr
                           const T* weights,                // (rows,) or nullptr
                           double scale, double* losses) {  // (rows,)
    constexpr Index block = 32;
    for (Index first = 0; first < rows; first += block) {
        const Index count = rows - first < block ? rows - first : block;
        double sum[block], total[block], expected[block], logarithm[block];
        T largest[block];
        for (Index i = 0; i < block; ++i) sum[i] = total[i] = 1;
        for (Index i = 0; i < count; ++i) largest[i] = largest_logit(classes, z + (first + i) * stride);
        for (Index i = 0; i < count; ++i) {
            const T* row = z + (first + i) * stride;
            if (target)
                expected[i] = static_cast<double>(row[target[first + i]]) - static_cast<double>(largest[i]);
            else
                expectation(classes, probabilities + (first + i) * stride, row, largest[i], total[i],
                            expected[i]);
        }
        for (Index i = 0; i < count; ++i)
            sum[i] = exponentials(classes, z + (first + i) * stride, largest[i]);
        for (Index i = 0; i < count; ++i) {
            T* row = z + (first + i) * stride;
            const T s = static_cast<T>(scale * weight_of(weights, first + i));
            const T inverse = static_cast<T>(1.0 / sum[i]), share = static_cast<T>(total[i]);
            const Index n = padded<T>(classes);
            if (target) {
                const T of_class = row[target[first + i]];
                map_in_place(row, n, [=](Vec<T> e) -> Vec<T> { return s * (e * inverse); });
                row[target[first + i]] = s * (of_class * inverse - 1);
            } else {
                map(
                    row, n, [=](Vec<T> e, Vec<T> t) -> Vec<T> { return s * (e * inverse * share - t); }, row,
                    probabilities + (first + i) * stride);
            }
        }
        for (Index i = 0; i < count; i += width<double>) store(logarithm + i, log_of_normal(load(sum + i)));
        for (Index i = 0; i < count; ++i)
            losses[first + i] = weight_of(weights, first + i) * (total[i] * logarithm[i] - expected[i]);
    }
}

// terms[i] = value(f, y), entry by entry, in double.
template <class T, class Rule>
STEEPEST_INLINE void loss_values(const Rule& rule, Index n, const T* f, const T* y, double* terms) {
    Index i = 0;
    for (; i + width<double> <= n; i += width<double>)
        store(terms + i, rule.value(load_wide(f + i), load_wide(y + i)));
    if (i == n) return;
    T f_tail[width<double>] = {}, y_tail[width<double>] = {};
    std::memcpy(f_tail, f + i, static_cast<std::size_t>(n - i) * sizeof(T));
    std::memcpy(y_tail, y + i, static_cast<std::size_t>(n - i) * sizeof(T));
    const Vec<double> last = rule.value(load_wide(f_tail), load_wide(y_tail));
    std::memcpy(terms + i, &last, static_cast<std::size_t>(n - i) * sizeof(double));
}

// f = scale derivative(f, y), entry by entry.
template <class T, class Rule>
STEEPEST_INLINE void loss_derivatives(const Rule& rule, Index n, T* f, const T* y, double scale) {
    const T s = static_cast<T>(scale);
    map(
        f, n,
        [&](Vec<T> f_vector, Vec<T> y_vector) -> Vec<T> { return s * rule.derivative(f_vector, y_vector); },
        f, y);
}

// losses[i] = sum_k value(f_ik, y_ik), entries added in their order. Rows lie one behind the other, or are
// padded.
template <class T, class Rule>
STEEPEST_INLINE void row_losses(const Rule& rule, Index rows, Index outputs, const T* f, const T* y,
                                Index stride, double* losses) {
    constexpr Index block = 64;
    double terms[block], loss = 0;
    const Index run = stride == outputs ? rows * outputs : outputs;  // entries without a gap
    const Index runs = stride == outputs ? 1 : rows;
    Index row = 0, k = 0;
    for (Index r = 0; r < runs; ++r)
        for (Index first = 0; first < run; first += block) {
            const Index count = run - first < block ? run - first : block;
            const Index whole =
                runs == 1 ? count : (count + width<double> - 1) / width<double> * width<double>;
            loss_values(rule, whole, f + r * stride + first, y + r * stride + first, terms);
            for (Index j = 0; j < count; ++j) {
                loss += terms[j];
                if (++k < outputs) continue;
                losses[row++] = loss;
                loss = 0;
                k = 0;
            }
        }
}

// f_ik = scale w_i derivative(f_ik, y_ik); padding becomes 0.
template <class T, class Rule>
STEEPEST_INLINE void row_derivatives(const Rule& rule, Index rows, Index outputs, T* f, const T* y,
                                     Index stride, const T* weights, double scale) {
    if (stride == outputs && !weights) return loss_derivatives(rule, rows * outputs, f, y, scale);
    for (Index i = 0; i < rows; ++i) {
        T* row = f + i * stride;
        const T* target = y + i * stride;
        const double row_scale = scale * weight_of(weights, i);
        if (stride == outputs) {
            loss_derivatives(rule, outputs, row, target, row_scale);
            continue;
        }
        loss_derivatives(rule, padded<T>(outputs), row, target, row_scale);
        for (Index k = outputs; k < padded<T>(outputs); ++k) row[k] = 0;
    }
}

// l_i = sum_k rule(f_ik, y_ik). One output has its rows in the lanes.
template <class T, class Rule>
void entry_losses(const Rule& rule, Index rows, Index outputs, T* f, const T* y,
                  Index stride,                    // (rows, outputs)
                  const T* weights,                // (rows,) or nullptr
                  double scale, double* losses) {  // (rows,)
    if (outputs == 1 && stride == 1) {
        loss_values(rule, rows, f, y, losses);
        loss_derivatives(rule, rows, f, y, scale);
        for (Index i = 0; i < rows && weights; ++i) f[i] *= weights[i];
    } else {
        row_losses(rule, rows, outputs, f, y, stride, losses);
        row_derivatives(rule, rows, outputs, f, y, stride, weights, scale);
    }
    for (Index i = 0; i < rows && weights; ++i) losses[i] *= static_cast<double>(weights[i]);
}

// Any loss. f: outputs, of which losses of classes and Poisson's are functions before any activation; y: the
// targets, for classes one 0 or 1 an output (probabilities, for the cross-entropies). f becomes scale times
// the weighted derivative, and `losses` gets each row's weighted loss. For the softmax rows must be padded;
// for others they may also be `outputs` apart, and one output of a column that is 1 apart is the quickest.
template <class T>
void differentiate_loss(LossConfig loss, Index rows, Index outputs, T* f, const T* y,
                        Index stride,                    // (rows, outputs)
                        const T* weights,                // (rows,) or nullptr
                        double scale, double* losses) {  // (rows,)
    if (loss.kind == Loss::squared) return squared_error(rows, outputs, f, y, stride, weights, scale, losses);
    if (loss.kind == Loss::softmax)
        return softmax_cross_entropy<T>(rows, outputs, f, stride, nullptr, y, weights, scale, losses);
    with_rule(loss, [&](const auto& rule) {
        entry_losses(rule, rows, outputs, f, y, stride, weights, scale, losses);
    });
}

}  // namespace steepest::STEEPEST_ISA
