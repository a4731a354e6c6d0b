// The moments of a polynomial fit, from one pass over the points. In a basis of three-term recurrence
//     p_{k+1} = a_k x p_k - c_k p_{k-1}
// the Gram matrix sum w p_i p_j (i, j <= L) follows from the 2L + 1 numbers nu_k = sum w p_k (Gautschi's
// modified moments), because x p_i p_j can be read both ways; for monomials it is the Hankel matrix nu_{i+j}.
//
// What is summed are the products that the recurrence makes anyway, m_{k+1} = sum w x p_k, of which
// nu_{k+1} = a_k m_{k+1} - c_k nu_{k-1}.
//
// The sums are exact but for some 1e-28 of the sum of magnitudes, at a price near that of plain sums: a sum
// lies on a grid, to which one fused multiply-add rounds what it adds; what has been added is then the
// difference to the sum before, the rest of the term is found by another, and is small, so that its rounding
// errors don't matter.
#pragma once

#include "core/moments.hpp"
#include "core/polynomial.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

// x -> (x - middle) / half, y -> y / unit, each rounded once to T; half = 0 maps everything onto 0.
struct PolynomialUnits {
    double middle = 0, half = 1, y_unit = 1;
};

// Points are taken in groups of four vectors: enough independent work to hide latencies, and few enough for
// registers.
inline constexpr int moment_vectors = 4;
inline constexpr int moment_group = moment_vectors * width<double>;

