// Matrix products. Every entry of a product is one chain of fused multiply-adds over k, in index order, so
// the bits depend neither on tiles and blocks nor on who computes them.
//
// The right-hand side is read in panels of `panel_columns<T>` columns. Weights lie in memory as panels (each
// panel row-major), other matrices are row-major and copied into panels first when they are large. Blocks
// keep a part of the left-hand side in the second-level cache while panels stream past it (Goto and van de
// Geijn, 2008).
#pragma once

#include "core/simd.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Two lane blocks: 32 floats or 16 doubles on every instruction set.
template <class T>
inline constexpr Index panel_columns = 2 * lanes<T>;

// B(k, j), j padded to lane blocks. Panel p, of columns p * panel_columns onwards, starts at data + p *
// panel_step; its rows are row_stride apart (last_stride in the last panel, which may be one lane block
// wide).
template <class T>
struct Panels {
    const T* data;
    Index panel_step, row_stride, last_stride;

    static Panels row_major(const T* data, Index stride) { return {data, panel_columns<T>, stride, stride}; }
    static Panels packed(const T* data, Index depth, Index columns) {
        const Index last = columns % panel_columns<T>;
        return {data, panel_columns<T> * depth, panel_columns<T>, last ? last : panel_columns<T>};
    }
};

// The offset of entry (k, j) in a packed matrix of `depth` rows and `columns` (padded) columns.
template <class T>
STEEPEST_INLINE Index packed_offset(Index depth, Index columns, Index k, Index j) {
    const Index panel = j / panel_columns<T>, first = panel * panel_columns<T>;
    const Index width_here = columns - first < panel_columns<T> ? columns - first : panel_columns<T>;
    return first * depth + k * width_here + (j - first);
}

inline constexpr int tile_rows = vector_registers == 32 ? 14 : 6;

// One tile: sums of Rows rows and Vectors vectors of columns in registers. `a` points at A(i, k0), b at B(k0,
// j).
template <class T, int Rows, int Vectors, bool ByRows, class Epilogue>
STEEPEST_INLINE void multiply_tile(Index i, Index j, Index depth, const T* a, Index a_stride, const T* b,
                                   Index b_stride, Epilogue& epilogue, const T* partial_in, T* partial_out,
                                   Index partial_stride) {
    // Rows in two halves, `far` apart: half the pointers, so that all of them stay in registers.
    constexpr int half = (Rows + 1) / 2;
    const Index far = half * a_stride;
    const T* row[half];
    for (int r = 0; r < half; ++r) row[r] = a + r * a_stride;

    Vec<T> sum[Rows][Vectors] = {};
    if (partial_in)
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v)
                sum[r][v] = load(partial_in + r * partial_stride + v * width<T>);
    for (Index k = 0; k < depth; ++k) {
        Vec<T> b_vector[Vectors];
        for (int v = 0; v < Vectors; ++v) b_vector[v] = load(b + v * width<T>);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            T entry;
            if constexpr (ByRows)
                entry = r < half ? row[r][k] : row[r - half][k + far];
            else
                entry = a[r];
            const Vec<T> a_splat = splat(entry);
            for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(a_splat, b_vector[v], sum[r][v]);
        }
        if constexpr (!ByRows) a += a_stride;
        b += b_stride;
    }
    if (partial_out) {
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v)
                store(partial_out + r * partial_stride + v * width<T>, sum[r][v]);
        return;
    }
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) epilogue(i + r, j + v * width<T>, sum[r][v]);
}

// What a sweep over one panel needs beside the operands: which rows and which part of k, and where sums over
// an earlier part of k lie (partial, at the product's place; in: read them, out: not done yet).
template <class T>
struct Sweep {
    Index first_row, last_row, k0, depth;
    T* partial = nullptr;
    Index partial_stride = 0;
    bool in = false, out = false;
};

