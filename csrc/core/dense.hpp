// The dense layer: output = activation(input W + b), its backward pass, and how its parameters lie in memory.
//
// Parameters live in one flat vector, padded so that no kernel has a tail. W (n_in, n_out) is stored in
// panels of columns, with the outputs in the lanes; a layer whose few outputs would waste many of them is
// stored transposed, (n_out, n_in) row-major with the inputs in the lanes. Padding starts at 0 and its
// gradient is always 0, so every optimizer keeps it at 0.
#pragma once

#include "core/activations.hpp"
#include "core/gradient_sink.hpp"
#include "core/matmul.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
struct DenseLayout {
    Index n_in = 0, n_out = 0;
    bool transposed = false;
    Index columns = 0;                           // padded: n_out in panels, or n_in if transposed
    Index weights_offset = 0, weights_size = 0;  // in the flat vector
    Index bias_offset = 0, bias_size = 0;

    DenseLayout(Index n_inputs, Index n_outputs, Index offset) : n_in(n_inputs), n_out(n_outputs) {
        // Sums over lanes cost a row and output about as much as a block of lanes more.
        transposed = n_out == 1 ||
                     (n_out < 2 * lanes<T> && n_out * (padded<T>(n_in) + lanes<T>) < n_in * padded<T>(n_out));
        columns = padded<T>(transposed ? n_in : n_out);
        weights_offset = offset;
        weights_size = columns * (transposed ? n_out : n_in);
        bias_offset = weights_offset + weights_size;
        bias_size = padded<T>(n_out);
    }

    Index end() const { return bias_offset + bias_size; }

    // From and to the arrays of users: weights (n_in, n_out) row-major, bias (n_out,).
    void pack(const T* weights, const T* bias, T* theta) const {
        T* w = theta + weights_offset;
        if (transposed)
            transpose(n_in, n_out, weights, n_out, w, columns);
        else
            for_panel_rows([&](Index i, Index j, Index count, Index at) {
                std::memcpy(w + at, weights + i * n_out + j, static_cast<std::size_t>(count) * sizeof(T));
            });
        std::memcpy(theta + bias_offset, bias, static_cast<std::size_t>(n_out) * sizeof(T));
    }
    void unpack(const T* theta, T* weights, T* bias) const {
        const T* w = theta + weights_offset;
        if (transposed)
            transpose(n_out, n_in, w, columns, weights, n_out);
        else
            for_panel_rows([&](Index i, Index j, Index count, Index at) {
                std::memcpy(weights + i * n_out + j, w + at, static_cast<std::size_t>(count) * sizeof(T));
            });
        std::memcpy(bias, theta + bias_offset, static_cast<std::size_t>(n_out) * sizeof(T));
    }

    // Zeros behind each row of an output in panels: logistic(0) is not 0, and neither is the padding's 0
    // times an infinite input.
    void clear_padding(Index rows, T* output, Index stride) const {
        for (Index i = 0; i < rows && n_out < columns; ++i)
            for (Index o = n_out; o < columns; ++o) output[i * stride + o] = 0;
    }

    Panels<T> panels(const T* theta) const {
        return Panels<T>::packed(theta + weights_offset, n_in, columns);
    }

    // Rows k0 ... k1 (k0 begins a panel) of W^T (n_out, n_in), of a panel of its columns from j on, for the
    // backward pass of a layer that is stored the other way.
    typename Panels<T>::Place transposed_panel(const T* theta, Index j, Index k0, Index k1, T* to) const {
        const Index to_columns =
            padded<T>(n_in) - j < panel_columns<T> ? padded<T>(n_in) - j : panel_columns<T>;
        const Index count = n_in - j < to_columns ? n_in - j : to_columns;
        for (Index k = k0; k < k1; k += panel_columns<T>) {
            const Index here = columns - k < panel_columns<T> ? columns - k : panel_columns<T>;
            transpose(count, k1 - k < here ? k1 - k : here, theta + weights_offset + k * n_in + j * here,
                      here, to + (k - k0) * to_columns, to_columns);
        }
        for (Index k = 0; k < k1 - k0 && count < to_columns; ++k)
            for (Index i = count; i < to_columns; ++i) to[k * to_columns + i] = 0;
        return {to, to_columns};
    }

  private:
    // f(i, j, count, offset): row i of each panel, its columns j ... j + count, and where it lies.
    template <class F>
    void for_panel_rows(F&& f) const {
        for (Index j = 0; j < n_out; j += panel_columns<T>)
            for (Index i = 0; i < n_in; ++i)
                f(i, j, n_out - j < panel_columns<T> ? n_out - j : panel_columns<T>,
                  packed_offset<T>(n_in, columns, i, j));
    }
};

// Compiled once for each type, in dense.cpp.

// output = activation(input W + b). Rows of output are output_stride apart; a padded output gets zeros in its
// padding, so that it can be the next layer's input in any form.
template <class T>
void dense_forward(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                   Index input_stride,  // (rows, n_in); zero-padded rows if the layer is transposed
                   const T* theta, T* output, Index output_stride);  // (rows, n_out)

// Of a layer that is stored transposed: columns of a piece of d_weights, and fewer outputs than this are
// summed one by one, in four chains each.
template <class T>
inline constexpr Index narrow_piece_columns = 8 * lanes<T>;
inline constexpr Index few_outputs = 4;

// The part of d_weights = input^T d_z that one thread computes, and d_bias = sum over rows of d_z, given to
// the sink piece by piece. The order of sums and the pieces depend on the layer's shape alone.
template <class T>
void dense_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                               Index input_stride,            // (rows, n_in); padded if transposed
                               const T* d_z, Index d_stride,  // (rows, n_out); zero padding unless transposed
                               const GradientSink<T>& sink, int share, int shares, PackBuffers<T>& buffers,
                               PieceNorms& norms);

// The second half of that: d_bias of the outputs j0 ... j1, where pieces begin; of all if stored transposed.
template <class T>
void dense_backward_bias(const DenseLayout<T>& layer, Index rows, const T* d_z,
                         Index d_stride,  // (rows, n_out)
                         Index j0, Index j1, const GradientSink<T>& sink, PackBuffers<T>& buffers,
                         PieceNorms& norms);

// d_input = (d_z W^T) * activation'(input), where `activation` is that of the layer below, whose output
// `input` is. Overwrites d_input.
template <class T>
void dense_backward_input(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                          Index input_stride,                                // (rows, n_in), padded
                          const T* d_z, Index d_stride,                      // (rows, n_out)
                          const T* theta, T* d_input, Index d_input_stride,  // (rows, n_in), padded
                          PackBuffers<T>& buffers);

}  // namespace steepest::STEEPEST_ISA
