// The moments of a polynomial fit, from one pass over the points. In a basis of three-term recurrence
//     p_{k+1} = a_k x p_k - c_k p_{k-1}
// the Gram matrix sum w p_i p_j (i, j <= L) follows from the 2L + 1 numbers nu_k = sum w p_k (Gautschi's
// modified moments), because x p_i p_j can be read both ways; for monomials it is the Hankel matrix nu_{i+j}.
//
// The sums are exact but for some 1e-28 of the sum of magnitudes, at a price near that of plain sums: every
// term is split by one fused multiply-add into a part on a fixed grid, which plain additions then add without
// any rounding, and a small rest, whose rounding errors are too small to matter.
#pragma once

#include "core/moments.hpp"
#include "core/polynomial.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

// x -> (x - middle) / half, y -> y / unit, each rounded once to T; half = 0 maps everything onto 0.
struct PolynomialUnits {
    double middle = 0, half = 1, y_unit = 1;
};

// Points are taken in groups of 2 x 8 virtual lanes, for which the recurrence fits the registers.
inline constexpr int moment_rows = 2;
inline constexpr int moment_group = moment_rows * lanes<double>;
inline constexpr int moment_parts = moment_rows * Lanes<double>::parts;

// a b = q + r, with q on the grid that `big` = 1.5 2^52 grid stands for.
STEEPEST_INLINE void split_product(Vec<double> a, Vec<double> b, Vec<double> big, Vec<double>& q,
                                   Vec<double>& r) {
    if constexpr (has_fma) {
        q = fma(a, b, big) - big;
        r = fma(a, b, -q);
    } else {
        const Vec<double> product = a * b;
        q = (product + big) - big;
        r = (product - q) + product_error(a, b, product);
    }
}

// The least power of two that is not below x.
inline double power_of_two_above(double x) {
    if (!(x > 0) || !(x - x == 0)) return x;
    std::int64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x000fffffffffffff) != 0) bits += 0x0010000000000000;
    bits &= 0x7ff0000000000000;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

class PolynomialMomentSums {
  public:
    // The basis has coefficients up to degree 2L.
    PolynomialMomentSums(PolynomialBasis basis, Index degree)
        : basis_(basis),
          degree_(degree),
          count_(3 * degree + 3),
          big_(count_),
          sums_(2 * count_),
          totals_(static_cast<std::size_t>(count_)) {
        chebyshev_ = !basis.monomial;
        for (Index k = 0; k < 2 * degree && chebyshev_; ++k)
            chebyshev_ = basis.a[k] == (k == 0 ? 1 : 2) && basis.c[k] == (k == 0 ? 0 : 1);
    }

    // Adds n points. Parts of a data set that are to be added apart must begin at multiples of chunk.
    template <class T>
    void add(const PolynomialUnits& units, const T* x, const T* y, const T* w, Index n) {
        const T middle = static_cast<T>(units.middle), half = static_cast<T>(units.half);
        const T y_unit = static_cast<T>(units.y_unit);
        for (Index first = 0; first < n; first += chunk) {
            const Points<T> points{x + first, y + first, w ? w + first : nullptr, middle, half, y_unit};
            const Index count = n - first < chunk ? n - first : chunk;
            raise_bounds(largest(points.x, count, middle, half), largest(points.y, count, T(0), y_unit),
                         w ? largest(points.w, count, T(0), T(1)) : 1.0);
            if (basis_.monomial)
                sum_chunk<Family::monomial>(points, count);
            else if (chebyshev_ && big_.data()[0] == big_.data()[2 * degree_])
                sum_chunk<Family::chebyshev>(points, count);
            else
                sum_chunk<Family::any>(points, count);
            keep_chunk();
        }
    }

    void add(const PolynomialMomentSums& other) {
        for (std::size_t k = 0; k < totals_.size(); ++k) add_lanes(totals_[k], other.totals_[k]);
    }

