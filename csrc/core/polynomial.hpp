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

using PointGroup = Vec<double>[polynomial_parts];

template <class T>
STEEPEST_INLINE void load_group(const T* p, PointGroup& group) {
    for (int v = 0; v < polynomial_parts; ++v) group[v] = load_wide(p + v * width<double>);
}

// The basis at a group of points, one degree after the other: visit(k, p_k).
template <class Visit>
STEEPEST_INLINE void visit_basis(const PolynomialBasis& basis, Index degree, const PointGroup& x,
                                 Visit&& visit) {
    PointGroup p, previous;
    for (int v = 0; v < polynomial_parts; ++v) {
        previous[v] = Vec<double>{};
        p[v] = Vec<double>{} + 1.0;
    }
    visit(0, p);
    for (Index k = 0; k < degree; ++k) {
        const Vec<double> a = splat(basis.a[k]), b = splat(basis.b[k]), c = splat(-basis.c[k]);
        for (int v = 0; v < polynomial_parts; ++v) {
            const Vec<double> next = fma(c, previous[v], fma(a, x[v], b) * p[v]);
            previous[v] = p[v];
            p[v] = next;
        }
        visit(k + 1, p);
    }
}

STEEPEST_INLINE void polynomial_values(const PolynomialBasis& basis, Index degree, const double* theta,
                                       const PointGroup& x, PointGroup& f) {
    if (basis.monomial) {  // Horner
        for (int v = 0; v < polynomial_parts; ++v) f[v] = splat(theta[degree]);
        for (Index k = degree - 1; k >= 0; --k)
            for (int v = 0; v < polynomial_parts; ++v) f[v] = fma(f[v], x[v], splat(theta[k]));
        return;
    }
    for (int v = 0; v < polynomial_parts; ++v) f[v] = Vec<double>{};
    visit_basis(basis, degree, x, [&](Index k, const PointGroup& p) {
        for (int v = 0; v < polynomial_parts; ++v) f[v] = fma(splat(theta[k]), p[v], f[v]);
    });
}

// sums[k] += sum over the group of r p_k: the two halves, twice, then the lanes that stay in the accumulator.
STEEPEST_INLINE void add_group(const PointGroup& terms, Lanes<double>& sum) {
    constexpr int parts = Lanes<double>::parts;
    for (int p = 0; p < parts; ++p)
        sum.part[p] += (terms[p] + terms[parts + p]) + (terms[2 * parts + p] + terms[3 * parts + p]);
}

STEEPEST_INLINE void add_basis_moments(const PolynomialBasis& basis, Index degree, const PointGroup& x,
                                       const PointGroup& r, Lanes<double>* sums) {
    PointGroup terms;
    if (basis.monomial) {
        for (int v = 0; v < polynomial_parts; ++v) terms[v] = r[v];
        add_group(terms, sums[0]);
        for (Index k = 1; k <= degree; ++k) {
            for (int v = 0; v < polynomial_parts; ++v) terms[v] *= x[v];
            add_group(terms, sums[k]);
        }
        return;
    }
    visit_basis(basis, degree, x, [&](Index k, const PointGroup& p) {
        for (int v = 0; v < polynomial_parts; ++v) terms[v] = r[v] * p[v];
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

// Adds sum w (f - y)^2 and, if `moments`, sum w (f - y) p_k over n points.
template <class T>
void polynomial_residual_moments(const PolynomialBasis& basis, Index degree,
                                 const double* theta,                          // (degree + 1,)
                                 const T* x, const T* y, const T* w, Index n,  // (n,) each; w may be nullptr
                                 bool moments, PolynomialSums& sums) {
    PointGroup points, target, weight, r, weighted;
    for (Index i = 0; i < n; i += polynomial_group) {
        const Index count = n - i < polynomial_group ? n - i : polynomial_group;
        const T *x_group = x + i, *y_group = y + i, *w_group = w ? w + i : nullptr;
        T x_tail[polynomial_group] = {}, y_tail[polynomial_group] = {}, w_tail[polynomial_group] = {};
        if (count < polynomial_group) {  // the missing points get weight 0
            const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
            std::memcpy(x_tail, x_group, bytes);
            std::memcpy(y_tail, y_group, bytes);
            for (Index j = 0; j < count; ++j) w_tail[j] = w ? w_group[j] : T(1);
            x_group = x_tail;
            y_group = y_tail;
            w_group = w_tail;
        }
        load_group(x_group, points);
        load_group(y_group, target);
        polynomial_values(basis, degree, theta, points, r);
        for (int v = 0; v < polynomial_parts; ++v) r[v] -= target[v];
        if (w_group) {
            load_group(w_group, weight);
            for (int v = 0; v < polynomial_parts; ++v) weighted[v] = weight[v] * r[v];
        } else {
            for (int v = 0; v < polynomial_parts; ++v) weighted[v] = r[v];
        }
        if (moments) add_basis_moments(basis, degree, points, weighted, sums.lanes_of.data());
        for (int v = 0; v < polynomial_parts; ++v) r[v] *= weighted[v];
        add_group(r, sums.lanes_of.data()[degree + 1]);
    }
}

}  // namespace steepest::STEEPEST_ISA
