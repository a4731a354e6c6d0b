// Moments in another basis, and the basis in which they are simplest. Everything is in double-double: what is
// measured once, in Chebyshev polynomials T_k(v), says all about polynomials of the same degree, and of u =
// ratio v
//     p_{k+1}(u) = (a_k u + b_k) p_k - c_k p_{k-1},   p_0 = 1,
// is a combination of T_0 ... T_{k+1}, whose coefficients the recurrence itself makes.
#pragma once

#include "core/moments.hpp"

namespace steepest::STEEPEST_ISA {

// The coefficients of a polynomial in T_0, T_1, ...
using Combination = std::vector<DoubleDouble<>>;

// a x + b y, entry by entry.
inline Combination combined(DoubleDouble<> a, const Combination& x, DoubleDouble<> b, const Combination& y) {
    Combination sum(x.size());
    for (std::size_t j = 0; j < x.size(); ++j) sum[j] = a * x[j] + b * y[j];
    return sum;
}

// v p, by v T_j = (T_{j+1} + T_{|j-1|}) / 2; p has no term of the highest degree that there is room for.
inline Combination times_variable(const Combination& p) {
    Combination product(p.size());
    for (std::size_t j = 0; j < p.size(); ++j) {
        const auto half = p[j] * 0.5;
        if (j + 1 < p.size()) product[j + 1] = product[j + 1] + half;
        product[j > 0 ? j - 1 : 1 % p.size()] = product[j > 0 ? j - 1 : 1 % p.size()] + half;
    }
    return product;
}

inline DoubleDouble<> dot(const Combination& x, const Combination& y) {
    DoubleDouble<> sum{};
    for (std::size_t j = 0; j < x.size(); ++j) sum = sum + x[j] * y[j];
    return sum;
}

// G p.
inline Combination gram_times(const Moments& m, const Combination& p) {
    Combination product(p.size());
    for (Index i = 0; i < m.features; ++i)
        for (Index j = 0; j < m.features; ++j) {
            auto& entry = product[static_cast<std::size_t>(i)];
            entry = entry + m.g(i, j) * p[static_cast<std::size_t>(j)];
        }
    return product;
}

// p_{k+1} for one (a_k, b_k, c_k).
inline Combination next_polynomial(DoubleDouble<> ratio, double a, double b, double c, const Combination& p,
                                   const Combination& before) {
    return combined({1, 0}, combined(ratio * a, times_variable(p), {b, 0}, p), {-c, 0}, before);
}

inline Combination constant_one(Index features) {
    Combination one(static_cast<std::size_t>(features));
    one[0] = {1, 0};
    return one;
}

// a, b, c, of which so many are known as the data determine.
struct KnownRecurrence {
    std::vector<double> a, b, c;
};

// The recurrence of the polynomials in u that are orthonormal under the weights' mean, sum w p_i p_j =
// delta_ij sum w: the Stieltjes procedure with the moments for a scalar product. Coefficients are rounded to
// double as they are found, and the next ones are those of the polynomials that the rounded ones make. It
// ends where fewer digits than a double's are left of the next polynomial's norm, as where there are no more
// points to tell polynomials apart.
inline KnownRecurrence orthonormal_recurrence(const Moments& chebyshev, DoubleDouble<> ratio) {
    KnownRecurrence known;
    Combination p = constant_one(chebyshev.features), before(p.size());
    const DoubleDouble<> weight = chebyshev.g(0, 0);
    for (Index k = 0; k + 1 < chebyshev.features; ++k) {
        Combination next = combined(ratio, times_variable(p), {}, p);
        const Combination weighted = gram_times(chebyshev, p);
        const auto mean = dot(next, weighted) / dot(p, weighted);
        next = combined({1, 0}, next, -mean, p);
        DoubleDouble<> back{};
        if (k > 0) {
            const Combination weighted_before = gram_times(chebyshev, before);
            back = dot(next, weighted_before) / dot(before, weighted_before);
            next = combined({1, 0}, next, -back, before);
        }
        const auto square = dot(next, gram_times(chebyshev, next)) / weight;
        double size = 0;
        for (const auto& entry : next) size += entry.hi < 0 ? -entry.hi : entry.hi;
        if (!(square.hi > 1e-20 * size * size)) break;
        const auto inverse = DoubleDouble<>{1, 0} / sqrt(square);
        known.a.push_back(inverse.hi);
        known.b.push_back((-(mean * inverse)).hi);
        known.c.push_back((back * inverse).hi);
        next = next_polynomial(ratio, known.a.back(), known.b.back(), known.c.back(), p, before);
        before.swap(p);
        p.swap(next);
    }
    return known;
}

// The moments in p_0 ... p_L instead of T_0 ... T_L; a, b and c are (L,).
inline Moments in_basis(const Moments& chebyshev, DoubleDouble<> ratio, const double* a, const double* b,
                        const double* c) {
    Moments m = chebyshev;
    std::vector<Combination> basis{constant_one(m.features)};
    for (Index k = 0; k + 1 < m.features; ++k) {
        const Combination& p = basis.back();
        const Combination before = k > 0 ? basis[static_cast<std::size_t>(k - 1)] : Combination(p.size());
        basis.push_back(next_polynomial(ratio, a[k], b[k], c[k], p, before));
    }
    for (Index i = 0; i < m.features; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const Combination weighted = gram_times(chebyshev, basis[at]);
        for (Index j = 0; j <= i; ++j)
            m.g(i, j) = m.g(j, i) = dot(basis[static_cast<std::size_t>(j)], weighted);
        for (Index k = 0; k < m.outputs; ++k) {
            DoubleDouble<> sum{};
            for (Index j = 0; j < m.features; ++j)
                sum = sum + chebyshev.t(k, j) * basis[at][static_cast<std::size_t>(j)];
            m.t(k, i) = sum;
        }
    }
    return m;
}

// The moments of the same fit for what is added to theta (outputs, features): T - G theta in place of T, and
// the sum of squares at theta in place of Y.
inline Moments about(const Moments& m, const double* theta_hi, const double* theta_lo) {
    Moments rest = m;
    for (Index k = 0; k < m.outputs; ++k) {
        DoubleDouble<> change{};
        for (Index i = 0; i < m.features; ++i) {
            DoubleDouble<> product{};
            for (Index j = 0; j < m.features; ++j) {
                const Index at = k * m.features + j;
                product = product + m.g(i, j) * DoubleDouble<>{theta_hi[at], theta_lo[at]};
            }
            rest.t(k, i) = m.t(k, i) - product;
            const Index at = k * m.features + i;
            change = change + (m.t(k, i) + rest.t(k, i)) * DoubleDouble<>{theta_hi[at], theta_lo[at]};
        }
        auto& square = rest.square[static_cast<std::size_t>(k)];
        square = square - change;
    }
    return rest;
}

}  // namespace steepest::STEEPEST_ISA