    Moments moments(double scale) const {
        Moments m(degree_ + 1, 1, 1, scale);
        // G_{i+1,j} = a_i/a_j (G_{i,j+1} + c_j G_{i,j-1}) - c_i G_{i-1,j}, from row 0, which is nu.
        std::vector<DoubleDouble<>> before, row, next;
        for (Index k = 0; k <= 2 * degree_; ++k) row.push_back(total(k));
        for (Index i = 0; i <= degree_; ++i) {
            for (Index j = 0; j <= degree_; ++j) m.g(i, j) = row[static_cast<std::size_t>(j)];
            next.clear();
            for (Index j = 0; j + 1 < static_cast<Index>(row.size()); ++j) {
                const auto at = static_cast<std::size_t>(j);
                DoubleDouble<> entry = row[at + 1];
                if (!basis_.monomial) {
                    if (j > 0) entry = entry + row[at - 1] * basis_.c[j];
                    entry = entry * (DoubleDouble<>{basis_.a[i], 0} / DoubleDouble<>{basis_.a[j], 0});
                    if (i > 0) entry = entry - before[at] * basis_.c[i];
                }
                next.push_back(entry);
            }
            before.swap(row);
            row.swap(next);
        }
        for (Index i = 0; i <= degree_; ++i)  // what rounding has made of the two halves
            for (Index j = 0; j < i; ++j) m.g(i, j) = m.g(j, i);
        for (Index k = 0; k <= degree_; ++k) m.t(0, k) = total(cross_at(k));
        m.square[0] = total(count_ - 1);
        m.weight = m.g(0, 0).hi;
        m.variation[0] = (m.square[0] - m.t(0, 0) * m.t(0, 0) / m.g(0, 0)).hi;
        return m;
    }

    static constexpr Index chunk = 2048;

  private:
    enum class Family { monomial, chebyshev, any };

    // Where the data lie, and the units that they are read in.
    template <class T>
    struct Points {
        const T *x, *y, *w;  // w may be nullptr
        T middle, half, y_unit;

        // (a_i - offset) / unit of a group, each rounded to T; the division is at work beside the sums.
        template <int N>
        static STEEPEST_INLINE void read(const T* a, T offset, T unit, Vec<double> (&group)[N]) {
            typedef typename VectorType<T, width<double>* static_cast<int>(sizeof(T))>::type Entries;
            for (int v = 0; v < N; ++v) {
                Entries entries;
                std::memcpy(&entries, a + v * width<double>, sizeof entries);
                group[v] =
                    __builtin_convertvector(unit == 0 ? Entries{} : (entries - offset) / unit, Vec<double>);
            }
        }
        // The next chunk is on its way while this one is summed.
        STEEPEST_INLINE void prefetch(Index i, Index points) const {
            for (Index line = 0; line < points; line += 64 / static_cast<Index>(sizeof(T))) {
                __builtin_prefetch(x + i + line);
                __builtin_prefetch(y + i + line);
                if (w) __builtin_prefetch(w + i + line);
            }
        }
        // Beyond the last point there are points of weight 0.
        template <int N>
        STEEPEST_INLINE void read(Index i, Index n, Vec<double> (&x_group)[N], Vec<double> (&y_group)[N],
                                  Vec<double> (&w_group)[N]) const {
            constexpr Index size = N * width<double>;
            if (i + size <= n) {
                read(x + i, middle, half, x_group);
                read(y + i, T(0), y_unit, y_group);
                if (w) read(w + i, T(0), T(1), w_group);
                for (int v = 0; v < N && !w; ++v) w_group[v] = Vec<double>{} + 1.0;
                return;
            }
            T rest[3][size] = {};
            for (Index j = 0; i + j < n; ++j) {
                rest[0][j] = x[i + j];
                rest[1][j] = y[i + j];
                rest[2][j] = w ? w[i + j] : T(1);
            }
            for (Index j = n - i; j < size; ++j) rest[0][j] = middle;
            read(rest[0], middle, half, x_group);
            read(rest[1], T(0), y_unit, y_group);
            read(rest[2], T(0), T(1), w_group);
        }
    };

    // A lane adds chunk / 8 terms of at most `bound` each: they stay below 2^53 grid.
    static constexpr double big_for_bound = 1.5 * 4503599627370496.0 * 0x1p-45;

    Index cross_at(Index k) const { return 2 * degree_ + 1 + k; }
    DoubleDouble<> total(Index k) const { return totals_[static_cast<std::size_t>(k)].sum(); }

    static void add_lanes(DoubleDoubleLanes& to, const DoubleDoubleLanes& from) {
        for (int p = 0; p < Lanes<double>::parts; ++p) {
            const auto sum = DoubleDouble<Vec<double>>{to.hi.part[p], to.lo.part[p]} +
                             DoubleDouble<Vec<double>>{from.hi.part[p], from.lo.part[p]};
            to.hi.part[p] = sum.hi;
            to.lo.part[p] = sum.lo;
        }
    }