// ByRows: k runs along memory (A itself); otherwise i does (A transposed). Tiles of rows of a packed
// transpose are tile_step apart; otherwise tile_step is 0.
template <class T, int Vectors, bool ByRows, class Epilogue>
STEEPEST_INLINE void sweep_columns(const Sweep<T>& s, Index j, const T* a, Index a_stride, Index tile_step,
                                   const T* b, Index b_stride, Epilogue& epilogue) {
    Index i = s.first_row;
    auto run = [&](auto rows) __attribute__((always_inline)) {
        constexpr int count = decltype(rows)::value;
        const T* at;
        if constexpr (ByRows)
            at = a + i * a_stride + s.k0;
        else
            at = tile_step ? a + (i - s.first_row) / tile_rows * tile_step + (i - s.first_row) % tile_rows
                           : a + s.k0 * a_stride + i;
        T* partial = s.partial ? s.partial + i * s.partial_stride + j : nullptr;
        multiply_tile<T, count, Vectors, ByRows>(i, j, s.depth, at, a_stride, b, b_stride, epilogue,
                                                 s.in ? partial : nullptr, s.out ? partial : nullptr,
                                                 s.partial_stride);
        i += count;
    };
    while (i + tile_rows <= s.last_row) run(std::integral_constant<int, tile_rows>{});
    if constexpr (tile_rows > 8)
        if (i + 8 <= s.last_row) run(std::integral_constant<int, 8>{});
    if (i + 4 <= s.last_row) run(std::integral_constant<int, 4>{});
    while (i < s.last_row) run(std::integral_constant<int, 1>{});
}

template <class T, bool ByRows, class Epilogue>
void sweep(const Sweep<T>& s, Index columns, const T* a, Index a_stride, Index tile_step, const Panels<T>& b,
           Epilogue& epilogue) {
    Index panel = 0;
    for (Index first = 0; first < columns; first += panel_columns<T>, ++panel) {
        const bool last = first + panel_columns<T> >= columns;
        const Index end = last ? columns : first + panel_columns<T>;
        const Index b_stride = last ? b.last_stride : b.row_stride;
        const T* b_panel = b.data + panel * b.panel_step + s.k0 * b_stride;
        Index j = first;
        for (; j + 2 * width<T> <= end; j += 2 * width<T>)
            sweep_columns<T, 2, ByRows>(s, j, a, a_stride, tile_step, b_panel + (j - first), b_stride,
                                        epilogue);
        if (j < end)
            sweep_columns<T, 1, ByRows>(s, j, a, a_stride, tile_step, b_panel + (j - first), b_stride,
                                        epilogue);
    }
}

// Copies a row-major matrix (depth, columns) into panels.
template <class T>
void pack_panels(Index depth, Index columns, const T* m, Index stride, T* packed) {
    for (Index first = 0; first < columns; first += panel_columns<T>) {
        const Index here = columns - first < panel_columns<T> ? columns - first : panel_columns<T>;
        T* to = packed + first * depth;
        for (Index k = 0; k < depth; ++k)
            for (Index j = 0; j < here; j += width<T>)
                store(to + k * here + j, load(m + k * stride + first + j));
    }
}

// Copies rows i0 ... i1 of the transpose of m into tiles: tile t holds A(i0 + t * tile_rows + r, k) at k *
// tile_rows + r.
template <class T>
void pack_transposed_tiles(Index i0, Index i1, Index depth, const T* m, Index stride, T* packed) {
    for (Index i = i0; i < i1; i += tile_rows) {
        const Index count = i1 - i < tile_rows ? i1 - i : tile_rows;
        T* tile = packed + (i - i0) * depth;
        for (Index k = 0; k < depth; ++k)
            std::memcpy(tile + k * tile_rows, m + k * stride + i,
                        static_cast<std::size_t>(count) * sizeof(T));
    }
}

// Memory that large products pack their operands into; it grows to what they need.
template <class T>
struct PackBuffers {
    Buffer<T> left, right;
};

template <class T>
struct Blocking {
    static constexpr Index depth =
        2048 / static_cast<Index>(sizeof(T));  // of k, when partial sums have a place
    // Rows of A that stay in the second-level cache (half a MiB) at this depth, in whole tiles.
    static Index rows(Index k) {
        const Index fit =
            512 * 1024 / static_cast<Index>(sizeof(T)) / (k > 0 ? k : 1) / tile_rows * tile_rows;
        return fit > 4 * tile_rows ? fit : 4 * tile_rows;
    }
    static bool is_large(Index depth_, Index columns) {
        return depth_ * columns * static_cast<Index>(sizeof(T)) > 64 * 1024;
    }
};

