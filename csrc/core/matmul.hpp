// Matrix products. Every entry of a product is one chain of fused multiply-adds over k, in index order (with
// few columns: virtual lanes over k, or four chains, for those lack the entries to hide a chain's latency),
// so the bits depend neither on tiles and blocks nor on who computes them.
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
    struct Place {
        const T* data;
        Index stride;
    };
    const T* data;
    Index columns, panel_step, row_stride, last_stride;

    static Panels row_major(const T* data, Index columns, Index stride) {
        return {data, columns, panel_columns<T>, stride, stride};
    }
    static Panels packed(const T* data, Index depth, Index columns) {
        const Index last = columns % panel_columns<T>;
        return {data, columns, panel_columns<T> * depth, panel_columns<T>, last ? last : panel_columns<T>};
    }
    // From row k0 of the panel that begins with column j.
    Place operator()(Index j, Index k0, Index = 0) const {
        const Index stride = j + panel_columns<T> >= columns ? last_stride : row_stride;
        return {data + j / panel_columns<T> * panel_step + k0 * stride, stride};
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

    Vec<T> sum[Rows][Vectors];
    auto for_each = [&](auto f) __attribute__((always_inline)) {
        unrolled<Rows>([&](auto r) __attribute__((always_inline)) {
            unrolled<Vectors>([&](auto v) __attribute__((always_inline)) { f(r, v); });
        });
    };
    if (partial_in)
        for_each([&](int r, int v) __attribute__((always_inline)) {
            sum[r][v] = load(partial_in + r * partial_stride + v * width<T>);
        });
    else
        for_each([&](int r, int v) __attribute__((always_inline)) { sum[r][v] = Vec<T>{}; });
    for (Index k = 0; k < depth; ++k) {
        Vec<T> b_vector[Vectors];
        for (int v = 0; v < Vectors; ++v) b_vector[v] = load(b + v * width<T>);
        unrolled<Rows>([&](int r) __attribute__((always_inline)) {
            T entry;
            if constexpr (ByRows)
                entry = r < half ? row[r][k] : row[r - half][k + far];
            else
                entry = a[r];
            const Vec<T> a_splat = splat(entry);
            for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(a_splat, b_vector[v], sum[r][v]);
        });
        if constexpr (!ByRows) a += a_stride;
        b += b_stride;
    }
    if (partial_out) {
        for_each([&](int r, int v) __attribute__((always_inline)) {
            store(partial_out + r * partial_stride + v * width<T>, sum[r][v]);
        });
        return;
    }
    Epilogue local = epilogue;  // what it has captured can stay in registers
    for_each([&](int r, int v) __attribute__((always_inline)) { local(i + r, j + v * width<T>, sum[r][v]); });
}

// The left-hand side A(i, k) of a product, k counted from where its part of k begins: rows in memory as they
// are, or A^T in memory (k, i), or that in tiles of `tile_rows` rows.
template <class T>
struct RowsOperand {
    static constexpr bool by_rows = true, begins_anywhere = true;
    const T* data;
    Index stride;

    const T* at(Index i) const { return data + i * stride; }
};
template <class T>
struct TransposedOperand {
    static constexpr bool by_rows = false, begins_anywhere = true;
    const T* data;
    Index stride;  // of k

    const T* at(Index i) const { return data + i; }
};
template <class T>
struct TilesOperand {
    static constexpr bool by_rows = false, begins_anywhere = false;  // but where a tile begins
    static constexpr Index stride = tile_rows;
    const T* data;
    Index first, depth;  // i of the first tile

    const T* at(Index i) const {
        return data + (i - first) / tile_rows * tile_rows * depth + (i - first) % tile_rows;
    }
};

// Where sums over an earlier part of k lie (at the product's own place), or those over this one go.
template <class T>
struct PartialSums {
    T* data = nullptr;
    Index stride = 0;
    bool in = false, out = false;
};

