#include "core/sparse_layer.hpp"

#include "core/narrow_sparse.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// The columns of one panel, as many vectors of them; w points at its first row.
template <int Vectors, Activation A, class T>
void panel_sparse_forward(const SparseRows<T>& X, Rows rows, const T* of_absent, const T* w, Index w_stride,
                          T* output, Index output_stride) {
    for (Index i = 0; i < rows.count; ++i) {
        Vec<T> sum[Vectors] = {};
        X.for_deviations(rows[i], [&](Index k, T value) __attribute__((always_inline)) {
            unrolled<Vectors>([&](int v) __attribute__((always_inline)) {
                sum[v] = fma(splat(value), load(w + k * w_stride + v * width<T>), sum[v]);
            });
        });
        unrolled<Vectors>([&](int v) __attribute__((always_inline)) {
            store(output + i * output_stride + v * width<T>,
                  activate<A>(sum[v] + load(of_absent + v * width<T>)));
        });
    }
}

// Rows i0 ... i1 of d_weights, `Vectors` vectors of their columns: one chain over the rows of d_z each.
template <int Vectors, class T>
void panel_column_sums(const EntriesByColumn<T>& entries, const SparseRows<T>& X, Index i0, Index i1,
                       const T* d_z, Index d_stride, const T* d_sums, T* out) {
    for (Index k = i0; k < i1; ++k, out += Vectors * width<T>) {
        Vec<T> sum[Vectors] = {};
        entries.for_entries(k, [&](Index i, T value) __attribute__((always_inline)) {
            unrolled<Vectors>([&](int v) __attribute__((always_inline)) {
                sum[v] = fma(splat(value), load(d_z + i * d_stride + v * width<T>), sum[v]);
            });
        });
        unrolled<Vectors>([&](int v) __attribute__((always_inline)) {
            if (X.shifted) sum[v] = fma(splat(X.absent[k]), load(d_sums + v * width<T>), sum[v]);
            store(out + v * width<T>, sum[v]);
        });
    }
}

// f(vectors, j, here) for the panels of the columns j0 ... j1: a lane block or two.
template <class T, class F>
void for_panels(Index j0, Index j1, F&& f) {
    for (Index j = j0; j < j1; j += panel_columns<T>)
        if (j1 - j >= panel_columns<T>)
            f(std::integral_constant<int, 2 * Lanes<T>::parts>{}, j, panel_columns<T>);
        else
            f(std::integral_constant<int, Lanes<T>::parts>{}, j, Index{lanes<T>});
}

}  // namespace

template <class T>
const T* output_of_absent(const DenseLayout<T>& layer, const Inputs<T>& X, const T* theta,
                          Buffer<T>& scratch) {
    if (!X.sparse.shifted) return theta + layer.bias_offset;
    const Index inputs = padded<T>(layer.n_in);
    scratch.reserve(inputs + layer.bias_size);
    std::memcpy(scratch.data(), X.sparse.absent, static_cast<std::size_t>(layer.n_in) * sizeof(T));
    dense_forward(layer, Activation::identity, 1, scratch.data(), inputs, theta, scratch.data() + inputs,
                  layer.bias_size);
    return scratch.data() + inputs;
}

template <class T>
void sparse_forward(const DenseLayout<T>& layer, Activation activation, const SparseRows<T>& X, Rows rows,
                    const T* of_absent, const T* theta, T* output, Index output_stride) {
    if (layer.transposed) {
        narrow_sparse_forward(layer, X, rows, of_absent, theta, output, output_stride);
        return activate_rows(activation, rows.count, layer.n_out, output, output_stride);
    }
    const Panels<T> panels = layer.panels(theta);
    with_activation(activation, [&](auto kind) {
        for_panels<T>(0, layer.columns, [&](auto vectors, Index j, Index) {
            const auto [w, w_stride] = panels(j, 0);
            panel_sparse_forward<vectors, decltype(kind)::value>(X, rows, of_absent + j, w, w_stride,
                                                                 output + j, output_stride);
        });
    });
    layer.clear_padding(rows.count, output, output_stride);
}

template <class T>
void sparse_backward_parameters(const DenseLayout<T>& layer, const SparseRows<T>& X, Rows rows,
                                const EntriesByColumn<T>& entries, const T* d_z, Index d_stride,
                                const GradientSink<T>& sink, int share, int shares, Buffer<T>& sums,
                                PackBuffers<T>& buffers, PieceNorms& norms) {
    buffers.piece.reserve(Blocking<T>::piece_size);
    if (layer.transposed) {
        NarrowSparseBackward<T>(layer, X, rows, d_z, d_stride, sink, share, shares, sums).run(buffers, norms);
        if (share == 0)
            dense_backward_bias(layer, rows.count, d_z, d_stride, 0, layer.n_out, sink, buffers, norms);
        return;
    }
    const PieceGrid<T> grid(layer.n_in, layer.columns);
    const Part part = share_of(grid, share, shares);
    if (part.i0 == part.i1 || part.j0 == part.j1) return;
    if (X.shifted) {
        buffers.right.reserve(layer.columns);
        column_sums(rows.count, layer.columns, d_z, d_stride, buffers.right.data());
    }
    for (Index j = part.j0; j < part.j1; j += grid.across)
        for (Index i = part.i0; i < part.i1; i += Blocking<T>::piece_rows) {
            const Index i1 = part.i1 - i < Blocking<T>::piece_rows ? part.i1 : i + Blocking<T>::piece_rows;
            const Index j1 = part.j1 - j < grid.across ? part.j1 : j + grid.across;
            const Index offset = layer.weights_offset + packed_offset<T>(layer.n_in, layer.columns, i, j);
            T* const piece = sink.place(offset, buffers.piece.data());
            T* panel = piece;
            for_panels<T>(j, j1, [&](auto vectors, Index column, Index here) {
                panel_column_sums<vectors>(entries, X, i, i1, d_z + column, d_stride,
                                           X.shifted ? buffers.right.data() + column : nullptr, panel);
                panel += (i1 - i) * here;
            });
            sink(GradientSink<T>::Kind::weights, offset, piece, panel - piece, norms);
        }
    if (part.i0 == 0)
        dense_backward_bias(layer, rows.count, d_z, d_stride, part.j0, part.j1, sink, buffers, norms);
}

#define STEEPEST_SPARSE(T)                                                                                \
    template const T* output_of_absent(const DenseLayout<T>&, const Inputs<T>&, const T*, Buffer<T>&);    \
    template void sparse_forward(const DenseLayout<T>&, Activation, const SparseRows<T>&, Rows, const T*, \
                                 const T*, T*, Index);                                                    \
    template void sparse_backward_parameters(                                                             \
        const DenseLayout<T>&, const SparseRows<T>&, Rows, const EntriesByColumn<T>&, const T*, Index,    \
        const GradientSink<T>&, int, int, Buffer<T>&, PackBuffers<T>&, PieceNorms&);
STEEPEST_SPARSE(float)
STEEPEST_SPARSE(double)
#undef STEEPEST_SPARSE

}  // namespace steepest::STEEPEST_ISA
