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

// output = activation(input W + b). Rows of output are output_stride apart; a padded output gets zeros in its
// padding, so that it can be the next layer's input in any form.
template <class T>
void dense_forward(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                   Index input_stride,  // (rows, n_in); zero-padded rows if the layer is transposed
                   const T* theta, T* output, Index output_stride) {  // (rows, n_out)
    const T* weights = theta + layer.weights_offset;
    const T* bias = theta + layer.bias_offset;
    if (layer.transposed) {
        row_products(rows, layer.n_out, layer.columns, input, input_stride, weights, layer.columns, bias,
                     output, output_stride);
        if (output_stride == layer.n_out)
            activate_in_place(activation, output, rows * layer.n_out);
        else
            for (Index i = 0; i < rows; ++i)
                activate_in_place(activation, output + i * output_stride, layer.n_out);
        return;
    }
    with_activation(activation, [&](auto kind) {
        auto epilogue = [=](Index i, Index j, Vec<T> sum) __attribute__((always_inline)) {
            store(output + i * output_stride + j, activate<decltype(kind)::value>(sum + load(bias + j)));
        };
        const Panels<T> panels = layer.panels(theta);
        if (layer.n_in == 1)
            multiply_shallow<T, 1>(rows, layer.columns, input, input_stride, panels, epilogue);
        else if (layer.n_in == 2)
            multiply_shallow<T, 2>(rows, layer.columns, input, input_stride, panels, epilogue);
        else
            multiply(rows, layer.columns, layer.n_in, input, input_stride, panels, output, output_stride,
                     epilogue);
    });
    // logistic(0) is not 0, and neither is the padding's 0 times an infinite input.
    for (Index i = 0; i < rows && layer.n_out < layer.columns; ++i)
        for (Index o = layer.n_out; o < layer.columns; ++o) output[i * output_stride + o] = 0;
}

// The share of a layer with few outputs, stored transposed: d_weights (n_out, n_in) = d_z^T input.
template <class T>
void narrow_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                                Index input_stride,            // (rows, n_in), padded
                                const T* d_z, Index d_stride,  // (rows, n_out)
                                const GradientSink<T>& sink, int share, int shares, PackBuffers<T>& buffers,
                                PieceNorms& norms) {
    using Kind = typename GradientSink<T>::Kind;
    constexpr Index piece_columns = 16 * lanes<T>;
    static_assert(piece_columns <= Blocking<T>::piece_size);
    const Index units = (layer.columns + piece_columns - 1) / piece_columns;
    for (Index unit = units * share / shares; unit < units * (share + 1) / shares; ++unit) {
        const Index first = unit * piece_columns;
        const Index end = layer.columns - first < piece_columns ? layer.columns : first + piece_columns;
        for (Index o = 0; o < layer.n_out; ++o) {
            const Index offset = layer.weights_offset + o * layer.columns + first;
            T* piece = sink.place(offset, buffers.piece.data());
            weighted_column_sums(rows, end - first, d_z + o, d_stride, input + first, input_stride, piece);
            sink(Kind::weights, offset, piece, end - first, norms);
        }
    }
    if (share > 0) return;
    T* piece = sink.place(layer.bias_offset, buffers.piece.data());
    for (Index o = 0; o < layer.bias_size; ++o)
        piece[o] = o < layer.n_out ? strided_sum(rows, d_z + o, d_stride) : T(0);
    sink(Kind::bias, layer.bias_offset, piece, layer.bias_size, norms);
}

// epilogue(i, j, sum_o d_z[i, o] w[o, j...]) for few outputs o, whose weights stay in registers while rows
// pass.
template <class T, class Count, class Epilogue>
STEEPEST_INLINE void narrow_backward_input(Index rows, Count n_out, Index columns, const T* d_z,
                                           Index d_stride,
                                           const T* w,  // (n_out, columns)
                                           Epilogue& epilogue) {
    for (Index j = 0; j < columns; j += lanes<T>)
        for (Index i = 0; i < rows; ++i) {
            Lanes<T> sum = Lanes<T>::zero();
            for (Index o = 0; o < n_out; ++o) {
                const Vec<T> factor = splat(d_z[i * d_stride + o]);
                for (int p = 0; p < Lanes<T>::parts; ++p)
                    sum.part[p] = fma(factor, load(w + o * columns + j + p * width<T>), sum.part[p]);
            }
            for (int p = 0; p < Lanes<T>::parts; ++p) epilogue(i, j + p * width<T>, sum.part[p]);
        }
}

