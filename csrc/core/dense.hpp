// The dense layer: output = activation(input W + b), its backward pass, and how its parameters lie in memory.
//
// Parameters live in one flat vector, padded so that no kernel has a tail. W (n_in, n_out) is stored in
// panels of columns, with the outputs in the lanes; a layer with few outputs is stored transposed, (n_out,
// n_in) row-major with the inputs in the lanes, so that lanes are not wasted. Padding starts at 0 and its
// gradient is always 0, so every optimizer keeps it at 0.
#pragma once

#include "core/activations.hpp"
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
        transposed = 2 * n_out <= lanes<T>;
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

    // W^T (n_out, n_in) in panels, for the backward pass of a layer that is stored the other way.
    void pack_transpose(const T* theta, T* to) const {
        const T* w = theta + weights_offset;
        const Index to_columns = padded<T>(n_in);
        for (Index j = 0; j < n_out; j += panel_columns<T>) {
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

// output = activation(input W + b). Rows of output are output_stride apart; a padded output gets zeros in its
// padding, so that it can be the next layer's input in any form.
template <class T>
void dense_forward(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                   Index input_stride,  // (rows, n_in); zero-padded rows if the layer is transposed
                   const T* theta, T* output, Index output_stride) {  // (rows, n_out)
    const T* weights = theta + layer.weights_offset;
    const T* bias = theta + layer.bias_offset;
    if (layer.transposed) {
        row_products(rows, layer.n_out, layer.columns, input, input_stride, weights, layer.columns, output,
                     output_stride);
        for (Index i = 0; i < rows; ++i) {
            T* row = output + i * output_stride;
            for (Index o = 0; o < layer.n_out; ++o) row[o] += bias[o];
        }
        if (output_stride == layer.n_out)
            activate_in_place(activation, output, rows * layer.n_out);
        else
            for (Index i = 0; i < rows; ++i)
                activate_in_place(activation, output + i * output_stride, layer.n_out);
        return;
    }
    with_activation(activation, [&](auto kind) {
        multiply(rows, layer.columns, layer.n_in, input, input_stride, layer.panels(theta), output,
                 output_stride, [=](Index i, Index j, Vec<T> sum) {
                     store(output + i * output_stride + j,
                           activate<decltype(kind)::value>(sum + load(bias + j)));
                 });
    });
    // logistic(0) is not 0, and neither is the padding's 0 times an infinite input.
    for (Index i = 0; i < rows && layer.n_out < output_stride; ++i)
        for (Index o = layer.n_out; o < output_stride; ++o) output[i * output_stride + o] = 0;
}

// d_weights = input^T d_z and d_bias = sum over rows of d_z; `add` adds to what is there, otherwise it is
// overwritten. Sums run over the rows in order.
template <class T>
void dense_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                               Index input_stride,            // (rows, n_in); padded if transposed
                               const T* d_z, Index d_stride,  // (rows, n_out); zero padding unless transposed
                               bool add, PackBuffers<T>& buffers, T* gradient) {
    T* d_weights = gradient + layer.weights_offset;
    T* d_bias = gradient + layer.bias_offset;
    const Index columns = layer.columns, n_in = layer.n_in;
    auto write = [add](T* entry, Vec<T> sum) { store(entry, add ? load(entry) + sum : sum); };
    if (layer.transposed)  // (n_out, n_in) = d_z^T input
        multiply_transposed(layer.n_out, columns, rows, d_z, d_stride, input, input_stride, buffers,
                            [=](Index i, Index j, Vec<T> sum) { write(d_weights + i * columns + j, sum); });
    else  // (n_in, n_out) = input^T d_z
        multiply_transposed(n_in, columns, rows, input, input_stride, d_z, d_stride, buffers,
                            [=](Index i, Index j, Vec<T> sum) {
                                write(d_weights + packed_offset<T>(n_in, columns, i, j), sum);
                            });

    if (layer.transposed) {
        for (Index o = 0; o < layer.n_out; ++o) {
            T sum = 0;
            for (Index i = 0; i < rows; ++i) sum += d_z[i * d_stride + o];
            d_bias[o] = add ? d_bias[o] + sum : sum;
        }
        return;
    }
    for (Index o = 0; o < layer.bias_size; o += width<T>) {
        Vec<T> sum{};
        for (Index i = 0; i < rows; ++i) sum += load(d_z + i * d_stride + o);
        store(d_bias + o, add ? load(d_bias + o) + sum : sum);
    }
}

// d_input = (d_z W^T) * activation'(input), where `activation` is that of the layer below, whose output
// `input` is. Overwrites d_input. `transposed_weights` is W^T in panels unless the layer is stored
// transposed.
template <class T>
void dense_backward_input(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                          Index input_stride,            // (rows, n_in), padded
                          const T* d_z, Index d_stride,  // (rows, n_out)
                          const T* theta,
                          const T* transposed_weights,         // (n_out, n_in) in panels
                          T* d_input, Index d_input_stride) {  // (rows, n_in), padded
    const Index columns = padded<T>(layer.n_in);
    const Panels<T> weights = layer.transposed
                                  ? Panels<T>::row_major(theta + layer.weights_offset, layer.columns)
                                  : Panels<T>::packed(transposed_weights, layer.n_out, columns);
    with_activation(activation, [&](auto kind) {
        multiply(rows, columns, layer.n_out, d_z, d_stride, weights, d_input, d_input_stride,
                 [=](Index i, Index j, Vec<T> sum) {
                     store(d_input + i * d_input_stride + j, activation_backward<decltype(kind)::value>(
                                                                 load(input + i * input_stride + j), sum));
                 });
    });
}

}  // namespace steepest::STEEPEST_ISA
