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

// Neurons whose weights lie together: the weight from input i to the q-th of them is at
// offset + i * next_input + q.
struct NeuronBlock {
    Index offset, size, count, next_input;
};

// f(block) for all neurons of a layer, with its padding.
template <class T, class F>
void for_neuron_blocks(const DenseLayout<T>& layer, F&& f) {
    if (layer.transposed) {
        for (Index j = 0; j < layer.n_out; ++j)
            f(NeuronBlock{layer.weights_offset + j * layer.columns, layer.columns, 1, 1});
        return;
    }
    for (Index j = 0; j < layer.columns; j += panel_columns<T>) {
        const Index here = layer.columns - j < panel_columns<T> ? layer.columns - j : panel_columns<T>;
        f(NeuronBlock{layer.weights_offset + j * layer.n_in, layer.n_in * here, here, here});
    }
}

// f(i, q, place of the weight) for a block.
template <class T, class F>
void for_weights_of(const DenseLayout<T>& layer, const NeuronBlock& block, F&& f) {
    for (Index i = 0; i < layer.n_in; ++i)
        for (Index q = 0; q < block.count; ++q) f(i, q, block.offset + i * block.next_input + q);
}

// ||W_j||^2 of a block's neurons.
template <class T>
void squared_norms(const DenseLayout<T>& layer, const NeuronBlock& block, const T* theta, double* squares) {
    std::fill_n(squares, block.count, 0.0);
    for_weights_of(layer, block, [&](Index, Index q, Index at) {
        const double w = static_cast<double>(theta[at]);
        squares[q] += w * w;
    });
}

// sum_j ||W_j||
template <class T>
double sum_of_group_norms(const DenseLayout<T>& layer, const T* theta) {
    double sum = 0, squares[panel_columns<T>];
    for_neuron_blocks(layer, [&](const NeuronBlock& block) {
        squared_norms(layer, block, theta, squares);
        for (Index q = 0; q < block.count; ++q) sum += __builtin_sqrt(squares[q]);
    });
    return sum;
}

// W_j <- W_j min(1, largest / ||W_j||)
template <class T>
void limit_norms(const DenseLayout<T>& layer, double largest, T* theta) {
    double factors[panel_columns<T>];
    for_neuron_blocks(layer, [&](const NeuronBlock& block) {
        squared_norms(layer, block, theta, factors);
        bool exceeds = false;
        for (Index q = 0; q < block.count; ++q) {
            const double norm = __builtin_sqrt(factors[q]);
            factors[q] = norm > largest ? largest / norm : 1;
            exceeds |= norm > largest;
        }
        if (!exceeds) return;
        for_weights_of(layer, block, [&](Index, Index q, Index at) {
            theta[at] = static_cast<T>(static_cast<double>(theta[at]) * factors[q]);
        });
    });
}

// The norm t of the proximal point of one group, weights w and steps c (n,), `next` apart; 0 if all of it is.
// 1 / ||w / (t + lambda c)|| = 1 is concave in t, so Newton's iterates rise to the root from below.
template <class T>
double proximal_norm(const T* w, const T* c, Index n, Index next, double lambda) {
    double squares = 0, most = 0, at_zero = 0, t = 0;  // no w_i is above t + lambda c_i
    for (Index i = 0; i < n; ++i) {
        const double w_i = static_cast<double>(w[i * next]), held = lambda * static_cast<double>(c[i * next]);
        if (w_i == 0) continue;
        squares += w_i * w_i;
        most = held > most ? held : most;
        const double excess = (w_i < 0 ? -w_i : w_i) - held;
        t = excess > t ? excess : t;
        at_zero += w_i / held * (w_i / held);
    }
    if (at_zero <= 1) return 0;
    const double norm = __builtin_sqrt(squares);
    if (most == 0) return norm;
    if (norm - most > t) t = norm - most;  // the root, where all c are equal
    for (int iteration = 0; iteration < 50; ++iteration) {
        double sum = 0, slope = 0;  // of ||w / (t + lambda c)||^2; of it, -1/2 the derivative
        for (Index i = 0; i < n; ++i) {
            const double w_i = static_cast<double>(w[i * next]);
            if (w_i == 0) continue;
            const double scale = t + lambda * static_cast<double>(c[i * next]), ratio = w_i / scale;
            sum += ratio * ratio;
            slope += ratio * ratio / scale;
        }
        const double rise = (__builtin_sqrt(sum) - 1) * sum / slope;
        if (!(rise > 1e-15 * t)) break;
        t += rise;
    }
    return t;
}

// The proximal step of the group penalty, after the optimizer's.
template <class T>
void shrink_groups(const DenseLayout<T>& layer, double lambda, const OptimizerStep<T>& step) {
    T* theta = step.parameters();
    Buffer<T> steps(panel_columns<T> * layer.n_in + layer.columns);
    for_neuron_blocks(layer, [&](const NeuronBlock& block) {
        step.unit_steps(block.offset, block.size, steps.data());
        double norms[panel_columns<T>];
        for (Index q = 0; q < block.count; ++q)
            norms[q] = proximal_norm(theta + block.offset + q, steps.data() + q, layer.n_in, block.next_input,
                                     lambda);
        for_weights_of(layer, block, [&](Index, Index q, Index at) {
            const double c = static_cast<double>(steps.data()[at - block.offset]);
            const double w = static_cast<double>(theta[at]), t = norms[q];
            theta[at] = t == 0 || w == 0 ? T(0) : static_cast<T>(w * (t / (t + lambda * c)));
        });
    });
}

// Of the subgradient of the least norm of a function with gradient g, plus l1 |W|_1 + lambda sum_j ||W_j||:
// the sum of squares or the largest magnitude.
template <class T>
double size_of_group_subgradient(const DenseLayout<T>& layer, const T* theta, const T* g, double l1,
                                 double lambda, bool largest) {
    double size = 0, norms[panel_columns<T>], squares[panel_columns<T>], most[panel_columns<T>];
    for_neuron_blocks(layer, [&](const NeuronBlock& block) {
        squared_norms(layer, block, theta, norms);
        std::fill_n(squares, block.count, 0.0);
        std::fill_n(most, block.count, 0.0);
        for_weights_of(layer, block, [&](Index, Index q, Index at) {
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
