// The inputs of a data set, (rows, cols): dense or sparse in rows (CSR), in the caller's memory, or a
// polynomial basis at points, of one variable or of several. Of all but the first a few rows at a time are
// made dense where they are used.
#pragma once

#include <algorithm>

#include "core/polynomial.hpp"
#include "core/product_basis.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Integers of 32 or 64 bits, as SciPy has them.
struct IndexArray {
    const std::int32_t* narrow = nullptr;
    const std::int64_t* wide = nullptr;

    Index operator[](Index i) const { return wide ? static_cast<Index>(wide[i]) : Index{narrow[i]}; }

    // f(indices), with a pointer to those that are there: loops know their width beforehand.
    template <class F>
    STEEPEST_INLINE void visit(F&& f) const {
        if (wide)
            f(wide);
        else
            f(narrow);
    }
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
        columns.visit([&](const auto* column) __attribute__((always_inline)) {
            const Index end = starts[i + 1];
            for (Index e = starts[i]; e < end; ++e) f(static_cast<Index>(column[e]), values[e]);
        });
    }
    // The same with value - absent[column].
    template <class F>
    STEEPEST_INLINE void for_deviations(Index i, F&& f) const {
        if (shifted)
            for_entries(i, [&](Index j, T value) __attribute__((always_inline)) { f(j, value - absent[j]); });
        else
            for_entries(i, f);
    }
    // The same for the columns first ... end alone.
    template <class F>
    STEEPEST_INLINE void for_deviations(Index i, Index first, Index end, F&& f) const {
        columns.visit([&](const auto* column) __attribute__((always_inline)) {
            const auto* const row_end = column + starts[i + 1];
            const auto* const from = std::lower_bound(column + starts[i], row_end, first);
            const auto* const to = std::lower_bound(from, row_end, end);
            for (Index e = from - column; e < to - column; ++e) {
                const Index j = static_cast<Index>(column[e]);
                f(j, shifted ? values[e] - absent[j] : values[e]);
            }
        });
    }
    Index entries(Index i) const { return starts[i + 1] - starts[i]; }

    // Asks for row i, which comes from anywhere, before it is needed; `later` is a row still further ahead.
    STEEPEST_INLINE void prefetch(Index i, Index later) const {
        constexpr Index line = 64, most = 64;
        columns.visit([&](const auto* column) __attribute__((always_inline)) {
            const Index begin = starts[i], n = starts[i + 1] - begin;
            for (Index e = 0; e < n && e < most * line / Index{sizeof(T)}; e += line / Index{sizeof(T)})
                __builtin_prefetch(values + begin + e);
            for (Index e = 0; e < n && e < most * line / Index{sizeof(*column)};
                 e += line / Index{sizeof(*column)})
                __builtin_prefetch(column + begin + e);
        });
        starts.visit([&](const auto* start)
                         __attribute__((always_inline)) { __builtin_prefetch(start + later); });
    }
};

// Column j of row i is p_{j+1}(points[i]): a polynomial is the linear model of these, and p_0 = 1 its bias.
template <class T>
struct PolynomialRows {
    const T* points = nullptr;  // (rows,)
    PolynomialBasis basis;

    // `count` rows from r0 on of those that `rows` names, each padded with zeros to whole vectors or to
    // `stride`. Points are in the lanes.
    template <class Rows>
    void expand(const Rows& rows, Index r0, Index count, Index degree, T* to, Index stride) const {
        for (Index i = r0; i < r0 + count; i += width<double>) {
            const Index here = r0 + count - i < width<double> ? r0 + count - i : width<double>;
            T in[width<double>] = {};
            for (Index r = 0; r < here; ++r) in[r] = points[rows[i + r]];
            const Vec<double> x[1] = {load_wide(in)};
            T* row = to + i * stride;
            visit_basis(basis, degree, x, [&](Index k, const Vec<double>(&p)[1]) {
                for (Index r = 0; r < here && k > 0; ++r)
                    row[r * stride + k - 1] = static_cast<T>(p[0][static_cast<int>(r)]);
            });
            for (Index r = 0; r < here; ++r)
                for (Index j = degree; j < stride; ++j) row[r * stride + j] = 0;
        }
    }
};

template <class T>
struct Inputs {
    MatrixView<const T> dense;  // without data if the rows are something else
    SparseRows<T> sparse;
    PolynomialRows<T> polynomial;
    ProductRows<T> product;
    Index rows = 0, cols = 0;

    Inputs() = default;
    Inputs(MatrixView<const T> matrix) : dense(matrix), rows(matrix.rows), cols(matrix.cols) {}
    Inputs(SparseRows<T> matrix, Index n_rows, Index n_cols) : sparse(matrix), rows(n_rows), cols(n_cols) {}
    Inputs(PolynomialRows<T> basis, Index n_rows, Index degree)
        : polynomial(basis), rows(n_rows), cols(degree) {}
    Inputs(ProductRows<T> basis) : product(basis), rows(basis.points.rows), cols(basis.basis.terms) {}

    bool is_sparse() const { return sparse.absent != nullptr; }
    bool is_polynomial() const { return polynomial.points != nullptr; }
    bool is_product() const { return product.points.data != nullptr; }
    bool is_dense() const { return !is_sparse() && !is_polynomial() && !is_product(); }
    Index size() const { return rows * cols; }

    // Row i of a sparse matrix, to (cols,).
    void expand_row(Index i, T* to) const {
        std::memcpy(to, sparse.absent, static_cast<std::size_t>(cols) * sizeof(T));
        sparse.for_entries(i, [to](Index j, T value) { to[j] = value; });
    }
};

}  // namespace steepest::STEEPEST_ISA