// Adds a b to a sum on a grid: 1.5 2^52 units of the grid and more, so that the hardware's own rounding is to
// the grid. q is what has been added, without any rounding, and r = a b - q exactly.
STEEPEST_INLINE void add_on_grid(Vec<double>& sum, Vec<double> a, Vec<double> b, Vec<double>& q,
                                 Vec<double>& r) {
    const Vec<double> before = sum;
    if constexpr (has_fma) {
        sum = fma(a, b, before);
        q = sum - before;
        r = fma(a, b, -q);
    } else {
        const Vec<double> product = a * b;
        sum = before + product;
        q = sum - before;
        r = (product - q) + product_error(a, b, product);
    }
}
STEEPEST_INLINE void add_on_grid(Vec<double>& sum, Vec<double> a, Vec<double>& q, Vec<double>& r) {
    const Vec<double> before = sum;
    sum = before + a;
    q = sum - before;
    r = a - q;
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

// (a - offset) / unit as NumPy has it in T; by a power of two a product with the reciprocal says the same.
template <class T>
struct Scaling {
    T offset, unit, reciprocal;  // reciprocal is 0 if it isn't exact

    Scaling(double offset_, double unit_)
        : offset(static_cast<T>(offset_)), unit(static_cast<T>(unit_)), reciprocal(T(1) / unit) {
        const double wide = static_cast<double>(unit);
        if (power_of_two_above(wide) != wide || reciprocal * unit != 1) reciprocal = 0;
    }

    STEEPEST_INLINE Vec<double> read(const T* a) const {
        typedef typename VectorType<T, width<double>* static_cast<int>(sizeof(T))>::type Entries;
        Entries entries;
        std::memcpy(&entries, a, sizeof entries);
        entries -= offset;
        entries = unit == 0 ? Entries{} : reciprocal != 0 ? entries * reciprocal : entries / unit;
        return __builtin_convertvector(entries, Vec<double>);
    }
};

class PolynomialMomentSums {
  public:
    // The basis begins with 1 and x, its a_k are 1 or more, and it has coefficients up to degree 2L.
    PolynomialMomentSums(PolynomialBasis basis, Index degree)
        : basis_(basis),
          degree_(degree),
          count_(3 * degree + 3),
          big_(count_),
          sums_(2 * count_),
          totals_(static_cast<std::size_t>(count_)) {
        chebyshev_ = !basis.monomial;
        for (Index k = 0; k < 2 * degree && chebyshev_; ++k)
            chebyshev_ = k == 0 || (basis.a[k] == 2 && basis.c[k] == 1);
    }

    // Adds n points. Parts of a data set that are to be added apart must begin at multiples of chunk.
    template <class T>
    void add(const PolynomialUnits& units, const T* x, const T* y, const T* w, Index n) {
        const Scaling<T> x_scale(units.middle, units.half), y_scale(0, units.y_unit);
        for (Index first = 0; first < n; first += chunk) {
            const Points<T> points{x + first, y + first, w ? w + first : nullptr, x_scale, y_scale};
            const Index count = n - first < chunk ? n - first : chunk;
            sum_chunk(points, count);
            if (!w) ones_ += static_cast<double>(count);
        }
    }

    void add(const PolynomialMomentSums& other) {
        for (std::size_t k = 0; k < totals_.size(); ++k) add_lanes(totals_[k], other.totals_[k]);
        ones_ += other.ones_;
    }

    Moments moments(double scale) const {
        Moments m(degree_ + 1, 1, 1, scale);
        // G_{i+1,j} = a_i/a_j (G_{i,j+1} + c_j G_{i,j-1}) - c_i G_{i-1,j}, from row 0, which is nu.
        std::vector<DoubleDouble<>> before, row, next;
        for (Index k = 0; k <= 2 * degree_; ++k) {
            DoubleDouble<> nu = total(k);
            if (k == 0) nu = nu + DoubleDouble<>{ones_, 0};
            if (k > 0 && !basis_.monomial) nu = nu * basis_.a[k - 1];
            if (k > 1 && !basis_.monomial) nu = nu - row[static_cast<std::size_t>(k - 2)] * basis_.c[k - 1];
            row.push_back(nu);
        }
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

    static constexpr Index chunk = 960;

  private:
    enum class Family { monomial, chebyshev, any };
    using Group = Vec<double>[moment_vectors];

    // Where the data lie, and the units that they are read in.
    template <class T>
    struct Points {
        const T *x, *y, *w;  // w may be nullptr
        Scaling<T> x_scale, y_scale;

        // The next chunk is on its way while this one is summed.
        STEEPEST_INLINE void prefetch(Index i, Index points) const {
            for (Index line = 0; line < points; line += 64 / static_cast<Index>(sizeof(T))) {
                __builtin_prefetch(x + i + line);
                __builtin_prefetch(y + i + line);
                if (w) __builtin_prefetch(w + i + line);
            }
        }
        // Beyond the last point there are points of weight 0, at 0.
        void read(Index i, Index n, Group& x_group, Group& y_group, Group& w_group) const {
            if (i + moment_group > n) {
                Points rest = *this;
                T values[3][moment_group] = {};
                for (Index j = 0; j < moment_group; ++j) {
                    values[0][j] = i + j < n ? x[i + j] : x_scale.offset;
                    values[1][j] = i + j < n ? y[i + j] : T(0);
                    values[2][j] = i + j < n ? (w ? w[i + j] : T(1)) : T(0);
                }
                rest.x = values[0];
                rest.y = values[1];
                rest.w = values[2];
                return rest.read(0, moment_group, x_group, y_group, w_group);
            }
            for (int v = 0; v < moment_vectors; ++v) {
                x_group[v] = x_scale.read(x + i + v * width<double>);
                y_group[v] = y_scale.read(y + i + v * width<double>);
                w_group[v] = w ? load_wide(w + i + v * width<double>) : splat(1.0);
            }
        }
    };

    // A lane adds chunk / 8 = 120 terms of at most 2^7 / 120 of `bound` each: the sum stays within 2^51 units
    // of 1.5 2^52, between which rounding is to whole units.
    static constexpr double big_for_bound = 1.5 * 4503599627370496.0 * 0x1p-44;
    static double grid(double bound) { return big_for_bound * power_of_two_above(0.97 * bound); }

    Index cross_at(Index k) const { return 2 * degree_ + 1 + k; }
    DoubleDouble<> total(Index k) const { return totals_[static_cast<std::size_t>(k)].sum(); }

    static Lanes<double> everywhere(double a) {
        Lanes<double> same;
        for (auto& part : same.part) part = splat(a);
        return same;
    }

    static void add_lanes(DoubleDoubleLanes& to, const DoubleDoubleLanes& from) {
        for (int p = 0; p < Lanes<double>::parts; ++p) {
            const auto sum = DoubleDouble<Vec<double>>{to.hi.part[p], to.lo.part[p]} +
                             DoubleDouble<Vec<double>>{from.hi.part[p], from.lo.part[p]};
            to.hi.part[p] = sum.hi;
            to.lo.part[p] = sum.lo;
        }
    }

    // The grids are those of the largest values so far; returns whether these are larger, which NaN never is.
    bool raise_bounds(double x, double y, double w) {
        if (!(x > x_bound_ || y > y_bound_ || w > w_bound_)) return false;
        x_bound_ = x > x_bound_ ? x : x_bound_;
        y_bound_ = power_of_two_above(y > y_bound_ ? y : y_bound_);
        w_bound_ = power_of_two_above(w > w_bound_ ? w : w_bound_);
        // |p_k| is largest at the end of an interval that contains [-1, 1], and below 1 within [-1, 1];
        // monomials are largest at the end of any.
        const double at = basis_.monomial || x_bound_ > 1 ? x_bound_ : 1.0;
        double previous = 0, p = 1;
        big_.data()[0] = grid(1) * w_bound_;
        big_.data()[count_ - 1] = grid(1) * w_bound_ * y_bound_ * y_bound_;
        for (Index k = 0; k <= 2 * degree_; ++k) {
            if (k <= degree_) big_.data()[cross_at(k)] = grid(p) * w_bound_ * y_bound_;
            if (k == 2 * degree_) break;
            const double product = basis_.monomial ? at * p : basis_.a[k] * at * p;
            big_.data()[k + 1] = grid(product) * w_bound_;
            const double next = basis_.monomial ? product : product - basis_.c[k] * previous;
            previous = p;
            p = next;
        }
        return true;
    }

    // How large the values are is found on the way; where the grids were too fine for them, all begins anew.
    template <class T>
    void sum_chunk(const Points<T>& points, Index n) {
        for (bool fits = false; !fits;) {
            for (Index k = 0; k < count_; ++k) {
                sums_.data()[2 * k] = everywhere(big_.data()[k]);
                sums_.data()[2 * k + 1] = Lanes<double>::zero();
            }
            const bool chebyshev = chebyshev_ && x_bound_ <= 1;
            fits = basis_.monomial ? sum_groups<Family::monomial>(points, n)
                   : chebyshev     ? sum_groups<Family::chebyshev>(points, n)
                                   : sum_groups<Family::any>(points, n);
            if (fits) keep_chunk(chebyshev);
        }
    }
    template <Family family, class T>
    bool sum_groups(const Points<T>& points, Index n) {
        return points.w ? sum_groups<family, true>(points, n) : sum_groups<family, false>(points, n);
    }
    template <Family family, bool weighted, class T>
    __attribute__((noinline)) bool sum_groups(const Points<T>& points, Index n) {
        Vec<double> x_most{}, y_most{}, w_most = splat(weighted ? 0.0 : 1.0);
        for (Index i = 0; i < n; i += moment_group) {
            Group x, y, w;
            points.read(i, n, x, y, w);
            points.prefetch(i + chunk, moment_group);
            for (int v = 0; v < moment_vectors; ++v) {
                x_most = larger_magnitude(x_most, x[v]);
                y_most = larger_magnitude(y_most, y[v]);
                if (weighted) w_most = larger_magnitude(w_most, w[v]);
            }
            sum_group<family, weighted>(x, y, w);
        }
        return !raise_bounds(largest_entry(x_most), largest_entry(y_most), largest_entry(w_most));
    }

    // Sum k += a; what is added lies in q on the grid of the sum, and in r beside it.
    STEEPEST_INLINE void add_terms(Index k, const Group& a, Group& q, Group& r) {
        constexpr int parts = Lanes<double>::parts;
        Lanes<double> on = sums_.data()[2 * k], beside = sums_.data()[2 * k + 1];
        for (int v = 0; v < moment_vectors; ++v) {
            add_on_grid(on.part[v % parts], a[v], q[v], r[v]);
            beside.part[v % parts] += r[v];
        }
        sums_.data()[2 * k] = on;
        sums_.data()[2 * k + 1] = beside;
    }

    // Sum k += a (hi + lo), likewise.
    STEEPEST_INLINE void add_products(Index k, const Group& a, const Group& hi, const Group& lo, Group& q,
                                      Group& r) {
        constexpr int parts = Lanes<double>::parts;
        Lanes<double> on = sums_.data()[2 * k], beside = sums_.data()[2 * k + 1];
        for (int v = 0; v < moment_vectors; ++v) {
            Vec<double> rest;
            const Vec<double> low = lo[v];
            add_on_grid(on.part[v % parts], a[v], hi[v], q[v], rest);
            r[v] = fma(low, a[v], rest);
            beside.part[v % parts] += r[v];
        }
        sums_.data()[2 * k] = on;
        sums_.data()[2 * k + 1] = beside;
    }

    template <Family family, bool weighted>
    STEEPEST_INLINE void sum_group(Group& x, const Group& y, const Group& w) {
        Group hi, lo, hi_before, lo_before, q, r;
        for (int v = 0; v < moment_vectors; ++v) {
            hi_before[v] = Vec<double>{} + (weighted ? 0.0 : 1.0);
            lo_before[v] = Vec<double>{};
        }
        Index k = 0;
        if constexpr (weighted) {
            add_terms(0, w, hi, lo);
            add_products(cross_at(0), y, hi, lo, q, r);
        } else {
            add_terms(cross_at(0), y, q, r);
        }
        add_products(count_ - 1, y, q, r, q, r);
        if (degree_ > 0) {  // p_1 = x
            if constexpr (weighted) {
                for (int v = 0; v < moment_vectors; ++v) {
                    hi_before[v] = hi[v];
                    lo_before[v] = lo[v];
                }
                add_products(1, x, hi, lo, hi, lo);
            } else {
                add_terms(1, x, hi, lo);
            }
            add_products(cross_at(1), y, hi, lo, q, r);
            if constexpr (family == Family::chebyshev)
                for (int v = 0; v < moment_vectors; ++v) x[v] += x[v];
            k = 1;
        }
        for (; k < degree_; ++k) {
            advance<family>(k, x, hi, lo, hi_before, lo_before);
            add_products(cross_at(k + 1), y, hi, lo, q, r);
        }
        for (; k < 2 * degree_; ++k) advance<family>(k, x, hi, lo, hi_before, lo_before);
    }

    // (hi, lo) <- a_k x (hi, lo) - c_k (hi_before, lo_before), and the sum of x (hi, lo), of 2 x (hi, lo) for
    // Chebyshev polynomials, where x stands for 2 x.
    template <Family family>
    STEEPEST_INLINE void advance(Index k, const Group& x, Group& hi, Group& lo, Group& hi_before,
                                 Group& lo_before) {
        if constexpr (family == Family::monomial) {
            add_products(k + 1, x, hi, lo, hi, lo);
            return;
        }
        Group q, r;
        add_products(k + 1, x, hi, lo, q, r);
        for (int v = 0; v < moment_vectors; ++v) {
            Vec<double> next, next_lo;
            if constexpr (family == Family::chebyshev) {
                next = q[v] - hi_before[v];  // on one grid: exact
                next_lo = r[v] - lo_before[v];
            } else {
                const Vec<double> a = splat(basis_.a[k]), c = splat(basis_.c[k]);
                Vec<double> big = splat(big_.data()[k + 1]), big_before = big, q_before, r_before, rest;
                add_on_grid(big, q[v], a, next, rest);
                add_on_grid(big_before, hi_before[v], c, q_before, r_before);
                next = next - q_before;
                next_lo = fma(r[v], a, rest) - fma(lo_before[v], c, r_before);
            }
            hi_before[v] = hi[v];
            lo_before[v] = lo[v];
            hi[v] = next;
            lo[v] = next_lo;
        }
    }

    // The sums of 2 x p_k are halved.
    void keep_chunk(bool doubled) {
        for (Index k = 0; k < count_; ++k) {
            const double unit = doubled && k >= 2 && k <= 2 * degree_ ? 0.5 : 1.0;
            const Lanes<double>* sum = sums_.data() + 2 * k;
            DoubleDoubleLanes& total = totals_[static_cast<std::size_t>(k)];
            for (int p = 0; p < Lanes<double>::parts; ++p) {
                const auto hi = two_sum(total.hi.part[p], unit * (sum[0].part[p] - big_.data()[k]));
                total.hi.part[p] = hi.hi;
                total.lo.part[p] += fma(splat(unit), sum[1].part[p], hi.lo);
            }
        }
    }

    PolynomialBasis basis_;
    Index degree_, count_;  // nu_0 ... nu_2L, T_0 ... T_L, Y
    bool chebyshev_;
    double x_bound_ = -1, y_bound_ = -1, w_bound_ = -1;
    double ones_ = 0;             // the number of points without a weight
    Buffer<double> big_;          // (count,): the grid of each
    Buffer<Lanes<double>> sums_;  // (count, 2): of the chunk, on the grid and beside it
    std::vector<DoubleDoubleLanes> totals_;
};

// Parts of some 2^16 points are summed apart, shared out among up to n_threads threads, and added in order:
// the bits don't depend on their number.
template <class T>
Moments polynomial_moments(const PolynomialBasis& basis, Index degree, const PolynomialUnits& units,
                           const T* x, const T* y, const T* w, Index n,  // (n,); w may be nullptr
                           int n_threads, Interrupt* interrupt) {
    constexpr Index part = 64 * PolynomialMomentSums::chunk;
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

// The same of K targets for each point: what only x makes is the same for all of them.
inline Moments joined(const std::vector<Moments>& single) {
    const auto outputs = static_cast<Index>(single.size());
    const Moments& first = single.front();
    Moments all(first.features, outputs, first.first_weight, first.scale / static_cast<double>(outputs));
    all.weight = first.weight;
    all.gram = first.gram;
    for (Index k = 0; k < outputs; ++k) {
        const Moments& one = single[static_cast<std::size_t>(k)];
        for (Index j = 0; j < all.features; ++j) all.t(k, j) = one.t(0, j);
        all.square[static_cast<std::size_t>(k)] = one.square[0];
        all.variation[static_cast<std::size_t>(k)] = one.variation[0];
    }
    return all;
}

}  // namespace steepest::STEEPEST_ISA
