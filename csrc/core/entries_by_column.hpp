// A few rows of a sparse matrix in the order of its columns.
#pragma once

#include "core/batches.hpp"
#include "core/inputs.hpp"

namespace steepest::STEEPEST_ISA {

// Column j has entries e in begin(j) ... end(j), in the order of rows, which count from the first of those
// that were gathered. Values are relative to the absent ones.
template <class T>
class EntriesByColumn {
  public:
    void gather(const Inputs<T>& X, Rows rows) {
        const SparseRows<T>& sparse = X.sparse;
        Index count = 0;
        for (Index i = 0; i < rows.count; ++i) count += sparse.starts[rows[i] + 1] - sparse.starts[rows[i]];
        ends_.reserve(X.cols + 1);
        rows_.reserve(count);
        values_.reserve(count);
        Index* at =
            ends_.data();  // first the number of entries, then where they begin, at last where they end
        std::memset(at, 0, static_cast<std::size_t>(X.cols) * sizeof(Index));
        for (Index i = 0; i < rows.count; ++i) sparse.for_entries(rows[i], [at](Index j, T) { ++at[j]; });
        Index begin = 0;
        for (Index j = 0; j < X.cols; ++j) begin += std::exchange(at[j], begin);
        for (Index i = 0; i < rows.count; ++i)
            sparse.for_deviations(rows[i], [&](Index j, T value) {
                rows_.data()[at[j]] = static_cast<std::int32_t>(i);
                values_.data()[at[j]++] = value;
            });
    }

    Index begin(Index j) const { return j == 0 ? 0 : ends_.data()[j - 1]; }
    Index end(Index j) const { return ends_.data()[j]; }

    // f(row, value) for the entries of column j.
    template <class F>
    STEEPEST_INLINE void for_entries(Index j, F&& f) const {
        for (Index e = begin(j); e < end(j); ++e) f(Index{rows_.data()[e]}, values_.data()[e]);
    }

  private:
    Buffer<Index> ends_;         // (cols,)
    Buffer<std::int32_t> rows_;  // (entries,)
    Buffer<T> values_;           // (entries,)
};

}  // namespace steepest::STEEPEST_ISA