// The rows i0 ... i1 of `Vectors` vectors of columns from j on; b points at B(k0, j).
template <int Vectors, class T, class Operand, class Epilogue>
STEEPEST_INLINE void sweep_columns(Index i0, Index i1, Index j, Index depth, const Operand& a, const T* b,
                                   Index b_stride, const PartialSums<T>& partial, Epilogue& epilogue) {
    Index i = i0;
    auto run = [&](auto rows) __attribute__((always_inline)) {
        constexpr int count = decltype(rows)::value;
        T* at = partial.data ? partial.data + i * partial.stride + j : nullptr;
        multiply_tile<T, count, Vectors, Operand::by_rows>(i, j, depth, a.at(i), a.stride, b, b_stride,
                                                           epilogue, partial.in ? at : nullptr,
                                                           partial.out ? at : nullptr, partial.stride);
        i += count;
    };
    if constexpr (tile_rows > 8 && Operand::begins_anywhere) {
        // Two or three rows too many for whole tiles and a four: 8 + 8 costs less than 14 and 2.
        if (i1 - i >= 16 && (i1 - i) % tile_rows % 4 >= 2) {
            run(std::integral_constant<int, 8>{});
            run(std::integral_constant<int, 8>{});
        }
    }
    while (i + tile_rows <= i1) run(std::integral_constant<int, tile_rows>{});
    if constexpr (tile_rows > 8)
        if (i + 8 <= i1) run(std::integral_constant<int, 8>{});
    if (i + 4 <= i1) run(std::integral_constant<int, 4>{});
    if (i + 2 <= i1) run(std::integral_constant<int, 2>{});
    if (i < i1) run(std::integral_constant<int, 1>{});
}

// The rows i0 ... i1 of the columns j0 ... j1, which lie in one panel; b points at B(k0, j0).
template <class T, class Operand, class Epilogue>
STEEPEST_INLINE void sweep_panel(Index i0, Index i1, Index j0, Index j1, Index depth, const Operand& a,
                                 const T* b, Index b_stride, const PartialSums<T>& partial,
                                 Epilogue& epilogue) {
    Index j = j0;
    for (; j + 2 * width<T> <= j1; j += 2 * width<T>)
        sweep_columns<2>(i0, i1, j, depth, a, b + (j - j0), b_stride, partial, epilogue);
    if (j < j1) sweep_columns<1>(i0, i1, j, depth, a, b + (j - j0), b_stride, partial, epilogue);
}

// Copies the columns j0 ... j1 of a row-major matrix (depth, columns) into panels; j0 begins one.
template <class T>
void pack_panels(Index depth, Index j0, Index j1, const T* m, Index stride, T* packed) {
    for (Index first = j0; first < j1; first += panel_columns<T>) {
        const Index here = j1 - first < panel_columns<T> ? j1 - first : panel_columns<T>;
        T* to = packed + (first - j0) * depth;
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
        if (count == tile_rows)
            for (Index k = 0; k < depth; ++k)
                std::memcpy(tile + k * tile_rows, m + k * stride + i, tile_rows * sizeof(T));
        else
            for (Index k = 0; k < depth; ++k)
                for (Index r = 0; r < count; ++r) tile[k * tile_rows + r] = m[k * stride + i + r];
    }
}

// Memory that one thread needs for large products; it grows to what they need.
template <class T>
struct PackBuffers {
    Buffer<T> left, right, piece;
};

template <class T>
struct Blocking {
    // Of k, when partial sums have a place.
    static constexpr Index depth = 2048 / static_cast<Index>(sizeof(T));
    // Rows of a piece of A^T B: whole tiles on every instruction set, because sums over pieces are reported.
    static constexpr Index piece_rows = 42;
    static_assert(piece_rows % tile_rows == 0);
    static constexpr Index piece_size = piece_rows * panel_columns<T>;

    // Rows of A that stay in the second-level cache (half a MiB) at this depth, in whole units.
    static Index rows(Index k, Index unit) {
        const Index fit = 512 * 1024 / static_cast<Index>(sizeof(T)) / (k > 0 ? k : 1) / unit * unit;
        return fit > 2 * unit ? fit : 2 * unit;
    }
    static bool is_large(Index depth_, Index columns) {
        return depth_ * columns * static_cast<Index>(sizeof(T)) > 64 * 1024;
    }
};

