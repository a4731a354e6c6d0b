#include "core/dense.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace steepest::STEEPEST_ISA {

template <class T>
void dense_forward(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                   Index input_stride,  // (rows, n_in); zero-padded rows if the layer is transposed
                   const T* theta, T* output, Index output_stride) {  // (rows, n_out)
    const T* weights = theta + layer.weights_offset;
    const T* bias = theta + layer.bias_offset;
    if (layer.transposed) {
        row_products(rows, layer.n_out, layer.columns, input, input_stride, weights, layer.columns, bias,
                     output, output_stride);
        return activate_rows(activation, rows, layer.n_out, output, output_stride);
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
    layer.clear_padding(rows, output, output_stride);
}

// How many outputs' sums a register tile holds, from `few_outputs` outputs on.
using GroupSizes = std::conditional_t<(tile_rows > 8), std::integer_sequence<int, 4, 5, 6, 7, 8>,
                                      std::integer_sequence<int, 3, 4, 5, 6>>;

// f(o, count), count a constant, for groups of so many outputs that a register tile holds their sums.
template <class F, int... Counts>
void for_output_groups(Index n_out, F&& f, std::integer_sequence<int, Counts...>) {
    constexpr Index most = std::max({Counts...});
    const Index groups = (n_out + most - 1) / most;
    for (Index g = 0; g < groups; ++g) {
        const Index o = n_out * g / groups, here = n_out * (g + 1) / groups - o;
        (void)((here == Counts && (f(o, std::integral_constant<int, Counts>{}), true)) || ...);
    }
}

// The share of a layer with few outputs, stored transposed: d_weights (n_out, n_in) = d_z^T input.
template <class T>
void narrow_backward_parameters(const DenseLayout<T>& layer, Index rows, const T* input,
                                Index input_stride,            // (rows, n_in), padded
                                const T* d_z, Index d_stride,  // (rows, n_out)
                                const GradientSink<T>& sink, int share, int shares, PackBuffers<T>& buffers,
                                PieceNorms& norms) {
    using Kind = typename GradientSink<T>::Kind;
    constexpr Index piece_columns = narrow_piece_columns<T>;
    static_assert(8 * piece_columns <= Blocking<T>::piece_size);
    const Index units = (layer.columns + piece_columns - 1) / piece_columns;
    for (Index unit = units * share / shares; unit < units * (share + 1) / shares; ++unit) {
        const Index first = unit * piece_columns;
        const Index here = layer.columns - first < piece_columns ? layer.columns - first : piece_columns;
        const Index offset = layer.weights_offset + first;
        for (Index o = 0; o < layer.n_out && layer.n_out < few_outputs; ++o) {
            T* piece = sink.place(offset + o * layer.columns, buffers.piece.data());
            weighted_column_sums(rows, here, d_z + o, d_stride, input + first, input_stride, piece);
            sink(Kind::weights, offset + o * layer.columns, piece, here, norms);
        }
        if (layer.n_out < few_outputs) continue;
        for_output_groups(
            layer.n_out,
            [&](Index o, auto count) {
                T* piece = buffers.piece.data();  // (count, here)
                few_weighted_column_sums<decltype(count)::value>(rows, here, d_z + o, d_stride, input + first,
                                                                 input_stride, piece, here);
                for (Index q = 0; q < count; ++q)
                    sink(Kind::weights, offset + (o + q) * layer.columns, piece + q * here, here, norms);
            },
            GroupSizes{});
    }
    if (share == 0) dense_backward_bias(layer, rows, d_z, d_stride, 0, layer.n_out, sink, buffers, norms);
}

// epilogue(i, j, sum_o d_z[i, o] w[o, j...]) for one output or two: row by row, as everything else lies in
// memory.
template <int Outputs, class T, class Epilogue>
STEEPEST_INLINE void narrow_backward_input(Index rows, Index columns, const T* d_z, Index d_stride,
                                           const T* w,  // (Outputs, columns)
                                           Epilogue& epilogue) {
    for (Index i = 0; i < rows; ++i) {
        Vec<T> factor[Outputs];
        for (Index o = 0; o < Outputs; ++o) factor[o] = splat(d_z[i * d_stride + o]);
        for (Index j = 0; j < columns; j += width<T>) {
            Vec<T> sum{};
            for (Index o = 0; o < Outputs; ++o) sum = fma(factor[o], load(w + o * columns + j), sum);
            epilogue(i, j, sum);
        }
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
    if (part.i0 == 0)  // biases go with the first row of weights
        dense_backward_bias(layer, rows, d_z, d_stride, part.j0, part.j1, sink, buffers, norms);
}

template <class T>
void dense_backward_bias(const DenseLayout<T>& layer, Index rows, const T* d_z,
                         Index d_stride,  // (rows, n_out)
                         Index j0, Index j1, const GradientSink<T>& sink, PackBuffers<T>& buffers,
                         PieceNorms& norms) {
    if (sink.drops_biases) return;
    constexpr auto bias = GradientSink<T>::Kind::bias;
    if (layer.transposed) {
        T* piece = sink.place(layer.bias_offset, buffers.piece.data());
        for (Index o = 0; o < layer.bias_size; ++o)
            piece[o] = o < layer.n_out ? strided_sum(rows, d_z + o, d_stride) : T(0);
        return sink(bias, layer.bias_offset, piece, layer.bias_size, norms);
    }
    const PieceGrid<T> grid(layer.n_in, layer.columns);
    for (Index first = j0; first < j1; first += grid.across) {
        const Index end = j1 - first < grid.across ? j1 : first + grid.across;
        T* piece = sink.place(layer.bias_offset + first, buffers.piece.data());
        column_sums(rows, end - first, d_z + first, d_stride, piece);
        sink(bias, layer.bias_offset + first, piece, end - first, norms);
    }
}

template <class T>
void dense_backward_input(const DenseLayout<T>& layer, Activation activation, Index rows, const T* input,
                          Index input_stride,                                // (rows, n_in), padded
                          const T* d_z, Index d_stride,                      // (rows, n_out)
                          const T* theta, T* d_input, Index d_input_stride,  // (rows, n_in), padded
                          PackBuffers<T>& buffers) {
    with_activation(activation, [&](auto kind) {
        auto epilogue = [=](Index i, Index j, Vec<T> sum) __attribute__((always_inline)) {
            const Vec<T> a = load(input + i * input_stride + j);
            store(d_input + i * d_input_stride + j, activation_backward<decltype(kind)::value>(a, sum));
        };
        const T* weights = theta + layer.weights_offset;
        if (layer.transposed && layer.n_out == 1)
            return narrow_backward_input<1>(rows, layer.columns, d_z, d_stride, weights, epilogue);
        if (layer.transposed && layer.n_out == 2)
            return narrow_backward_input<2>(rows, layer.columns, d_z, d_stride, weights, epilogue);
        const Index depth = layer.n_out < Blocking<T>::depth ? layer.n_out : Blocking<T>::depth;
        buffers.right.reserve(depth * panel_columns<T>);
        const auto lying = Panels<T>::row_major(weights, layer.columns, layer.columns);
        multiply(
            rows, padded<T>(layer.n_in), layer.n_out, d_z, d_stride,
            [&](Index j, Index k0, Index k1) {
                return layer.transposed ? lying(j, k0)
                                        : layer.transposed_panel(theta, j, k0, k1, buffers.right.data());
            },
            d_input, d_input_stride, epilogue);
    });
}

#define STEEPEST_DENSE(T)                                                                                    \
    template void dense_forward(const DenseLayout<T>&, Activation, Index, const T*, Index, const T*, T*,     \
                                Index);                                                                      \
    template void dense_backward_parameters(const DenseLayout<T>&, Index, const T*, Index, const T*, Index,  \
                                            const GradientSink<T>&, int, int, PackBuffers<T>&, PieceNorms&); \
    template void dense_backward_bias(const DenseLayout<T>&, Index, const T*, Index, Index, Index,           \
                                      const GradientSink<T>&, PackBuffers<T>&, PieceNorms&);                 \
    template void dense_backward_input(const DenseLayout<T>&, Activation, Index, const T*, Index, const T*,  \
                                       Index, const T*, T*, Index, PackBuffers<T>&);
STEEPEST_DENSE(float)
STEEPEST_DENSE(double)
#undef STEEPEST_DENSE

}  // namespace steepest::STEEPEST_ISA
