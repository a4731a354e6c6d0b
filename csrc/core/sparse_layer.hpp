// The first layer of a network on the entries of sparse inputs, without a product for what is absent: the
// siblings of dense_forward and dense_backward_parameters. Where absent entries are 0, every sum is the same
// chain without its terms 0, and so has the same bits. Where they are not, as in standardised columns,
//     X W = (X - 1 a^T) W + 1 (a^T W),    X^T d = (X - 1 a^T)^T d + a (1^T d)
// with a the absent entries, so that again only those that are there count.
#pragma once

#include "core/dense.hpp"
#include "core/entries_by_column.hpp"

namespace steepest::STEEPEST_ISA {

// Whether the layer goes over the entries: few of them, and more inputs than its small kinds have.
template <class T>
bool goes_over_entries(const DenseLayout<T>& layer, const Inputs<T>& X) {
    constexpr Index least_inputs = 64, factor = 8;  // an entry costs as much as some eight of a dense product
    return X.is_sparse() && layer.n_in >= least_inputs && X.sparse.starts[X.rows] * factor <= X.size();
}

// The work of such a layer on so many rows, and of the step of its parameters: in multiply-adds of a dense
// layer that would take as long, roughly.
template <class T>
double work_over_entries(const DenseLayout<T>& layer, const Inputs<T>& X, Index rows) {
    const double of_entry = layer.transposed && layer.n_out < few_outputs ? 32 : 8, of_step = 8;
    const double entries = static_cast<double>(X.sparse.starts[X.rows]) / static_cast<double>(X.rows);
    return static_cast<double>(layer.n_out) *
           (of_entry * entries * static_cast<double>(rows) + of_step * static_cast<double>(layer.n_in));
}

// Compiled once for each type, in sparse_layer.cpp.

// What the layer makes of a row without entries, before its activation: a^T W + b. The bias itself if a = 0.
template <class T>
const T* output_of_absent(const DenseLayout<T>& layer, const Inputs<T>& X, const T* theta,
                          Buffer<T>& scratch);  // (padded n_out,)

// output = activation(input W + b) for some rows of X.
template <class T>
void sparse_forward(const DenseLayout<T>& layer, Activation activation, const SparseRows<T>& X, Rows rows,
                    const T* of_absent,                               // (padded n_out,), by output_of_absent
                    const T* theta, T* output, Index output_stride);  // (rows, n_out)

// As dense_backward_parameters. A layer that is stored transposed reads the rows as they lie, and needs a
// buffer of each thread that is 0 wherever nobody works on it; others read the entries by column.
template <class T>
void sparse_backward_parameters(const DenseLayout<T>& layer, const SparseRows<T>& X, Rows rows,
                                const EntriesByColumn<T>& entries,  // of these rows
                                const T* d_z, Index d_stride,       // (rows, n_out)
                                const GradientSink<T>& sink, int share, int shares, Buffer<T>& sums,
                                PackBuffers<T>& buffers, PieceNorms& norms);

}  // namespace steepest::STEEPEST_ISA