// epilogue(i, j, sums) is called once for each row i and each vector of columns j, j+1, ..., with
// sums = sum_k A(i, k) B(k, j...). panel(j, k0, k1) says where the rows k0 ... k1 of the panel of column j
// lie, and how far apart; it is asked again for each block of rows. `partial`, if given, is memory of the
// product's own shape that the epilogue is about to overwrite; with it, long sums are taken in parts of k.
template <class T, class Panel, class Epilogue>
void multiply(Index rows, Index columns, Index depth, const T* a, Index a_stride,  // (rows, depth)
              Panel&& panel,                                                       // (depth, columns)
              T* partial, Index partial_stride, Epilogue&& epilogue) {
    const Index block_depth = partial ? Blocking<T>::depth : depth;
    for (Index k0 = 0; k0 < depth || k0 == 0; k0 += block_depth) {
        const Index k1 = depth - k0 < block_depth ? depth : k0 + block_depth;
        const Index block_rows = Blocking<T>::rows(k1 - k0, tile_rows);
        const RowsOperand<T> left{a + k0, a_stride};
        const PartialSums<T> sums{partial, partial_stride, k0 > 0, k1 < depth};
        for (Index i = 0; i < rows; i += block_rows)
            for (Index j = 0; j < columns; j += panel_columns<T>) {
                const auto [b, b_stride] = panel(j, k0, k1);
                sweep_panel(i, rows - i < block_rows ? rows : i + block_rows, j,
                            columns - j < panel_columns<T> ? columns : j + panel_columns<T>, k1 - k0, left, b,
                            b_stride, sums, epilogue);
            }
        if (k1 == depth) break;
    }
}

// The pieces of C = A^T B, with A (depth, rows) and B (depth, columns) row-major, as a grid: `across` panels
// of columns (more, when there are few rows) by `piece_rows` rows. The grid depends on the shape alone.
template <class T>
struct PieceGrid {
    Index rows, columns, across;  // columns of a piece: whole panels

    PieceGrid(Index rows_, Index columns_) : rows(rows_), columns(columns_) {
        const Index panels = Blocking<T>::piece_size / (rows > 0 ? rows : 1) / panel_columns<T>;
        across = (panels > 1 ? panels : 1) * panel_columns<T>;
    }
};

// A part of that grid: rows i0 ... i1 and columns j0 ... j1, where pieces begin.
struct Part {
    Index i0, i1, j0, j1;
};

// Cut along the columns or the rows, whichever makes the largest share smaller. Where there are fewer pieces
// than shares, some are empty, but never the first: so shares that begin at row 0 never overlap in columns.
template <class T>
Part share_of(const PieceGrid<T>& grid, int share, int shares) {
    auto units = [](Index n, Index unit) { return (n + unit - 1) / unit; };
    auto cut = [&](Index n, Index unit, int s) {
        const Index at = (units(n, unit) * s + shares - 1) / shares * unit;
        return at < n ? at : n;
    };
    auto largest = [&](Index n, Index unit) {  // share, relative to the whole
        return static_cast<double>(units(units(n, unit), shares) * unit) / static_cast<double>(n > 0 ? n : 1);
    };
    constexpr Index piece_rows = Blocking<T>::piece_rows;
    Part part{0, grid.rows, 0, grid.columns};
    if (grid.rows == 0 || largest(grid.columns, grid.across) <= largest(grid.rows, piece_rows)) {
        part.j0 = cut(grid.columns, grid.across, share);
        part.j1 = cut(grid.columns, grid.across, share + 1);
    } else {
        part.i0 = cut(grid.rows, piece_rows, share);
        part.i1 = cut(grid.rows, piece_rows, share + 1);
    }
    return part;
}