// epilogue(i, j, sums) is called once for each row i and each vector of columns j, j+1, ..., with
// sums = sum_k A(i, k) B(k, j...). `partial`, if given, is memory of the product's own shape that the
// epilogue is about to overwrite; with it, long sums are taken in parts of k.
template <class T, class Epilogue>
void multiply(Index rows, Index columns, Index depth, const T* a, Index a_stride,  // (rows, depth)
              Panels<T> b,                                                         // (depth, columns)
              T* partial, Index partial_stride, Epilogue&& epilogue) {
    const Index block_depth = partial ? Blocking<T>::depth : depth;
    for (Index k0 = 0; k0 < depth || k0 == 0; k0 += block_depth) {
        const Index k1 = depth - k0 < block_depth ? depth : k0 + block_depth;
        const Index block_rows = Blocking<T>::rows(k1 - k0);
        for (Index i = 0; i < rows; i += block_rows) {
            const Sweep<T> s{i,       rows - i < block_rows ? rows : i + block_rows,
                             k0,      k1 - k0,
                             partial, partial_stride,
                             k0 > 0,  k1 < depth};
            sweep<T, true>(s, columns, a, a_stride, 0, b, epilogue);
        }
        if (k1 == depth) break;
    }
}

// The same for A^T: sums = sum_k A(k, i) B(k, j...), with A (depth, rows) and B (depth, columns) row-major.
// Large operands are packed first.
template <class T, class Epilogue>
void multiply_transposed(Index rows, Index columns, Index depth, const T* a, Index a_stride,  // (depth, rows)
                         const T* b, Index b_stride,  // (depth, columns)
                         PackBuffers<T>& buffers, Epilogue&& epilogue) {
    Panels<T> panels = Panels<T>::row_major(b, b_stride);
    if (!Blocking<T>::is_large(depth, columns) || rows < 4 * tile_rows) {
        sweep<T, false>({0, rows, 0, depth}, columns, a, a_stride, 0, panels, epilogue);
        return;
    }
    buffers.right.reserve(depth * columns);
    pack_panels(depth, columns, b, b_stride, buffers.right.data());
    panels = Panels<T>::packed(buffers.right.data(), depth, columns);
    const Index block_rows = Blocking<T>::rows(depth);
    buffers.left.reserve((block_rows + tile_rows) * depth);
    for (Index i = 0; i < rows; i += block_rows) {
        const Index end = rows - i < block_rows ? rows : i + block_rows;
        pack_transposed_tiles(i, end, depth, a, a_stride, buffers.left.data());
        sweep<T, false>({i, end, 0, depth}, columns, buffers.left.data(), tile_rows, tile_rows * depth,
                        panels, epilogue);
    }
}

// out[i * out_stride + o] = sum_k a[i, k] w[o, k], for few rows o of w: the sums run in virtual lanes over k.
// Rows of a and w are padded with zeros (at least one of the two) to whole lane blocks.
template <class T>
void row_products(Index rows, Index outputs, Index depth_padded, const T* a, Index a_stride,  // (rows, depth)
                  const T* w, Index w_stride,  // (outputs, depth)
                  T* out, Index out_stride) {  // (rows, outputs)
    constexpr int together = 4, parts = Lanes<T>::parts;
    for (Index o = 0; o < outputs; ++o) {
        const T* w_row = w + o * w_stride;
        Index i = 0;
        for (; i + together <= rows; i += together) {
            Lanes<T> sum[together];
            for (auto& s : sum) s = Lanes<T>::zero();
            for (Index k = 0; k < depth_padded; k += lanes<T>)
                for (int p = 0; p < parts; ++p) {
                    const Vec<T> w_vector = load(w_row + k + p * width<T>);
                    for (int r = 0; r < together; ++r)
                        sum[r].part[p] =
                            fma(load(a + (i + r) * a_stride + k + p * width<T>), w_vector, sum[r].part[p]);
                }
            for (int r = 0; r < together; ++r) out[(i + r) * out_stride + o] = sum[r].sum();
        }
        for (; i < rows; ++i) {
            Lanes<T> sum = Lanes<T>::zero();
            for (Index k = 0; k < depth_padded; k += lanes<T>)
                for (int p = 0; p < parts; ++p)
                    sum.part[p] = fma(load(a + i * a_stride + k + p * width<T>),
                                      load(w_row + k + p * width<T>), sum.part[p]);
            out[i * out_stride + o] = sum.sum();
        }
    }
}

// t[j, i] = m[i, j]; rows of t are padded and only its first `rows` columns are written.
template <class T>
void transpose(Index rows, Index columns, const T* m, Index m_stride, T* t, Index t_stride) {
    constexpr Index block = 16;  // 16 lines of either side stay in the first-level cache
    for (Index i0 = 0; i0 < rows; i0 += block)
        for (Index j0 = 0; j0 < columns; j0 += block)
            for (Index j = j0; j < columns && j < j0 + block; ++j)
                for (Index i = i0; i < rows && i < i0 + block; ++i) t[j * t_stride + i] = m[i * m_stride + j];
}

}  // namespace steepest::STEEPEST_ISA
