// The moments of a linear fit: sum w a a^T over the columns a = [1, x_1 ... x_d, y_1 ... y_K], from one pass
// over the data where it lies. Standardising is a change of variables of these sums; no copy of X is ever
// made.
//
// A column whose entries are all of one sign and of like size is first taken relative to its middle, which is
// exact (Sterbenz), so that a large mean costs no digits; all columns are scaled by powers of two to at
// most 1.
#pragma once

#include <algorithm>
#include <atomic>
#include <limits>

#include "core/entries_by_column.hpp"
#include "core/interrupt.hpp"
#include "core/moments.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

// entry = shift + unit z, |z| <= 1, all exact.
struct ColumnFrame {
    double shift = 0, unit = 1, largest = 0;

    static ColumnFrame of(double low, double high) {
        ColumnFrame frame;
        frame.largest = -low > high ? -low : high;
        const double smallest = low > 0 ? low : high < 0 ? -high : 0;
        if (smallest > 0 && frame.largest <= 3 * smallest) frame.shift = 0.5 * low + 0.5 * high;
        const double below = frame.shift - low, above = high - frame.shift;
        const double most = below > above ? below : above;
        int exponent = 0;
        if (most > 0) __builtin_frexp(most, &exponent);
        exponent = exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;  // the inverse is finite too
        frame.unit = __builtin_ldexp(1.0, exponent);
        return frame;
    }
};

// The frames of the columns of a row-major matrix.
template <class T>
std::vector<ColumnFrame> column_frames(MatrixView<const T> a) {
    // Eight rows at once are one long row, so that even a single column fills vectors.
    const Index flat = 8 * a.cols, whole = a.rows / 8 * 8;
    std::vector<T> low(static_cast<std::size_t>(flat)), high(low.size());
    for (Index j = 0; j < flat; ++j)
        low[static_cast<std::size_t>(j)] = high[static_cast<std::size_t>(j)] = a.data[j % a.cols];
    auto take = [l = low.data(), h = high.data()](const T* row, Index n) {
        for (Index j = 0; j < n; ++j) {
            l[j] = row[j] < l[j] ? row[j] : l[j];
            h[j] = row[j] > h[j] ? row[j] : h[j];
        }
    };
    for (Index i = 0; i < whole; i += 8) take(a.row(i), flat);
    for (Index i = whole; i < a.rows; ++i) take(a.row(i), a.cols);
    std::vector<ColumnFrame> frames;
    for (std::size_t j = 0; j < static_cast<std::size_t>(a.cols); ++j) {
        for (std::size_t k = j; k < low.size(); k += static_cast<std::size_t>(a.cols)) {
            low[j] = low[k] < low[j] ? low[k] : low[j];
            high[j] = high[k] > high[j] ? high[k] : high[j];
        }
        frames.push_back(ColumnFrame::of(static_cast<double>(low[j]), static_cast<double>(high[j])));
    }
    return frames;
}

// The same of products at points: each lane has its own extremes, and a group that is not full the first one.
template <class T>
std::vector<ColumnFrame> column_frames(const ProductRows<T>& X) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr Index n = width<double>;
    std::vector<double> low(static_cast<std::size_t>(X.basis.terms * n), infinity),
        high(low.size(), -infinity);
    const Rows all{nullptr, 0, X.points.rows};
    X.for_groups(all, 0, X.points.rows, [&](Index, Index count, const double* values) {
        for (Index j = 0; j < X.basis.terms; ++j) {
            const double* column = values + (j + 1) * ProductValues::group;
            double *l = low.data() + j * n, *h = high.data() + j * n;
            Vec<double> least = load(l), most = load(h);
            for (Index i = 0; i < ProductValues::group && count == ProductValues::group; i += n) {
                const Vec<double> value = load(column + i);
                least = value < least ? value : least;
                most = value > most ? value : most;
            }
            store(l, least);
            store(h, most);
            for (Index i = 0; i < count && count < ProductValues::group; ++i) {
                *l = column[i] < *l ? column[i] : *l;
                *h = column[i] > *h ? column[i] : *h;
            }
        }
    });
    std::vector<ColumnFrame> frames;
    for (auto l = low.begin(), h = high.begin(); l != low.end(); l += n, h += n)
        frames.push_back(ColumnFrame::of(*std::min_element(l, l + n), *std::max_element(h, h + n)));
    return frames;
}