// The part of d_weights, all rows of some columns, for a layer with so few inputs that a tile of the product
// would be mostly empty.
inline constexpr Index few_inputs = 4;

template <class T>
void few_inputs_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                                    Index input_stride, const T* d_z, Index d_stride, const Part& part,
                                    const GradientSink<T>& sink, PackBuffers<T>& buffers, PieceNorms& norms) {
    for (Index j = part.j0; j < part.j1; j += panel_columns<T>) {
        const Index here = part.j1 - j < panel_columns<T> ? part.j1 - j : panel_columns<T>;
        const Index offset = layer.weights_offset + j * layer.n_in;
        T* piece = sink.place(offset, buffers.piece.data());
        for (Index k = 0; k < layer.n_in; ++k)
            weighted_column_sums(rows, here, input + k, input_stride, d_z + j, d_stride, piece + k * here);
        sink(GradientSink<T>::Kind::weights, offset, piece, layer.n_in * here, norms);
    }
}

// The part of d_weights = input^T d_z that one thread computes, and d_bias = sum over rows of d_z, given to
// the sink piece by piece. Sums run over the rows in order; pieces depend on the layer's shape alone.
template <class T>
void dense_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                               Index input_stride,            // (rows, n_in); padded if transposed
                               const T* d_z, Index d_stride,  // (rows, n_out); zero padding unless transposed
                               const GradientSink<T>& sink, int share, int shares, PackBuffers<T>& buffers,
                               PieceNorms& norms) {
    using Kind = typename GradientSink<T>::Kind;
    buffers.piece.reserve(Blocking<T>::piece_size);
    if (layer.transposed) {
        narrow_backward_parameters(layer, rows, input, input_stride, d_z, d_stride, sink, share, shares,
                                   buffers, norms);
        return;
    }
    const PieceGrid<T> grid(layer.n_in, layer.columns);  // (n_in, n_out) = input^T d_z
    const Part part = share_of(grid, share, shares);
    auto offset = [&](Index i, Index j) {
        return layer.weights_offset + packed_offset<T>(layer.n_in, layer.columns, i, j);
    };
    if (part.i0 > 0 && part.i0 == part.i1) return;  // other shares have all rows
    if (layer.n_in <= few_inputs)
        few_inputs_backward_parameters(layer, rows, input, input_stride, d_z, d_stride, part, sink, buffers,
                                       norms);
    else
        multiply_transposed(
            grid, part, rows, input, input_stride, d_z, d_stride, buffers,
            [&](Index i, Index j, T* scratch) { return sink.place(offset(i, j), scratch); },
            [&](Index i, Index j, T* piece, Index n) { sink(Kind::weights, offset(i, j), piece, n, norms); });
    if (part.i0 > 0) return;  // biases go with the first row of weights
    for (Index first = part.j0; first < part.j1; first += grid.across) {
        const Index end = part.j1 - first < grid.across ? part.j1 : first + grid.across;
        T* piece = sink.place(layer.bias_offset + first, buffers.piece.data());
        column_sums(rows, end - first, d_z + first, d_stride, piece);
        sink(Kind::bias, layer.bias_offset + first, piece, end - first, norms);
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
    with_activation(activation, [&](auto kind) {
        auto epilogue = [=](Index i, Index j, Vec<T> sum) __attribute__((always_inline)) {
            const Vec<T> a = load(input + i * input_stride + j);
            store(d_input + i * d_input_stride + j, activation_backward<decltype(kind)::value>(a, sum));
        };
        const T* weights = theta + layer.weights_offset;
        if (layer.transposed) {
            if (layer.n_out == 1)
                narrow_backward_input(rows, std::integral_constant<Index, 1>{}, layer.columns, d_z, d_stride,
                                      weights, epilogue);
            else
                narrow_backward_input(rows, layer.n_out, layer.columns, d_z, d_stride, weights, epilogue);
            return;
        }
        const Index columns = padded<T>(layer.n_in);
        multiply(rows, columns, layer.n_out, d_z, d_stride,
                 Panels<T>::packed(transposed_weights, layer.n_out, columns), d_input, d_input_stride,
                 epilogue);
    });
}

}  // namespace steepest::STEEPEST_ISA
