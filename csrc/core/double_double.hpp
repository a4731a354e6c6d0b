// Sums of two doubles that don't overlap: some 31 digits. The error-free transformations they are made of
// (Dekker 1971, Knuth) hold for every rounding to nearest; V is double, or Vec<double> entry by entry.
#pragma once

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

template <class V = double>
struct DoubleDouble {
    V hi{}, lo{};
};

// a + b = hi + lo exactly.
template <class V>
STEEPEST_INLINE DoubleDouble<V> two_sum(V a, V b) {
    const V sum = a + b, of_b = sum - a;
    return {sum, (a - (sum - of_b)) + (b - of_b)};
}

// The same where |a| >= |b|, or a is 0.
template <class V>
STEEPEST_INLINE DoubleDouble<V> fast_two_sum(V a, V b) {
    const V sum = a + b;
    return {sum, b - (sum - a)};
}

// a b - product, where product is a b rounded; exact but for underflow.
template <class V>
STEEPEST_INLINE V product_error(V a, V b, V product) {
    if constexpr (has_fma) return fma(a, b, -product);
    // Dekker's halves of 26 bits, whose products are exact.
    const V scaled_a = a * 134217729.0, scaled_b = b * 134217729.0;
    const V a_hi = scaled_a - (scaled_a - a), b_hi = scaled_b - (scaled_b - b);
    const V a_lo = a - a_hi, b_lo = b - b_hi;
    return a_lo * b_lo - (((product - a_hi * b_hi) - a_lo * b_hi) - a_hi * b_lo);
}

// a b = hi + lo exactly.
template <class V>
STEEPEST_INLINE DoubleDouble<V> two_product(V a, V b) {
    const V product = a * b;
    return {product, product_error(a, b, product)};
}

template <class V>
STEEPEST_INLINE DoubleDouble<V> operator-(DoubleDouble<V> a) {
    return {-a.hi, -a.lo};
}

template <class V>
STEEPEST_INLINE DoubleDouble<V> operator+(DoubleDouble<V> a, DoubleDouble<V> b) {
    auto high = two_sum(a.hi, b.hi);
    const auto low = two_sum(a.lo, b.lo);
    high = fast_two_sum(high.hi, high.lo + low.hi);
    return fast_two_sum(high.hi, high.lo + low.lo);
}
template <class V>
STEEPEST_INLINE DoubleDouble<V> operator-(DoubleDouble<V> a, DoubleDouble<V> b) {
    return a + -b;
}

template <class V>
STEEPEST_INLINE DoubleDouble<V> operator*(DoubleDouble<V> a, V b) {
    const auto product = two_product(a.hi, b);
    return fast_two_sum(product.hi, fma(a.lo, b, product.lo));
}
template <class V>
STEEPEST_INLINE DoubleDouble<V> operator*(DoubleDouble<V> a, DoubleDouble<V> b) {
    const auto product = two_product(a.hi, b.hi);
    return fast_two_sum(product.hi, product.lo + fma(a.hi, b.lo, a.lo * b.hi));
}

// Long division: three quotients, each of what the ones before have left.
STEEPEST_INLINE DoubleDouble<> operator/(DoubleDouble<> a, DoubleDouble<> b) {
    const double first = a.hi / b.hi;
    a = a - b * first;
    const double second = a.hi / b.hi;
    a = a - b * second;
    const auto quotient = fast_two_sum(first, second);
    return quotient + DoubleDouble<>{a.hi / b.hi, 0.0};
}

// One step of Newton's from the double.
STEEPEST_INLINE DoubleDouble<> sqrt(DoubleDouble<> a) {
    if (!(a.hi > 0)) return {};
    const double root = sqrt(a.hi);
    const auto rest = a - two_product(root, root);
    return fast_two_sum(root, rest.hi / (2 * root));
}

// sum += a b, without the renormalisation that a single operation ends with.
template <class V>
STEEPEST_INLINE void add_product(DoubleDouble<V>& sum, DoubleDouble<V> a, V b) {
    const auto product = two_product(a.hi, b);
    const auto high = two_sum(sum.hi, product.hi);
    sum.hi = high.hi;
    sum.lo += high.lo + fma(a.lo, b, product.lo);
}

// The virtual lanes of a sum, and their total in the fixed tree of Lanes::sum.
struct DoubleDoubleLanes {
    Lanes<double> hi = Lanes<double>::zero(), lo = Lanes<double>::zero();

    DoubleDouble<> sum() const {
        constexpr int n = lanes<double>;
        double high[n], low[n];
        std::memcpy(high, hi.part, sizeof high);
        std::memcpy(low, lo.part, sizeof low);
        for (int half = n / 2; half > 0; half /= 2)
            for (int i = 0; i < half; ++i) {
                const auto sum =
                    DoubleDouble<>{high[i], low[i]} + DoubleDouble<>{high[i + half], low[i + half]};
                high[i] = sum.hi;
                low[i] = sum.lo;
            }
        return {high[0], low[0]};
    }
};

}  // namespace steepest::STEEPEST_ISA