// The same of inputs of any kind.
template <class T>
std::vector<ColumnFrame> column_frames(const Inputs<T>& X) {
    if (X.is_product()) return column_frames(X.product);
    if (!X.is_sparse()) return column_frames(X.dense);
    constexpr T infinity = std::numeric_limits<T>::infinity();
    const auto n = static_cast<std::size_t>(X.cols);
    std::vector<T> low(n, infinity), high(n, -infinity);
    std::vector<Index> present(n);
    auto take = [&](std::size_t j, T value) {
        low[j] = value < low[j] ? value : low[j];
        high[j] = value > high[j] ? value : high[j];
    };
    for (Index i = 0; i < X.rows; ++i)
        X.sparse.for_entries(i, [&](Index j, T value) {
            take(static_cast<std::size_t>(j), value);
            ++present[static_cast<std::size_t>(j)];
        });
    std::vector<ColumnFrame> frames;
    for (std::size_t j = 0; j < n; ++j) {
        if (present[j] < X.rows) take(j, X.sparse.absent[j]);
        frames.push_back(ColumnFrame::of(static_cast<double>(low[j]), static_cast<double>(high[j])));
    }
    return frames;
}

class LinearMoments {
  public:
    // `pairs`: the whole matrix, not only the sums and the squares of columns. Parts of 2^13 rows are summed
    // apart, shared out among up to n_threads threads, and added in order: the bits don't depend on their
    // number.
    template <class T>
    LinearMoments(const Inputs<T>& X, MatrixView<const T> y, const T* w, bool pairs, int n_threads,
                  Interrupt* interrupt)
        : inputs_(X.cols), rows_(X.rows), columns_(1 + X.cols + y.cols), pairs_(pairs), frames_{{}} {
        for (const auto& f : column_frames(X)) frames_.push_back(f);
        for (const auto& f : column_frames(y)) frames_.push_back(f);
        if (w) weight_unit_ = weight_frame(w).unit;
        sums_.resize(static_cast<std::size_t>((pairs ? columns_ : 2) * columns_));
        const Index n_parts = (rows_ + part - 1) / part;
        Threads threads(n_parts < n_threads ? static_cast<int>(n_parts) : n_threads);
        const Index at_once = threads.count();
        std::vector<PartSums> sums;
        // Sums and squares need one column at a time, where the entries are known by columns.
        const bool one_by_one = X.is_sparse() && !X.sparse.shifted && !pairs;
        for (Index t = 0; t < at_once; ++t)
            sums.emplace_back(*this, w != nullptr, one_by_one ? 0 : columns_ + tile_rows);
        std::atomic<bool> stopped = false;
        for (Index first = 0; first < n_parts && !stopped; first += at_once) {
            threads.run([&](int t) {
                const Index begin = (first + t) * part, end = begin + part < rows_ ? begin + part : rows_;
                auto stop = [&](double work) {  // only the caller's thread may ask
                    if (t == 0 && interrupt && interrupt->tick(work)) stopped = true;
                    return stopped.load(std::memory_order_relaxed);
                };
                auto& to = sums[static_cast<std::size_t>(t)];
                if (one_by_one)
                    to.add_by_columns(X, y, w, begin, end, stop);
                else
                    to.add(X, y, w, begin, end, stop);
            });
            for (auto& s : sums) s.move_to(sums_);
        }
    }

    Index inputs() const { return inputs_; }
    Index outputs() const { return columns_ - 1 - inputs_; }

    // Of column j of [X, y]: the weighted mean, and the root of the mean square about it or about 0.
    double mean(Index j) const {
        const auto& frame = frames_[static_cast<std::size_t>(1 + j)];
        const auto z = sum(0, 1 + j) / sum(0, 0);
        return (z * frame.unit + DoubleDouble<>{frame.shift, 0}).hi;
    }
    double deviation(Index j, bool about_mean) const {
        const auto& frame = frames_[static_cast<std::size_t>(1 + j)];
        const auto z = sum(0, 1 + j) / sum(0, 0);
        const auto variance = sum(1 + j, 1 + j) / sum(0, 0) - z * z;
        if (about_mean) return sqrt(variance).hi * frame.unit;
        // In units of the larger of shift and unit, so that squares neither overflow nor underflow.
        const double largest = frame.largest > frame.unit ? frame.largest : frame.unit;
        const double size = ColumnFrame::of(0, largest).unit, ratio = frame.unit / size;
        const auto middle = z * ratio + DoubleDouble<>{frame.shift / size, 0};
        return sqrt(variance * (ratio * ratio) + middle * middle).hi * size;
    }
    double largest(Index j) const { return frames_[static_cast<std::size_t>(1 + j)].largest; }

