// A first layer with few outputs, stored transposed, on the entries of sparse rows: row after row, as they
// lie in memory. Sums have the order that the dense layer's have, and so its bits.
#pragma once

#include "core/batches.hpp"
#include "core/dense.hpp"
#include "core/inputs.hpp"

namespace steepest::STEEPEST_ISA {

// output = X W + b. Virtual lanes over k, as in row_product.
template <class T>
void narrow_sparse_forward(const DenseLayout<T>& layer, const SparseRows<T>& X, Rows rows, const T* of_absent,
                           const T* theta, T* output, Index output_stride) {
    constexpr Index ahead = 4;
    for (Index i = 0; i < rows.count; ++i) {
        if (rows.index && i + 2 * ahead < rows.count + rows.following)
            X.prefetch(rows[i + ahead], rows[i + 2 * ahead]);
        for (Index o = 0; o < layer.n_out; ++o) {
            const T* w = theta + layer.weights_offset + o * layer.columns;
            T lane[lanes<T>] = {};
            X.for_deviations(rows[i], [&](Index k, T value) __attribute__((always_inline)) {
                T& sum = lane[k & (lanes<T> - 1)];
                sum = fma(value, w[k], sum);
            });
            Lanes<T> sum;
            for (int p = 0; p < Lanes<T>::parts; ++p) sum.part[p] = load(lane + p * width<T>);
            output[i * output_stride + o] = sum.sum() + of_absent[o];
        }
    }
}

// d_weights (n_out, n_in) = d_z^T X of a batch: the columns of one share of it. Each entry is added to its
// column's sums, which are given to the sink when all rows have passed, and are 0 before and after.
template <class T>
class NarrowSparseBackward {
  public:
    NarrowSparseBackward(const DenseLayout<T>& layer, const SparseRows<T>& X, Rows rows, const T* d_z,
                         Index d_stride, const GradientSink<T>& sink, int share, int shares, Buffer<T>& sums)
        : layer_(layer), X_(X), rows_(rows), d_z_(d_z), d_stride_(d_stride), sink_(sink) {
        const Index units = (layer.columns + piece_columns - 1) / piece_columns;
        first_ = units * share / shares * piece_columns;
        const Index last = units * (share + 1) / shares * piece_columns;
        end_ = last < layer.columns ? last : layer.columns;
        chained_ = layer.n_out < few_outputs;
        stride_ = chained_ ? chains_of(rows.count) : padded<T>(layer.n_out);
        sums.reserve((end_ - first_) * stride_);
        sums_ = sums.data();
    }

    void run(PackBuffers<T>& buffers, PieceNorms& norms) {
        const bool sparse_step = steps_sparsely();
        if (sparse_step && rows_.count == 1) return step_of_one_row();
        for (Index o = 0; o < layer_.n_out && chained_; ++o) {
            add_to_chains(o);
            if (sparse_step)
                step_where_entries_are(o);
            else
                give_chains(o, buffers, norms);
        }
        if (chained_) return;
        if (stride_ == lanes<T>)
            add_to_outputs<Lanes<T>::parts>();
        else
            add_to_outputs<2 * Lanes<T>::parts>();
        if (sparse_step)
            step_outputs_where_entries_are();
        else
            give_outputs(buffers, norms);
    }

  private:
    static constexpr Index piece_columns = narrow_piece_columns<T>;

    // f(k - first_, value) for the entries of row i that are in this share.
    template <class F>
    STEEPEST_INLINE void for_entries(Index i, F&& f) const {
        auto from_first = [&](Index k, T value) __attribute__((always_inline)) { f(k - first_, value); };
        if (first_ == 0 && end_ == layer_.columns)
            X_.for_deviations(rows_[i], from_first);
        else
            X_.for_deviations(rows_[i], first_, end_, from_first);
    }

    // One or two rows leave the other chains 0.
    static Index chains_of(Index rows) { return rows < 3 ? rows : sum_chains; }
    template <class F>
    void with_chains(F&& f) const {
        if (stride_ == 1) return f(std::integral_constant<int, 1>{});
        if (stride_ == 2) return f(std::integral_constant<int, 2>{});
        f(std::integral_constant<int, sum_chains>{});
    }

    // One output of few: column k has the chains sums_[stride k ... stride (k + 1)), over the rows i mod 4.
    void add_to_chains(Index o) {
        with_chains([&](auto chains) {
            for (Index i = 0; i < rows_.count; ++i) {
                T* const chain = sums_ + i % sum_chains;
                const T d = d_z_[i * d_stride_ + o];
                for_entries(i, [&](Index k, T value) __attribute__((always_inline)) {
                    chain[k * chains] = fma(d, value, chain[k * chains]);
                });
            }
        });
    }
    // More outputs: column k has one sum for each in sums_[stride k ... stride k + n_out).
    template <int Vectors>
    void add_to_outputs() {
        T padded_row[2 * lanes<T>] = {};
        for (Index i = 0; i < rows_.count; ++i) {
            std::memcpy(padded_row, d_z_ + i * d_stride_, static_cast<std::size_t>(layer_.n_out) * sizeof(T));
            Vec<T> d[Vectors];
            unrolled<Vectors>([&](int v)
                                  __attribute__((always_inline)) { d[v] = load(padded_row + v * width<T>); });
            for_entries(i, [&](Index k, T value) __attribute__((always_inline)) {
                T* const sum = sums_ + k * (Vectors * width<T>);
                unrolled<Vectors>([&](int v) __attribute__((always_inline)) {
                    store(sum + v * width<T>, fma(splat(value), d[v], load(sum + v * width<T>)));
                });
            });
        }
    }

