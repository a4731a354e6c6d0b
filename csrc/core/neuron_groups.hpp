// The weights into each neuron of a layer, W_j = W[:, j], as a group: a penalty on groups, lambda sum_j
// ||W_j||, that removes whole neurons, and a largest norm. Biases are in no group.
//
// The penalty is met by a proximal step behind the optimizer's, in the optimizer's own metric: with c_i the
// step that a constant gradient of 1 makes in the limit (penalised_rule.hpp),
//     W_j <- argmin_z lambda ||z|| + sum_i (z_i - W_ij)^2 / (2 c_i),
// which is z_i = t W_ij / (t + lambda c_i), where t = ||z||, or 0. With equal c that is W_j max(0, 1 - lambda
// c / ||W_j||). Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables";
// Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for structured neural networks".
//
// All sums are in float64 and go over the inputs in their order, one chain for each neuron.
#pragma once

#include "core/dense.hpp"

namespace steepest::STEEPEST_ISA {

// Neurons whose weights lie together, (n_in, count) from the offset on; their number is a constant.
template <int Count>
struct NeuronBlock {
    static constexpr Index count = Count;
    Index offset, size;
};

// f(block) for all neurons of a layer, with its padding.
template <class T, class F>
void for_neuron_blocks(const DenseLayout<T>& layer, F&& f) {
    if (layer.transposed) {
        for (Index j = 0; j < layer.n_out; ++j)
            f(NeuronBlock<1>{layer.weights_offset + j * layer.columns, layer.columns});
        return;
    }
    for (Index j = 0; j < layer.columns; j += panel_columns<T>) {
        const Index offset = layer.weights_offset + j * layer.n_in;
        if (layer.columns - j >= panel_columns<T>)
            f(NeuronBlock<panel_columns<T>>{offset, layer.n_in * panel_columns<T>});
        else
            f(NeuronBlock<lanes<T>>{offset, layer.n_in * lanes<T>});
    }
}

// f(q, place of the weight) for the weights of a block, input by input.
template <class T, int Count, class F>
STEEPEST_INLINE void for_weights_of(const DenseLayout<T>& layer, const NeuronBlock<Count>& block, F&& f) {
    for (Index i = 0; i < layer.n_in; ++i)
        for (Index q = 0; q < Count; ++q) f(q, block.offset + i * Count + q);
}

// ||W_j||^2 of a block's neurons.
template <class T, int Count>
void squared_norms(const DenseLayout<T>& layer, const NeuronBlock<Count>& block, const T* theta,
                   double* squares) {
    double sums[Count] = {};
    for_weights_of(layer, block, [&](Index q, Index at) __attribute__((always_inline)) {
        const double w = static_cast<double>(theta[at]);
        sums[q] += w * w;
    });
    std::copy_n(sums, Count, squares);
}

// sum_j ||W_j||
template <class T>
double sum_of_group_norms(const DenseLayout<T>& layer, const T* theta) {
    double sum = 0, squares[panel_columns<T>];
    for_neuron_blocks(layer, [&](const auto& block) {
        squared_norms(layer, block, theta, squares);
        for (Index q = 0; q < block.count; ++q) sum += __builtin_sqrt(squares[q]);
    });
    return sum;
}

// W_j <- W_j min(1, largest / ||W_j||)
template <class T>
void limit_norms(const DenseLayout<T>& layer, double largest, T* theta) {
    double factors[panel_columns<T>];
    for_neuron_blocks(layer, [&](const auto& block) {
        squared_norms(layer, block, theta, factors);
        bool exceeds = false;
        for (Index q = 0; q < block.count; ++q) {
            const double norm = __builtin_sqrt(factors[q]);
            factors[q] = norm > largest ? largest / norm : 1;
            exceeds |= norm > largest;
        }
        if (!exceeds) return;
        for_weights_of(layer, block, [&](Index q, Index at) __attribute__((always_inline)) {
            theta[at] = static_cast<T>(static_cast<double>(theta[at]) * factors[q]);
        });
    });
}

// The norms t of the proximal points of some groups; 0 where all of a group is. 1 / ||w / (t + lambda c)|| =
// 1 is concave in t, so Newton's iterates rise to the root from below, and the distance to it is squared in
// each.
template <int Count>
struct ProximalNorms {
    double t[Count] = {};
    bool done[Count] = {};

    template <class T>
    ProximalNorms(const T* w, const T* c, Index n, double lambda) {  // (n, Count)
        if (!begin(w, c, n, lambda)) return;
        for (int iteration = 0; iteration < 50; ++iteration)
            if (!rise(w, c, n, lambda)) return;
    }

    // w_i <- t w_i / (t + lambda c_i)
    template <class T>
    void shrink(T* __restrict w, const T* __restrict c, Index n, double lambda) const {
        for (Index i = 0; i < n; ++i)
            for (Index q = 0; q < Count; ++q) {
                const double x = static_cast<double>(w[i * Count + q]);
                const double factor = t[q] / (t[q] + lambda * static_cast<double>(c[i * Count + q]));
                w[i * Count + q] = static_cast<T>(x == 0 || t[q] == 0 ? 0 : x * factor);
            }
    }