// One part of C = A^T B, in pieces (buffers.piece has room for one): the panels one after the other, each
// row-major, from row i0 and column j0 on. place(i0, j0, scratch) says where a piece goes; done(i0, j0,
// piece, n) is called as soon as its n entries are complete.
template <class T, class Place, class Done>
void multiply_transposed(const PieceGrid<T>& grid, const Part& part, Index depth, const T* a,
                         Index a_stride,              // (depth, rows)
                         const T* b, Index b_stride,  // (depth, columns)
                         PackBuffers<T>& buffers, Place&& place, Done&& done) {
    const Index part_columns = part.j1 - part.j0;
    if (part.i1 <= part.i0 || part_columns <= 0) return;
    const bool pack = Blocking<T>::is_large(depth, part_columns) && part.i1 - part.i0 >= 4 * tile_rows;
    Panels<T> right = Panels<T>::row_major(b + part.j0, part_columns, b_stride);
    if (pack) {
        buffers.right.reserve(depth * part_columns);
        pack_panels(depth, part.j0, part.j1, b, b_stride, buffers.right.data());
        right = Panels<T>::packed(buffers.right.data(), depth, part_columns);
    }

    auto sweep_piece = [&](const auto& left, Index i0, Index i1, Index j0, Index j1) {
        T* const piece = place(i0, j0, buffers.piece.data());
        T* panel = piece;
        for (Index j = j0; j < j1; j += panel_columns<T>) {
            const Index end = j + panel_columns<T> < j1 ? j + panel_columns<T> : j1, here = end - j;
            const auto [from, stride] = right(j - part.j0, 0);
            auto keep = [=](Index i, Index column, Vec<T> sum) __attribute__((always_inline)) {
                store(panel + (i - i0) * here + (column - j), sum);
            };
            sweep_panel(i0, i1, j, end, depth, left, from, stride, PartialSums<T>{}, keep);
            panel += (i1 - i0) * here;
        }
        done(i0, j0, piece, panel - piece);
    };
    const Index block_rows = pack ? Blocking<T>::rows(depth, Blocking<T>::piece_rows) : part.i1 - part.i0;
    if (pack) buffers.left.reserve((block_rows + tile_rows) * depth);
    for (Index block = part.i0; block < part.i1; block += block_rows) {
        const Index block_end = part.i1 - block < block_rows ? part.i1 : block + block_rows;
        if (pack) pack_transposed_tiles(block, block_end, depth, a, a_stride, buffers.left.data());
        for (Index j = part.j0; j < part.j1; j += grid.across)
            for (Index i = block; i < block_end; i += Blocking<T>::piece_rows) {
                const Index i1 =
                    block_end - i < Blocking<T>::piece_rows ? block_end : i + Blocking<T>::piece_rows;
                const Index j1 = part.j1 - j < grid.across ? part.j1 : j + grid.across;
                if (pack)
                    sweep_piece(TilesOperand<T>{buffers.left.data(), block, depth}, i, i1, j, j1);
                else
                    sweep_piece(TransposedOperand<T>{a, a_stride}, i, i1, j, j1);
            }
    }
}

// epilogue(i, j, sum_k a[i, k] b[k, j...]) for so few k that b's rows stay in registers while rows of a pass.
template <class T, int Depth, class Epilogue>
STEEPEST_INLINE void multiply_shallow(Index rows, Index columns, const T* a, Index a_stride,  // (rows, Depth)
                                      const Panels<T>& b, Epilogue epilogue) {  // (Depth, columns)
    for (Index j = 0; j < columns; j += width<T>) {
        const auto [at, stride] = b(j / panel_columns<T> * panel_columns<T>, 0);
        Vec<T> b_row[Depth];
        for (Index k = 0; k < Depth; ++k) b_row[k] = load(at + j % panel_columns<T> + k * stride);
        for (Index i = 0; i < rows; ++i) {
            Vec<T> sum{};
            for (Index k = 0; k < Depth; ++k) sum = fma(splat(a[i * a_stride + k]), b_row[k], sum);
            epilogue(i, j, sum);
        }
    }
}

// sum_k a[r, k] w[o, k] for `Outputs` rows o of w and width<T> / Outputs rows r of a, in virtual lanes over
// k: the vector's entry r * Outputs + o.
template <int Outputs, class T>
STEEPEST_INLINE Vec<T> row_tile(Index depth_padded, const T* a, Index a_stride, const T* w, Index w_stride) {
    constexpr int n = width<T>, rows = n / Outputs;
    Lanes<T> sum[n];
    unrolled<Lanes<T>::parts>([&](int p) __attribute__((always_inline)) {  // as many sums as registers hold
        Vec<T> chain[n];
        unrolled<n>([&](int c) __attribute__((always_inline)) { chain[c] = Vec<T>{}; });
        for (Index k = p * n; k < depth_padded; k += lanes<T>) {
            Vec<T> factor[Outputs];
            unrolled<Outputs>([&](int o)
                                  __attribute__((always_inline)) { factor[o] = load(w + o * w_stride + k); });
            unrolled<rows>([&](int r) __attribute__((always_inline)) {
                const Vec<T> row = load(a + r * a_stride + k);
                unrolled<Outputs>([&](int o) __attribute__((always_inline)) {
                    chain[r * Outputs + o] = fma(row, factor[o], chain[r * Outputs + o]);
                });
            });
        }
        unrolled<n>([&](int c) __attribute__((always_inline)) { sum[c].part[p] = chain[c]; });
    });
    return sums<T>(sum);
}