    // max |(a_i - middle) / unit|: rounding is monotonic, so that only one entry needs the division.
    template <class T>
    static double largest(const T* a, Index n, T middle, T unit) {
        constexpr int chains = 4;
        Vec<T> most[chains] = {};
        const Vec<T> center = splat(middle);
        Index i = 0;
        for (; i + chains * width<T> <= n; i += chains * width<T>)
            for (int c = 0; c < chains; ++c) {
                const Vec<T> distance = load(a + i + c * width<T>) - center;
                const Vec<T> magnitude = distance < 0 ? -distance : distance;
                most[c] = magnitude > most[c] ? magnitude : most[c];
            }
        T largest = 0;
        for (; i < n; ++i) {
            const T distance = a[i] - middle, magnitude = distance < 0 ? -distance : distance;
            largest = magnitude > largest ? magnitude : largest;
        }
        for (int c = 0; c < chains; ++c)
            for (int k = 0; k < width<T>; ++k) largest = most[c][k] > largest ? most[c][k] : largest;
        return static_cast<double>(unit == 0 ? T(0) : largest / unit);
    }

    // The grids are those of the largest values so far.
    void raise_bounds(double x, double y, double w) {
        if (x <= x_bound_ && y <= y_bound_ && w <= w_bound_) return;
        x_bound_ = x > x_bound_ ? x : x_bound_;
        y_bound_ = power_of_two_above(y > y_bound_ ? y : y_bound_);
        w_bound_ = power_of_two_above(w > w_bound_ ? w : w_bound_);
        // |p_k| is largest at the end of an interval that contains [-1, 1], and below 1 within [-1, 1];
        // monomials are largest at the end of any.
        const double at = basis_.monomial || x_bound_ > 1 ? x_bound_ : 1.0;
        double previous = 0, p = 1;
        for (Index k = 0; k <= 2 * degree_; ++k) {
            const double bound = power_of_two_above(1.5 * p) * w_bound_;
            big_.data()[k] = big_for_bound * bound;
            if (k <= degree_) big_.data()[cross_at(k)] = big_for_bound * bound * y_bound_;
            if (k == 0) big_.data()[count_ - 1] = big_for_bound * bound * y_bound_ * y_bound_;
            if (k == 2 * degree_) break;
            const double next = basis_.monomial ? at * p : basis_.a[k] * at * p - basis_.c[k] * previous;
            previous = p;
            p = next;
        }
    }

    template <int N>
    STEEPEST_INLINE void add_pair(Index k, const Vec<double> (&hi)[N], const Vec<double> (&lo)[N]) {
        constexpr int parts = Lanes<double>::parts;
        Lanes<double>* sum = sums_.data() + 2 * k;
        for (int g = 0; g < N; g += moment_parts)
            for (int p = 0; p < parts; ++p) {
                sum[0].part[p] += hi[g + p] + hi[g + parts + p];
                sum[1].part[p] += lo[g + p] + lo[g + parts + p];
            }
    }

    template <Family family, class T>
    __attribute__((noinline)) void sum_chunk(const Points<T>& points, Index n) {
        for (Index k = 0; k < 2 * count_; ++k) sums_.data()[k] = Lanes<double>::zero();
        Index i = 0;
        if constexpr (family != Family::any && vector_bytes == 64)  // registers hold two groups at once
            for (; i + 2 * moment_group <= n; i += 2 * moment_group)
                sum_group<family, 2 * moment_parts>(points, i, n);
        for (; i < n; i += moment_group) sum_group<family, moment_parts>(points, i, n);
    }

    template <Family family, int N, class T>
    STEEPEST_INLINE void sum_group(const Points<T>& points, Index i, Index n) {
        const double* big = big_.data();
        Vec<double> x[N], y[N], hi[N], lo[N], hi_before[N], lo_before[N], q[N], r[N];
        points.read(i, n, x, y, q);
        points.prefetch(i + chunk, N * width<double>);
        const Vec<double> big_0 = splat(big[0]), big_y = splat(big[cross_at(0)]),
                          big_yy = splat(big[count_ - 1]);
        for (int v = 0; v < N; ++v) {  // w y^2, and p_0 = w on the grid
            Vec<double> wy, wy_rest, wyy, wyy_rest;
            split_product(q[v], y[v], big_y, wy, wy_rest);
            split_product(wy, y[v], big_yy, wyy, wyy_rest);
            hi_before[v] = wyy;
            lo_before[v] = fma(wy_rest, y[v], wyy_rest);
            hi[v] = (q[v] + big_0) - big_0;
            lo[v] = q[v] - hi[v];
        }
        add_pair(count_ - 1, hi_before, lo_before);
        for (int v = 0; v < N; ++v) hi_before[v] = lo_before[v] = Vec<double>{};
        for (Index k = 0; k <= 2 * degree_; ++k) {
            add_pair(k, hi, lo);
            if (k <= degree_) {
                const Vec<double> grid = splat(big[cross_at(k)]);
                for (int v = 0; v < N; ++v) {
                    split_product(y[v], hi[v], grid, q[v], r[v]);
                    r[v] = fma(y[v], lo[v], r[v]);
                }
                add_pair(cross_at(k), q, r);
            }
            if (k < 2 * degree_) advance<family>(k, splat(big[k + 1]), x, hi, lo, hi_before, lo_before);
        }
    }

