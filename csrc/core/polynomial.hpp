// Polynomials f(x) = sum_k theta_k p_k(x) in any basis with a three-term recurrence: prediction, loss and
// gradient, with the basis values in registers. No design matrix is ever built. Arithmetic is in double
// throughout: powers of x and sums over many points leave float's range and precision long before a user
// expects it.
#pragma once

#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// p_0 = 1, p_1 = a_0 x + b_0, p_{k+1} = (a_k x + b_k) p_k - c_k p_{k-1}. Monomials have a = 1, b = c = 0.
struct PolynomialBasis {
    bool monomial = true;
    const double* a = nullptr;  // (degree,) each
    const double* b = nullptr;
    const double* c = nullptr;
};

// The points are taken in groups of 4 x 8 virtual lanes, as in sum_wide.
inline constexpr int polynomial_rows = 4;
inline constexpr int polynomial_group = polynomial_rows * lanes<double>;
inline constexpr int polynomial_parts = polynomial_rows * Lanes<double>::parts;

// One group, or as many as registers hold: independent sums hide each other's latency. Groups are added one
// after the other, so that their number doesn't show in the bits.
inline constexpr int groups_at_once = vector_bytes == 64 ? 2 : 1;
template <int Groups>
using PointGroups = Vec<double>[Groups * polynomial_parts];
using PointGroup = PointGroups<1>;

template <class T, int N>
STEEPEST_INLINE void load_group(const T* p, Vec<double> (&group)[N]) {
    for (int v = 0; v < N; ++v) group[v] = load_wide(p + v * width<double>);
}

// The basis at a group of points, one degree after the other: visit(k, p_k).
template <int N, class Visit>
STEEPEST_INLINE void visit_basis(const PolynomialBasis& basis, Index degree, const Vec<double> (&x)[N],
                                 Visit&& visit) {
    Vec<double> p[N], previous[N];
    for (int v = 0; v < N; ++v) {
        previous[v] = Vec<double>{};
        p[v] = Vec<double>{} + 1.0;
    }
    visit(0, p);
    for (Index k = 0; k < degree; ++k) {
        const Vec<double> a = splat(basis.a[k]), b = splat(basis.b[k]), c = splat(-basis.c[k]);
        for (int v = 0; v < N; ++v) {
            const Vec<double> next = fma(c, previous[v], fma(a, x[v], b) * p[v]);
            previous[v] = p[v];
            p[v] = next;
        }
        visit(k + 1, p);
    }
}

template <int N>
STEEPEST_INLINE void polynomial_values(const PolynomialBasis& basis, Index degree, const double* theta,
                                       const Vec<double> (&x)[N], Vec<double> (&f)[N]) {
    if (basis.monomial) {  // Horner
        for (int v = 0; v < N; ++v) f[v] = splat(theta[degree]);
        for (Index k = degree - 1; k >= 0; --k)
            for (int v = 0; v < N; ++v) f[v] = fma(f[v], x[v], splat(theta[k]));
        return;
    }
    for (int v = 0; v < N; ++v) f[v] = Vec<double>{};
    visit_basis(basis, degree, x, [&](Index k, const Vec<double>(&p)[N]) {
        for (int v = 0; v < N; ++v) f[v] = fma(splat(theta[k]), p[v], f[v]);
    });
}

// sums[k] += sum over a group of r p_k: the two halves, twice, then the lanes that stay in the accumulator.
template <int N>
STEEPEST_INLINE void add_group(const Vec<double> (&terms)[N], Lanes<double>& sum) {
    constexpr int parts = Lanes<double>::parts;
    for (int g = 0; g < N; g += polynomial_parts)
        for (int p = g; p < g + parts; ++p)
            sum.part[p - g] += (terms[p] + terms[parts + p]) + (terms[2 * parts + p] + terms[3 * parts + p]);
}

template <int N>
STEEPEST_INLINE void add_basis_moments(const PolynomialBasis& basis, Index degree, const Vec<double> (&x)[N],
                                       const Vec<double> (&r)[N], Lanes<double>* sums) {
    Vec<double> terms[N];
    if (basis.monomial) {
        for (int v = 0; v < N; ++v) terms[v] = r[v];
        add_group(terms, sums[0]);
        for (Index k = 1; k <= degree; ++k) {
            for (int v = 0; v < N; ++v) terms[v] *= x[v];
            add_group(terms, sums[k]);
        }
        return;
    }
    visit_basis(basis, degree, x, [&](Index k, const Vec<double>(&p)[N]) {
        for (int v = 0; v < N; ++v) terms[v] = r[v] * p[v];
        add_group(terms, sums[k]);
    });
}