// The same sum for one row and one output.
template <class T>
STEEPEST_INLINE T row_product(Index depth_padded, const T* a, const T* w) {
    Lanes<T> sum = Lanes<T>::zero();
    for (Index k = 0; k < depth_padded; k += lanes<T>)
        for (int p = 0; p < Lanes<T>::parts; ++p) {
            const Index at = k + p * width<T>;
            sum.part[p] = fma(load(a + at), load(w + at), sum.part[p]);
        }
    return sum.sum();
}

// row_products for `Outputs` outputs.
template <int Outputs, class T>
void few_row_products(Index rows, Index depth_padded, const T* a, Index a_stride, const T* w, Index w_stride,
                      const T* bias, T* out, Index out_stride) {
    constexpr Index together = width<T> / Outputs;
    T biases[width<T>], entries[width<T>];
    for (Index e = 0; e < width<T>; ++e) biases[e] = bias[e % Outputs];
    const Vec<T> shift = load(biases);
    Index i = 0;
    for (; i + together <= rows; i += together) {
        const Vec<T> total = row_tile<Outputs>(depth_padded, a + i * a_stride, a_stride, w, w_stride) + shift;
        T* to = out + i * out_stride;
        if (out_stride == Outputs) {
            store(to, total);
            continue;
        }
        store(entries, total);
        for (Index r = 0; r < together; ++r)
            for (Index o = 0; o < Outputs; ++o) to[r * out_stride + o] = entries[r * Outputs + o];
    }
    for (; i < rows; ++i)
        for (Index o = 0; o < Outputs; ++o)
            out[i * out_stride + o] = row_product(depth_padded, a + i * a_stride, w + o * w_stride) + bias[o];
}

// out[i * out_stride + o] = bias[o] + sum_k a[i, k] w[o, k], for few rows o of w. Rows of a and w are padded
// with zeros (at least one of the two) to whole lane blocks.
template <class T>
void row_products(Index rows, Index outputs, Index depth_padded, const T* a, Index a_stride,  // (rows, depth)
                  const T* w, Index w_stride,  // (outputs, depth)
                  const T* bias,               // (outputs,)
                  T* out, Index out_stride) {  // (rows, outputs)
    constexpr Index block = 4 * width<T>;      // rows that stay near while all outputs use them
    for (Index first = 0; first < rows; first += block) {
        const Index count = rows - first < block ? rows - first : block;
        Index o = 0;
        auto run = [&](auto n) {
            few_row_products<decltype(n)::value>(count, depth_padded, a + first * a_stride, a_stride,
                                                 w + o * w_stride, w_stride, bias + o,
                                                 out + first * out_stride + o, out_stride);
            o += n;
        };
        if constexpr (width<T> >= 4)
            while (o + 4 <= outputs) run(std::integral_constant<int, 4>{});
        while (o + 2 <= outputs) run(std::integral_constant<int, 2>{});
        if (o < outputs) run(std::integral_constant<int, 1>{});
    }
}

// Sums over few rows of output are long chains of additions that wait for each other. So they run in four,
// over the rows i mod 4, and end as (0 + 2) + (1 + 3).
inline constexpr Index sum_chains = 4;
template <class V>
STEEPEST_INLINE V sum_of_chains(V c0, V c1, V c2, V c3) {
    return (c0 + c2) + (c1 + c3);
}

// term(i, v, sum) adds row i's share of vector v to sum; out receives `Vectors` vectors.
template <int Vectors, class T, class Term>
STEEPEST_INLINE void sum_rows(Index rows, T* out, Term&& term) {
    Vec<T> sum[sum_chains][Vectors];
    auto for_each = [&](auto f) __attribute__((always_inline)) {
        unrolled<sum_chains>([&](auto c) __attribute__((always_inline)) {
            unrolled<Vectors>([&](auto v) __attribute__((always_inline)) { f(c, v); });
        });
    };
    for_each([&](int c, int v) __attribute__((always_inline)) { sum[c][v] = Vec<T>{}; });
    Index i = 0;
    for (; i + sum_chains <= rows; i += sum_chains)
        for_each([&](int c, int v) __attribute__((always_inline)) { sum[c][v] = term(i + c, v, sum[c][v]); });
    for_each([&](int c, int v) __attribute__((always_inline)) {
        if (i + c < rows) sum[c][v] = term(i + c, v, sum[c][v]);
    });
    unrolled<Vectors>([&](auto v) __attribute__((always_inline)) {
        store(out + v * width<T>, sum_of_chains(sum[0][v], sum[1][v], sum[2][v], sum[3][v]));
    });
}