    void give_chains(Index o, PackBuffers<T>& buffers, PieceNorms& norms) {
        const T d_sum = X_.shifted ? strided_sum(rows_.count, d_z_ + o, d_stride_) : T(0);
        for_pieces([&](Index first, Index here) {
            const Index offset = layer_.weights_offset + o * layer_.columns + first;
            T* const piece = sink_.place(offset, buffers.piece.data());
            with_chains(
                [&](auto chains) { take_chains<chains>(sums_ + (first - first_) * chains, here, piece); });
            add_absent(first, here, d_sum, piece);
            sink_(GradientSink<T>::Kind::weights, offset, piece, here, norms);
        });
    }
    void give_outputs(PackBuffers<T>& buffers, PieceNorms& norms) {
        constexpr Index most = 8;  // outputs
        static_assert(most * piece_columns <= Blocking<T>::piece_size);
        for_pieces([&](Index first, Index here) {
            T* const sums = sums_ + (first - first_) * stride_;
            for (Index o = 0; o < layer_.n_out; o += most) {
                const Index count = layer_.n_out - o < most ? layer_.n_out - o : most;
                T* const pieces = buffers.piece.data();  // (count, here)
                transpose(here, count, sums + o, stride_, pieces, here);
                for (Index q = 0; q < count; ++q) {
                    T* const piece = pieces + q * here;
                    if (X_.shifted)
                        add_absent(first, here, strided_sum(rows_.count, d_z_ + o + q, d_stride_), piece);
                    sink_(GradientSink<T>::Kind::weights,
                          layer_.weights_offset + (o + q) * layer_.columns + first, piece, here, norms);
                }
            }
            std::memset(sums, 0, static_cast<std::size_t>(here * stride_) * sizeof(T));
        });
    }
    template <class F>
    void for_pieces(F&& f) {
        for (Index first = first_; first < end_; first += piece_columns)
            f(first, end_ - first < piece_columns ? end_ - first : piece_columns);
    }
    // a_k 1^T d, where absent entries are not 0; behind the last column is padding.
    void add_absent(Index first, Index here, T d_sum, T* piece) const {
        const Index there = layer_.n_in - first < here ? layer_.n_in - first : here;
        for (Index k = 0; k < there && X_.shifted; ++k) piece[k] = fma(X_.absent[first + k], d_sum, piece[k]);
    }

    // out[k] = the sum of column k's chains, which are 0 again.
    template <int Chains>
    static void take_chains(T* chains, Index columns, T* out) {
        for (Index k = 0; k < columns; k += width<T>, chains += Chains * width<T>) {
            Vec<T> v[Chains];
            unrolled<Chains>([&](int c) __attribute__((always_inline)) {
                v[c] = load(chains + c * width<T>);
                if constexpr (Chains < sum_chains) v[c] += Vec<T>{};  // the chains that are not there
                store(chains + c * width<T>, Vec<T>{});
            });
            if constexpr (Chains <= width<T>) {
                fold_groups<T, Chains>(v);
            } else {  // a vector has half of the chains
                v[0] += v[1];
                v[1] = v[2] + v[3];
                fold_groups<T, 2>(v);
            }
            store(out + k, v[0]);
        }
    }
    template <int Chains>
    static STEEPEST_INLINE T sum_of(const T* chain) {
        if constexpr (Chains == 1) return chain[0] + T(0);
        if constexpr (Chains == 2) return (chain[0] + T(0)) + (chain[1] + T(0));
        if constexpr (Chains == sum_chains) return sum_of_chains(chain[0], chain[1], chain[2], chain[3]);
    }

    // Where a gradient of 0 moves nothing, only parameters that have an entry in the batch need be visited.
    bool steps_sparsely() const {
        if (X_.shifted || !sink_.passes_over_zeros()) return false;
        Index entries = 0;
        for (Index i = 0; i < rows_.count; ++i) entries += X_.entries(rows_[i]);
        return entries * sparse_step_factor < layer_.n_in;
    }
    static constexpr Index sparse_step_factor = 2;

    // One row needs no sums beyond its entries.
    void step_of_one_row() {
        for (Index o = 0; o < layer_.n_out; ++o) {
            const Index base = layer_.weights_offset + o * layer_.columns + first_;
            for_entries(0, [&](Index k, T value) __attribute__((always_inline)) {
                const T g = fma(d_z_[o], value, T(0));
                sink_.step->move(base + k, chained_ ? sum_of<1>(&g) : g);
            });
        }
    }
    // Where a column has a second entry, its sums are 0 already.
    void step_where_entries_are(Index o) {
        const Index base = layer_.weights_offset + o * layer_.columns + first_;
        with_chains([&](auto chains) {
            for (Index i = 0; i < rows_.count; ++i)
                for_entries(i, [&](Index k, T) __attribute__((always_inline)) {
                    T* const chain = sums_ + k * chains;
                    sink_.step->move(base + k, sum_of<chains>(chain));
                    for (int c = 0; c < chains; ++c) chain[c] = 0;
                });
        });
    }
    void step_outputs_where_entries_are() {
        const Index base = layer_.weights_offset + first_;
        for (Index i = 0; i < rows_.count; ++i)
            for_entries(i, [&](Index k, T) __attribute__((always_inline)) {
                T* const sum = sums_ + k * stride_;
                for (Index o = 0; o < layer_.n_out; ++o)
                    sink_.step->move(base + o * layer_.columns + k, std::exchange(sum[o], T(0)));
            });
    }

    const DenseLayout<T>& layer_;
    const SparseRows<T>& X_;
    Rows rows_;
    const T* d_z_;  // (rows, n_out)
    Index d_stride_;
    const GradientSink<T>& sink_;
    Index first_, end_, stride_;
    bool chained_;
    T* sums_;  // (end - first, stride)
};

}  // namespace steepest::STEEPEST_ISA