template <class T>
void polynomial_predict(const PolynomialBasis& basis, Index degree,
                        const double* theta,  // (degree + 1,)
                        const T* x, Index n,  // (n,)
                        T* f) {               // (n,)
    PointGroup points, values;
    for (Index i = 0; i < n; i += polynomial_group) {
        const Index count = n - i < polynomial_group ? n - i : polynomial_group;
        alignas(lane_bytes) double out[polynomial_group];
        T in[polynomial_group] = {};
        std::memcpy(in, x + i, static_cast<std::size_t>(count) * sizeof(T));
        load_group(in, points);
        polynomial_values(basis, degree, theta, points, values);
        for (int v = 0; v < polynomial_parts; ++v) store(out + v * width<double>, values[v]);
        for (Index j = 0; j < count; ++j) f[i + j] = static_cast<T>(out[j]);
    }
}

// Accumulators of sum w r^2 and sum w r p_k over any number of calls.
struct PolynomialSums {
    Buffer<Lanes<double>> lanes_of;  // (degree + 2,): the moments, then the squared error
    Index degree;

    explicit PolynomialSums(Index degree_) : lanes_of(degree_ + 2), degree(degree_) {}
    void clear() {
        for (Index k = 0; k < degree + 2; ++k) lanes_of.data()[k] = Lanes<double>::zero();
    }
    double moment(Index k) const { return lanes_of.data()[k].sum(); }
    double squared_error() const { return lanes_of.data()[degree + 1].sum(); }
};

// Adds sum w (f - y)^2 and, if `moments`, sum w (f - y) p_k over the next groups of points.
template <int Groups, class T>
STEEPEST_INLINE void add_residual_moments(const PolynomialBasis& basis, Index degree, const double* theta,
                                          const T* x, const T* y, const T* w, bool moments,
                                          PolynomialSums& sums) {
    PointGroups<Groups> points, target, r, weighted;
    constexpr int n = Groups * polynomial_parts;
    load_group(x, points);
    load_group(y, target);
    polynomial_values(basis, degree, theta, points, r);
    for (int v = 0; v < n; ++v) r[v] -= target[v];
    for (int v = 0; v < n; ++v) weighted[v] = w ? load_wide(w + v * width<double>) * r[v] : r[v];
    if (moments) add_basis_moments(basis, degree, points, weighted, sums.lanes_of.data());
    for (int v = 0; v < n; ++v) r[v] *= weighted[v];
    add_group(r, sums.lanes_of.data()[degree + 1]);
}

// The same over n points.
template <class T>
void polynomial_residual_moments(const PolynomialBasis& basis, Index degree,
                                 const double* theta,                          // (degree + 1,)
                                 const T* x, const T* y, const T* w, Index n,  // (n,) each; w may be nullptr
                                 bool moments, PolynomialSums& sums) {
    constexpr Index step = groups_at_once * polynomial_group;
    Index i = 0;
    for (; basis.monomial && i + step <= n; i += step)  // a recurrence fills the registers by itself
        add_residual_moments<groups_at_once>(basis, degree, theta, x + i, y + i, w ? w + i : nullptr, moments,
                                             sums);
    for (; i + polynomial_group <= n; i += polynomial_group)
        add_residual_moments<1>(basis, degree, theta, x + i, y + i, w ? w + i : nullptr, moments, sums);
    if (i < n) {
        const Index count = n - i;
        T x_tail[polynomial_group] = {}, y_tail[polynomial_group] = {}, w_tail[polynomial_group] = {};
        for (Index j = 0; j < count; ++j) {
            x_tail[j] = x[i + j];
            y_tail[j] = y[i + j];
            w_tail[j] = w ? w[i + j] : T(1);  // the missing points get weight 0
        }
        add_residual_moments<1>(basis, degree, theta, x_tail, y_tail, w_tail, moments, sums);
    }
}

}  // namespace steepest::STEEPEST_ISA