    // The fit of (y - y_mean) / y_scale by (x - x_mean) / x_scale, and by a constant first if there is one.
    Moments standardised(const double* x_mean, const double* x_scale,  // (inputs,)
                         const double* y_mean, double y_scale,         // (outputs,)
                         bool intercept) const {
        // Column j of the fit is a_j z_j + b_j.
        std::vector<DoubleDouble<>> a{{1, 0}}, b{{0, 0}};
        for (Index j = 0; j + 1 < columns_; ++j) {
            const auto& frame = frames_[static_cast<std::size_t>(1 + j)];
            const double mean = j < inputs_ ? x_mean[j] : y_mean[j - inputs_];
            const DoubleDouble<> scale{(j < inputs_ ? x_scale[j] : y_scale) / frame.unit, 0};
            a.push_back(DoubleDouble<>{1, 0} / scale);
            b.push_back(two_sum(frame.shift / frame.unit, -mean / frame.unit) / scale);
        }
        auto entry = [&](Index i, Index j) {
            const auto p = static_cast<std::size_t>(i), q = static_cast<std::size_t>(j);
            const auto weight = DoubleDouble<>{weight_unit_, 0};
            const auto z_j = sum(i, j) * a[q] + sum(0, i) * b[q], one_j = sum(0, j) * a[q] + sum(0, 0) * b[q];
            return (z_j * a[p] + one_j * b[p]) * weight;
        };
        const Index first = intercept ? 0 : 1;
        Moments m(inputs_ + 1 - first, outputs(), 1 - first,
                  1.0 / (static_cast<double>(rows_) * static_cast<double>(outputs())));
        for (Index i = 0; i < m.features; ++i)
            for (Index j = i; j < m.features; ++j) m.g(i, j) = m.g(j, i) = entry(first + i, first + j);
        for (Index k = 0; k < m.outputs; ++k) {
            const Index target = 1 + inputs_ + k;
            for (Index i = 0; i < m.features; ++i) m.t(k, i) = entry(first + i, target);
            m.square[static_cast<std::size_t>(k)] = entry(target, target);
            const auto about_mean =
                m.square[static_cast<std::size_t>(k)] - entry(0, target) * entry(0, target) / entry(0, 0);
            m.variation[static_cast<std::size_t>(k)] = about_mean.hi;
        }
        m.weight = entry(0, 0).hi;
        return m;
    }

  private:
    static constexpr Index chunk = 512, part = 16 * chunk;
    static constexpr int tile_rows = vector_registers >= 32 ? 4 : 2, tile_columns = 2;
    // A lane adds at most 64 products of at most 1 to this, all multiples of its last bit, 2^-44; the sum of
    // the eight lanes is one too, and exact.
    static constexpr double bias = 384;

    DoubleDouble<> sum(Index i, Index j) const { return sums_[i < j ? place(i, j) : place(j, i)]; }
    // Of the sum of products of columns i <= j. Without pairs row 1 has the diagonal.
    std::size_t place(Index i, Index j) const {
        return static_cast<std::size_t>((pairs_ || i == 0 ? i : 1) * columns_ + j);
    }

    template <class T>
    ColumnFrame weight_frame(const T* w) const {
        T most = 0;
        for (Index i = 0; i < rows_; ++i) most = w[i] > most ? w[i] : most;
        return ColumnFrame::of(0, static_cast<double>(most));
    }

    // The sums over one part, and room for one chunk of so many columns.
    class PartSums {
      public:
        PartSums(const LinearMoments& whole, bool weighted, Index columns)
            : whole_(whole),
              inputs_(whole.inputs_),
              columns_(whole.columns_),
              weight_unit_(whole.weight_unit_),
              frames_(whole.frames_),
              sums_(whole.sums_.size()),
              right_(columns * chunk),
              left_(weighted ? columns * chunk : 0),
              left_rest_(left_.size()) {}

