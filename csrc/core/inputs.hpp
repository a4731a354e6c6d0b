// The inputs of a data set, (rows, cols), in the caller's memory: dense, or sparse in rows (CSR). Of a sparse
// matrix a few rows at a time are made dense where they are used.
#pragma once

#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Integers of 32 or 64 bits, as SciPy has them.
struct IndexArray {
    const std::int32_t* narrow = nullptr;
    const std::int64_t* wide = nullptr;

    Index operator[](Index i) const { return wide ? static_cast<Index>(wide[i]) : Index{narrow[i]}; }
};

// Row i has values[e] in column columns[e] for e in starts[i] ... starts[i + 1], no column twice, columns
// in order. Entry (i, j) is absent[j] where row i has none in column j: 0, or what standardising makes of 0.
template <class T>
struct SparseRows {
    IndexArray starts;          // (rows + 1,)
    IndexArray columns;         // (entries,)
    const T* values = nullptr;  // (entries,)
    const T* absent = nullptr;  // (cols,)
    bool shifted = false;       // some absent entry is not 0

    // f(column, value) for the entries of row i.
    template <class F>
    STEEPEST_INLINE void for_entries(Index i, F&& f) const {
        for (Index e = starts[i]; e < starts[i + 1]; ++e) f(columns[e], values[e]);
    }
    // The same with value - absent[column].
    template <class F>
    STEEPEST_INLINE void for_deviations(Index i, F&& f) const {
        for_entries(i, [&](Index j, T value)
                           __attribute__((always_inline)) { f(j, shifted ? value - absent[j] : value); });
    }
};

template <class T>
struct Inputs {
    MatrixView<const T> dense;  // without data if the matrix is sparse
    SparseRows<T> sparse;
    Index rows = 0, cols = 0;

    Inputs() = default;
    Inputs(MatrixView<const T> matrix) : dense(matrix), rows(matrix.rows), cols(matrix.cols) {}
    Inputs(SparseRows<T> matrix, Index n_rows, Index n_cols) : sparse(matrix), rows(n_rows), cols(n_cols) {}

    bool is_sparse() const { return sparse.absent != nullptr; }
    Index size() const { return rows * cols; }

    // Row i of a sparse matrix, to (cols,).
    void expand_row(Index i, T* to) const {
        std::memcpy(to, sparse.absent, static_cast<std::size_t>(cols) * sizeof(T));
        sparse.for_entries(i, [to](Index j, T value) { to[j] = value; });
    }
};

}  // namespace steepest::STEEPEST_ISA