  private:
    // Below the root, or at it; false if all are at it.
    template <class T>
    bool begin(const T* w, const T* c, Index n, double lambda) {
        double squares[Count] = {}, at_zero[Count] = {}, most[Count] = {}, least[Count], below[Count] = {};
        std::fill_n(least, Count, __builtin_inf());
        for (Index i = 0; i < n; ++i) {
            for (Index q = 0; q < Count; ++q) {
                const double x = static_cast<double>(w[i * Count + q]);
                const double held = lambda * static_cast<double>(c[i * Count + q]);
                const double ratio = x / (x == 0 ? 1 : held);
                squares[q] += x * x;
                at_zero[q] += ratio * ratio;
            }
            for (Index q = 0; q < Count; ++q) {
                const double x = static_cast<double>(w[i * Count + q]);
                const double held = lambda * static_cast<double>(c[i * Count + q]);
                const double excess = __builtin_fabs(x) - held;
                const double high = x == 0 ? 0 : held, low = x == 0 ? __builtin_inf() : held;
                most[q] = high > most[q] ? high : most[q];
                least[q] = low < least[q] ? low : least[q];
                below[q] = excess > below[q] ? excess : below[q];  // no |w_i| is above t + lambda c_i
            }
        }
        bool open = false;
        for (Index q = 0; q < Count; ++q) {
            const double norm = __builtin_sqrt(squares[q]);
            t[q] = norm - most[q] > below[q] ? norm - most[q] : below[q];  // the root, where all c are equal
            if (at_zero[q] <= 1) t[q] = 0;
            done[q] = at_zero[q] <= 1 || most[q] == least[q];
            open |= !done[q];
        }
        return open;
    }

    template <class T>
    bool rise(const T* w, const T* c, Index n, double lambda) {
        double sum[Count] = {}, slope[Count] = {},
               at[Count];  // of ||w / (t + lambda c)||^2; of it, -1/2 the derivative
        std::copy_n(t, Count, at);
        for (Index i = 0; i < n; ++i)
            for (Index q = 0; q < Count; ++q) {
                const double x = static_cast<double>(w[i * Count + q]);
                const double scale = at[q] + lambda * static_cast<double>(c[i * Count + q]);
                const double inverse = 1 / (x == 0 ? 1 : scale), ratio = x * inverse;
                sum[q] += ratio * ratio;
                slope[q] += ratio * ratio * inverse;
            }
        bool open = false;
        for (Index q = 0; q < Count; ++q) {
            const double step = (__builtin_sqrt(sum[q]) - 1) * sum[q] / slope[q];
            if (!done[q] && step > 0) t[q] += step;
            done[q] |= !(step > 1e-8 * t[q]);
            open |= !done[q];
        }
        return open;
    }
};

// The proximal step of the group penalty, after the optimizer's.
template <class T>
void shrink_groups(const DenseLayout<T>& layer, double lambda, const OptimizerStep<T>& step) {
    T* theta = step.parameters();
    Buffer<T> steps(panel_columns<T> * layer.n_in + layer.columns);
    for_neuron_blocks(layer, [&](const auto& block) {
        const T* c = steps.data();
        step.unit_steps(block.offset, block.size, steps.data());
        T* w = theta + block.offset;
        const ProximalNorms<static_cast<int>(block.count)> norms(w, c, layer.n_in, lambda);
        norms.shrink(w, c, layer.n_in, lambda);
    });
}

// Of the subgradient of the least norm of a function with gradient g, plus l1 |W|_1 + lambda sum_j ||W_j||:
// the sum of squares or the largest magnitude.
template <class T>
double size_of_group_subgradient(const DenseLayout<T>& layer, const T* theta, const T* g, double l1,
                                 double lambda, bool largest) {
    double size = 0, norms[panel_columns<T>], squares[panel_columns<T>], most[panel_columns<T>];
    for_neuron_blocks(layer, [&](const auto& block) {
        squared_norms(layer, block, theta, norms);
        std::fill_n(squares, block.count, 0.0);
        std::fill_n(most, block.count, 0.0);
        for_weights_of(layer, block, [&](Index q, Index at) {
            const double w = static_cast<double>(theta[at]);
            double rest = static_cast<double>(g[at]);
            if (w != 0)
                rest += lambda * w / __builtin_sqrt(norms[q]) + (w > 0 ? l1 : -l1);
            else
                rest -= rest > l1 ? l1 : rest < -l1 ? -l1 : rest;
            const double magnitude = rest < 0 ? -rest : rest;
            squares[q] += rest * rest;
            most[q] = magnitude > most[q] || magnitude != magnitude ? magnitude : most[q];
        });
        for (Index q = 0; q < block.count; ++q) {
            double left = 1;  // of a group at 0, where any vector up to lambda long is a subgradient
            if (norms[q] == 0 && lambda > 0) {
                const double norm = __builtin_sqrt(squares[q]);
                left = norm > lambda ? 1 - lambda / norm : norm == norm ? 0 : norm;
            }
            size = joined(size, largest ? left * most[q] : left * left * squares[q], largest);
        }
    });
    return size;
}

}  // namespace steepest::STEEPEST_ISA