        // Rows begin ... end. stop(work) is asked before each chunk.
        template <class T, class Stop>
        void add(const Inputs<T>& X, MatrixView<const T> y, const T* w, Index begin, Index end, Stop&& stop) {
            const bool pairs = whole_.pairs_;
            const double columns = static_cast<double>(columns_);
            for (Index first = begin; first < end; first += chunk) {
                const Index count = end - first < chunk ? end - first : chunk;
                if (stop(static_cast<double>(count) * columns * (pairs ? 2 * columns : 8.0))) return;
                fill_right<T>(X, {y.row(first), count, y.cols}, first);
                if (w) fill_left(w + first, count, columns_);
                if (w)
                    add_chunk<true>((count + lanes<double> - 1) / lanes<double>, pairs);
                else
                    add_chunk<false>((count + lanes<double> - 1) / lanes<double>, pairs);
            }
        }
        // The same without pairs, for sparse X: absent entries are 0, and add nothing to any lane's sums.
        template <class T, class Stop>
        void add_by_columns(const Inputs<T>& X, MatrixView<const T> y, const T* w, Index begin, Index end,
                            Stop&& stop) {
            EntriesByColumn<T> entries;
            for (Index first = begin; first < end; first += chunk) {
                const Index n = end - first < chunk ? end - first : chunk;
                if (stop(8.0 * static_cast<double>(columns_))) return;
                const T* weights = w ? w + first : nullptr;
                auto add_dense_column = [&](Index j, auto&& entry) {
                    add_column(j, weights, [&](auto&& f) {
                        for (Index i = 0; i < n; ++i) f(i, entry(i));
                    });
                };
                add_dense_column(0, [](Index) { return T(1); });
                entries.gather(X, Rows{nullptr, first, n});
                for (Index j = 0; j < X.cols; ++j)
                    if (entries.begin(j) < entries.end(j))
                        add_column(1 + j, weights, [&](auto&& f) { entries.for_entries(j, f); });
                for (Index k = 0; k < y.cols; ++k)
                    add_dense_column(1 + X.cols + k, [&](Index i) { return y.row(first + i)[k]; });
            }
        }
        // Adds the sums to others, and starts anew.
        void move_to(std::vector<DoubleDouble<>>& total) {
            for (std::size_t k = 0; k < sums_.size(); ++k) {
                total[k] = total[k] + sums_[k];
                sums_[k] = {};
            }
        }

      private:
        // Adds the sum and the sum of squares of one column of a chunk, in the lanes that add_tile has;
        // for_entries(f) calls f(row, entry).
        template <class T, class ForEntries>
        void add_column(Index j, const T* w, ForEntries&& for_entries) {
            constexpr int n = lanes<double>;
            const auto& frame = frames_[static_cast<std::size_t>(j)];
            const double shift = frame.shift, inverse = 1 / frame.unit, inverse_weight = 1 / weight_unit_;
            double sum[n], sum_error[n] = {}, square[n], square_error[n] = {};
            for (int lane = 0; lane < n; ++lane) sum[lane] = square[lane] = bias;
            for_entries([&](Index i, T value) __attribute__((always_inline)) {
                const Index lane = i % n;
                const double z = (static_cast<double>(value) - shift) * inverse;
                const double weight = w ? static_cast<double>(w[i]) * inverse_weight : 1.0;
                const double product = weight * z;
                add_exactly(weight, z, sum[lane], sum_error[lane]);
                add_exactly(product, z, square[lane], square_error[lane]);
                if (w) square_error[lane] = fma(product_error(weight, z, product), z, square_error[lane]);
            });
            auto add = [&](Index i, double* high, const double* low) {
                Lanes<double> highs, lows;
                for (int p = 0; p < Lanes<double>::parts; ++p) {
                    highs.part[p] = load(high + p * width<double>) - bias;
                    lows.part[p] = load(low + p * width<double>);
                }
                auto& to = sums_[whole_.place(i, j)];
                to = to + two_sum(highs.sum(), lows.sum());
            };
            add(0, sum, sum_error);
            if (j > 0) add(j, square, square_error);
        }

