// The dense layer: output = activation(input W + b), its backward pass, and how its parameters lie in memory.
//
// Parameters live in one flat vector, padded so that no kernel has a tail. W (n_in, n_out) is stored in
// panels of columns, with the outputs in the lanes; a layer with few outputs is stored transposed, (n_out,
// n_in) row-major with the inputs in the lanes, so that lanes are not wasted. Padding starts at 0 and its
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
        transposed =
            2 * n_out <= lanes<T> && (n_out == 1 || n_out * padded<T>(n_in) < n_in * padded<T>(n_out));
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

    Panels<T> panels(const T* theta) const {
        return Panels<T>::packed(theta + weights_offset, n_in, columns);
    }

    // One of `shares` parts of W^T (n_out, n_in) in panels, for the backward pass of a layer that is stored
    // the other way.
    void pack_transpose(const T* theta, T* to, int share, int shares) const {
        const T* w = theta + weights_offset;
        const Index to_columns = padded<T>(n_in),
                    panels = (columns + panel_columns<T> - 1) / panel_columns<T>;
        for (Index panel = panels * share / shares; panel < panels * (share + 1) / shares; ++panel) {
            const Index j = panel * panel_columns<T>;
            const Index here = columns - j < panel_columns<T> ? columns - j : panel_columns<T>;
            const Index count = n_out - j < here ? n_out - j : here;
            for (Index i = 0; i < n_in; i += panel_columns<T>) {
                const Index i_here = to_columns - i < panel_columns<T> ? to_columns - i : panel_columns<T>;
                const Index i_count = n_in - i < i_here ? n_in - i : i_here;
                transpose(i_count, count, w + j * n_in + i * here, here, to + i * n_out + j * i_here, i_here);
            }
        }
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

// The part of d_weights = input^T d_z that one thread computes, and d_bias = sum over rows of d_z, given to
// the sink piece by piece. The order of sums and the pieces depend on the layer's shape alone.
template <class T>
void dense_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                               Index input_stride,            // (rows, n_in); padded if transposed
                               const T* d_z, Index d_stride,  // (rows, n_out); zero padding unless transposed
                               const GradientSink<T>& sink, int share, int shares, PackBuffers<T>& buffers,
                               PieceNorms& norms);

// d_input = (d_z W^T) * activation'(input), where `activation` is that of the layer below, whose output
// `input` is. Overwrites d_input. `transposed_weights` is W^T in panels unless the layer is stored
// transposed.
template <class T>
void dense_backward_input(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                          Index input_stride,            // (rows, n_in), padded
                          const T* d_z, Index d_stride,  // (rows, n_out)
                          const T* theta,
                          const T* transposed_weights,        // (n_out, n_in) in panels
                          T* d_input, Index d_input_stride);  // (rows, n_in), padded

}  // namespace steepest::STEEPEST_ISA