// sum_i d[i], the same way.
template <class T>
T strided_sum(Index rows, const T* d, Index stride) {
    T sum[sum_chains] = {};
    for (Index i = 0; i < rows; ++i) sum[i % sum_chains] += d[i * stride];
    return sum_of_chains(sum[0], sum[1], sum[2], sum[3]);
}

// Calls f with 4 (if they fit into registers) or 2, and at last perhaps 1 vectors of columns, from j on.
template <class T, class F>
STEEPEST_INLINE void for_vectors(Index columns, F&& f) {
    Index j = 0;
    if constexpr (vector_registers == 32)
        for (; j + 4 * width<T> <= columns; j += 4 * width<T>) f(std::integral_constant<int, 4>{}, j);
    for (; j + 2 * width<T> <= columns; j += 2 * width<T>) f(std::integral_constant<int, 2>{}, j);
    if (j < columns) f(std::integral_constant<int, 1>{}, j);
}

// out[j] = sum_i m[i, j]
template <class T>
void column_sums(Index rows, Index columns, const T* m, Index stride, T* out) {  // (rows, columns), padded
    for_vectors<T>(columns, [&](auto vectors, Index j) {
        sum_rows<decltype(vectors)::value>(rows, out + j,
                                           [=](Index i, int v, Vec<T> sum) __attribute__((always_inline)) {
                                               return sum + load(m + i * stride + j + v * width<T>);
                                           });
    });
}

// out[j] = sum_i d[i] m[i, j]
template <class T>
void weighted_column_sums(Index rows, Index columns, const T* d, Index d_stride,  // (rows,)
                          const T* m, Index stride, T* out) {                     // (rows, columns), padded
    for_vectors<T>(columns, [&](auto vectors, Index j) {
        sum_rows<decltype(vectors)::value>(
            rows, out + j, [=](Index i, int v, Vec<T> sum) __attribute__((always_inline)) {
                return fma(splat(d[i * d_stride]), load(m + i * stride + j + v * width<T>), sum);
            });
    });
}

// out[o * out_stride + j] = sum_i d[i, o] m[i, j] for `Outputs` columns o of d, enough for one chain each.
template <int Outputs, class T>
void few_weighted_column_sums(Index rows, Index columns, const T* d, Index d_stride,  // (rows, Outputs)
                              const T* m, Index stride,                               // (rows, columns)
                              T* out, Index out_stride) {
    auto keep = [=](Index o, Index j, Vec<T> sum)
                    __attribute__((always_inline)) { store(out + o * out_stride + j, sum); };
    auto tile = [&](auto vectors, Index j) __attribute__((always_inline)) {
        multiply_tile<T, Outputs, decltype(vectors)::value, false>(0, j, rows, d, d_stride, m + j, stride,
                                                                   keep, nullptr, nullptr, 0);
    };
    Index j = 0;
    for (; j + 2 * width<T> <= columns; j += 2 * width<T>) tile(std::integral_constant<int, 2>{}, j);
    if (j < columns) tile(std::integral_constant<int, 1>{}, j);
}

// t[j, i] = m[i, j]; only the first `rows` columns of t are written.
template <class T>
void transpose(Index rows, Index columns, const T* m, Index m_stride, T* t, Index t_stride) {
    constexpr Index n = width<T>;
    for (Index i = 0; i < rows; i += n)
        for (Index j = 0; j < columns; j += n) {
            if (i + n <= rows && j + n <= columns) {
                Vec<T> square[n];
                for (Index k = 0; k < n; ++k) square[k] = load(m + (i + k) * m_stride + j);
                transpose_square<T>(square);
                for (Index k = 0; k < n; ++k) store(t + (j + k) * t_stride + i, square[k]);
                continue;
            }
            for (Index b = j; b < columns && b < j + n; ++b)
                for (Index a = i; a < rows && a < i + n; ++a) t[b * t_stride + a] = m[a * m_stride + b];
        }
}

}  // namespace steepest::STEEPEST_ISA