        // The chunk's columns [1, X, y], each on its own and in its frame; zeros fill the last vector.
        template <class T>
        void fill_right(const Inputs<T>& X, MatrixView<const T> y, Index first) {
            const Index n = y.rows, end = padded<double>(n);
            double* ones = right_.data();
            for (Index i = 0; i < end; ++i) ones[i] = i < n;
            if (X.is_sparse())
                fill_sparse_columns(X, first, n);
            else if (X.is_product())
                fill_product_columns(X.product, first, n);
            else
                fill_columns<T>({X.dense.row(first), n, X.cols}, 1);
            fill_columns(y, 1 + X.cols);
            for (Index j = 1; j < columns_; ++j)
                for (Index i = n; i < end; ++i) right_.data()[j * chunk + i] = 0;
        }
        template <class T>
        void fill_product_columns(const ProductRows<T>& X, Index first, Index n) {
            double* columns = right_.data() + chunk;
            const Rows rows{nullptr, first, n};
            X.for_groups(rows, 0, n, [&](Index i, Index count, const double* values) {
                for (Index j = 0; j < X.basis.terms; ++j) {
                    const ColumnFrame& frame = frames_[static_cast<std::size_t>(1 + j)];
                    const double* from = values + (j + 1) * ProductValues::group;
                    double* to = columns + j * chunk + i;
                    for (Index r = 0; r < count; ++r) to[r] = (from[r] - frame.shift) * (1 / frame.unit);
                }
            });
        }
        template <class T>
        void fill_sparse_columns(const Inputs<T>& X, Index first, Index n) {
            const ColumnFrame* frames = frames_.data() + 1;
            auto framed = [frames](Index j, T value) {
                return (static_cast<double>(value) - frames[j].shift) * (1 / frames[j].unit);
            };
            double* columns = right_.data() + chunk;
            for (Index j = 0; j < X.cols; ++j) {
                const double absent = framed(j, X.sparse.absent[j]);
                for (Index i = 0; i < n; ++i) columns[j * chunk + i] = absent;
            }
            for (Index i = 0; i < n; ++i)
                X.sparse.for_entries(first + i,
                                     [&](Index j, T value) { columns[j * chunk + i] = framed(j, value); });
        }
        template <class T>
        void fill_columns(MatrixView<const T> a, Index at) {
            Index j = 0;
            for (; j + 4 <= a.cols; j += 4) {
                const ColumnFrame* f = frames_.data() + at + j;
                const Four shift{f[0].shift, f[1].shift, f[2].shift, f[3].shift};
                const Four inverse{1 / f[0].unit, 1 / f[1].unit, 1 / f[2].unit, 1 / f[3].unit};
                Index i = 0;
                for (; i + 4 <= a.rows; i += 4)
                    transpose_tile(a.row(i) + j, a.cols, shift, inverse,
                                   right_.data() + (at + j) * chunk + i);
                for (Index c = 0; c < 4; ++c) fill_column(a, j + c, i, at);
            }
            for (; j < a.cols; ++j) fill_column(a, j, 0, at);
        }
        template <class T>
        void fill_column(MatrixView<const T> a, Index j, Index first, Index at) {
            const double shift = frames_[static_cast<std::size_t>(at + j)].shift;
            const double inverse = 1 / frames_[static_cast<std::size_t>(at + j)].unit;
            double* column = right_.data() + (at + j) * chunk;
            if (a.cols == 1)
                for (Index i = first; i < a.rows; ++i)
                    column[i] = (static_cast<double>(a.data[i]) - shift) * inverse;
            else
                for (Index i = first; i < a.rows; ++i)
                    column[i] = (static_cast<double>(a.data[i * a.cols + j]) - shift) * inverse;
        }

        // Four rows of four entries, into four columns.
        typedef double Four __attribute__((vector_size(32)));
        template <class T>
        static STEEPEST_INLINE void transpose_tile(const T* rows, Index stride, const Four& shift,
                                                   const Four& inverse, double* columns) {
            typedef T Entries __attribute__((vector_size(4 * sizeof(T))));
            Four r[4];
            for (int i = 0; i < 4; ++i) {
                Entries entries;
                std::memcpy(&entries, rows + i * stride, sizeof entries);
                r[i] = (__builtin_convertvector(entries, Four) - shift) * inverse;
            }
            const Four even_01 = __builtin_shufflevector(r[0], r[1], 0, 4, 2, 6);
            const Four odd_01 = __builtin_shufflevector(r[0], r[1], 1, 5, 3, 7);
            const Four even_23 = __builtin_shufflevector(r[2], r[3], 0, 4, 2, 6);
            const Four odd_23 = __builtin_shufflevector(r[2], r[3], 1, 5, 3, 7);
            const Four transposed[4] = {__builtin_shufflevector(even_01, even_23, 0, 1, 4, 5),
                                        __builtin_shufflevector(odd_01, odd_23, 0, 1, 4, 5),
                                        __builtin_shufflevector(even_01, even_23, 2, 3, 6, 7),
                                        __builtin_shufflevector(odd_01, odd_23, 2, 3, 6, 7)};
            for (int j = 0; j < 4; ++j) std::memcpy(columns + j * chunk, &transposed[j], sizeof(Four));
        }