    // (hi, lo) <- a_k x (hi, lo) - c_k (hi_before, lo_before)
    template <Family family, int N>
    STEEPEST_INLINE void advance(Index k, Vec<double> big, const Vec<double> (&x)[N], Vec<double> (&hi)[N],
                                 Vec<double> (&lo)[N], Vec<double> (&hi_before)[N],
                                 Vec<double> (&lo_before)[N]) const {
        for (int v = 0; v < N; ++v) {
            Vec<double> q, r;
            if constexpr (family == Family::monomial) {
                split_product(hi[v], x[v], big, q, r);
                lo[v] = fma(lo[v], x[v], r);
                hi[v] = q;
                continue;
            }
            Vec<double> next, next_lo;
            if constexpr (family == Family::chebyshev) {
                const Vec<double> factor = k == 0 ? x[v] : x[v] + x[v];
                split_product(hi[v], factor, big, q, r);
                next = q - hi_before[v];  // on one grid: exact
                next_lo = fma(lo[v], factor, r) - lo_before[v];
            } else {
                const Vec<double> a = splat(basis_.a[k]), c = splat(basis_.c[k]);
                const Vec<double> factor = a * x[v], factor_rest = product_error(a, x[v], factor);
                Vec<double> q_before, r_before;
                split_product(hi[v], factor, big, q, r);
                split_product(hi_before[v], c, big, q_before, r_before);
                next = q - q_before;
                next_lo = fma(hi[v], factor_rest, fma(lo[v], factor, r)) - fma(lo_before[v], c, r_before);
            }
            hi_before[v] = hi[v];
            lo_before[v] = lo[v];
            hi[v] = next;
            lo[v] = next_lo;
        }
    }

    void keep_chunk() {
        for (Index k = 0; k < count_; ++k)
            add_lanes(totals_[static_cast<std::size_t>(k)], {sums_.data()[2 * k], sums_.data()[2 * k + 1]});
    }

    PolynomialBasis basis_;
    Index degree_, count_;  // nu_0 ... nu_2L, T_0 ... T_L, Y
    bool chebyshev_;
    double x_bound_ = -1, y_bound_ = -1, w_bound_ = -1;
    Buffer<double> big_;          // (count,): the grid of each
    Buffer<Lanes<double>> sums_;  // (count, 2): of the chunk, on the grid and beside it
    std::vector<DoubleDoubleLanes> totals_;
};

// Parts of 2^16 points are summed apart, shared out among up to n_threads threads, and added in order: the
// bits don't depend on their number.
template <class T>
Moments polynomial_moments(const PolynomialBasis& basis, Index degree, const PolynomialUnits& units,
                           const T* x, const T* y, const T* w, Index n,  // (n,); w may be nullptr
                           int n_threads, Interrupt* interrupt) {
    constexpr Index part = 65536;
    const Index n_parts = (n + part - 1) / part;
    Threads threads(n_parts < n_threads ? static_cast<int>(n_parts) : n_threads);
    const Index at_once = threads.count();
    PolynomialMomentSums total(basis, degree);
    for (Index first = 0; first < n; first += at_once * part) {
        if (interrupt && interrupt->tick(static_cast<double>(part * (12 * degree + 12)))) break;
        std::vector<PolynomialMomentSums> sums;
        for (Index t = 0; t < at_once; ++t) sums.emplace_back(basis, degree);
        threads.run([&](int t) {
            const Index begin = first + t * part, count = n - begin < part ? n - begin : part;
            if (begin < n)
                sums[static_cast<std::size_t>(t)].add(units, x + begin, y + begin, w ? w + begin : nullptr,
                                                      count);
        });
        for (const auto& s : sums) total.add(s);
    }
    return total.moments(1.0 / static_cast<double>(n));
}

}  // namespace steepest::STEEPEST_ISA