        // The same columns times their rows' weights, which takes two doubles.
        template <class T>
        void fill_left(const T* w, Index n, Index columns) {
            const double inverse = 1 / weight_unit_;
            for (Index j = 0; j < columns; ++j)
                for (Index i = 0; i < padded<double>(n); ++i) {
                    const double weight = i < n ? static_cast<double>(w[i]) * inverse : 0.0;
                    const double value = right_.data()[j * chunk + i], product = weight * value;
                    left_.data()[j * chunk + i] = product;
                    left_rest_.data()[j * chunk + i] = product_error(weight, value, product);
                }
        }

        template <bool Weighted>
        void add_chunk(Index steps, bool pairs) {
            if (pairs) {
                for (Index i = 0; i <= inputs_; i += tile_rows)
                    for (Index j = i; j < columns_; j += tile_columns)
                        add_tile<Weighted, tile_rows, tile_columns>(i, j, steps, i, j);
            } else {
                for (Index j = 0; j < columns_; ++j) add_tile<Weighted, 1, 1>(0, j, steps, 0, j);
            }
            for (Index j = pairs ? inputs_ + 1 : 1; j < columns_; ++j)
                add_tile<Weighted, 1, 1>(j, j, steps, j, j);
        }

        // Adds the chunk's sums of products of Rows columns, with weights, and Columns columns, to those of
        // the columns to_i and to_j.
        template <bool Weighted, int Rows, int Columns>
        __attribute__((noinline)) void add_tile(Index i, Index j, Index steps, Index to_i, Index to_j) {
            constexpr int parts = Lanes<double>::parts;
            Lanes<double> high[Rows][Columns], low[Rows][Columns];
            const double* right = right_.data() + j * chunk;
            const double* left = (Weighted ? left_.data() : right_.data()) + i * chunk;
            const double* rest = left_rest_.data() + (Weighted ? i * chunk : 0);
            for (int p = 0; p < parts; ++p) {
                Vec<double> sum[Rows][Columns], error[Rows][Columns];
                for (int r = 0; r < Rows; ++r)
                    for (int c = 0; c < Columns; ++c) {
                        sum[r][c] = splat(bias);
                        error[r][c] = Vec<double>{};
                    }
                for (Index s = 0; s < steps; ++s) {
                    const Index at = s * lanes<double> + p * width<double>;
                    Vec<double> b[Columns];
                    for (int c = 0; c < Columns; ++c) b[c] = load(right + c * chunk + at);
                    for (int r = 0; r < Rows; ++r) {
                        const Vec<double> a = load(left + r * chunk + at);
                        for (int c = 0; c < Columns; ++c) {
                            add_exactly(a, b[c], sum[r][c], error[r][c]);
                            if constexpr (Weighted)
                                error[r][c] = fma(load(rest + r * chunk + at), b[c], error[r][c]);
                        }
                    }
                }
                for (int r = 0; r < Rows; ++r)
                    for (int c = 0; c < Columns; ++c) {
                        high[r][c].part[p] = sum[r][c] - bias;
                        low[r][c].part[p] = error[r][c];
                    }
            }
            for (int r = 0; r < Rows; ++r)
                for (int c = 0; c < Columns; ++c)
                    if (to_i + r < columns_ && to_j + c < columns_ && to_i + r <= to_j + c &&
                        (Rows == 1 || to_i + r <= inputs_)) {
                        auto& to = sums_[whole_.place(to_i + r, to_j + c)];
                        to = to + two_sum(high[r][c].sum(), low[r][c].sum());
                    }
        }

        // sum + error += a b, where sum is so large that its last bit makes the grid.
        template <class V>
        static STEEPEST_INLINE void add_exactly(V a, V b, V& sum, V& error) {
            if constexpr (has_fma) {
                const V next = fma(a, b, sum);
                error += fma(a, b, sum - next);
                sum = next;
            } else {
                const V product = a * b, next = product + sum;
                error += (product - (next - sum)) + product_error(a, b, product);
                sum = next;
            }
        }

        const LinearMoments& whole_;
        Index inputs_, columns_;
        double weight_unit_;
        const std::vector<ColumnFrame>& frames_;
        std::vector<DoubleDouble<>> sums_;
        Buffer<double> right_, left_, left_rest_;
    };

    Index inputs_, rows_, columns_;
    bool pairs_;
    double weight_unit_ = 1;
    std::vector<ColumnFrame> frames_;   // of [1, x_1 ... x_d, y_1 ... y_K]
    std::vector<DoubleDouble<>> sums_;  // (columns, columns): the upper triangle, without y_k y_l; see place
};

}  // namespace steepest::STEEPEST_ISA
