// exp, expm1, log, log1p, tanh, logistic and cosine, on vectors and scalars, in place of libm's: libm picks
// its code by CPU and version, so that its last bits differ between machines. Errors are a few units in the
// last place.
#pragma once

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
struct MathConstants;
template <>
struct MathConstants<float> {
    static constexpr float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float round_magic = 12582912.0f;            // 1.5 * 2^23
    static constexpr float exp_low = -104.0f, exp_high = 89.0f;  // exp is 0 and inf beyond
    static constexpr int mantissa_bits = 23, bias = 127, exp_degree = 7;
};
template <>
struct MathConstants<double> {
    static constexpr double log2e = 1.4426950408889634074, ln2_high = 6.93147180369123816490e-01,
                            ln2_low = 1.90821492927058770002e-10;
    static constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double exp_low = -746.0, exp_high = 710.0;
    static constexpr int mantissa_bits = 52, bias = 1023, exp_degree = 13;
};

template <class V>
struct VectorTraits;
template <>
struct VectorTraits<Vec<float>> {
    using Scalar = float;
    using Integer = typename VectorType<std::int32_t, vector_bytes>::type;
};
template <>
struct VectorTraits<Vec<double>> {
    using Scalar = double;
    using Integer = typename VectorType<std::int64_t, vector_bytes>::type;
};

// 2^n for integers n in the exponent's range, as vector.
template <class V>
STEEPEST_INLINE V power_of_two(typename VectorTraits<V>::Integer n) {
    using C = MathConstants<typename VectorTraits<V>::Scalar>;
    return (V)((n + C::bias) << C::mantissa_bits);
}

// x = n ln 2 + r with |r| <= ln(2)/2; e^r - 1 = r + r^2 (1/2! + r/3! + ...), Taylor's series to the last bit.
template <class V>
struct ReducedExp {
    typename VectorTraits<V>::Integer n;
    V expm1_r;
};

template <class V>
STEEPEST_INLINE ReducedExp<V> reduce_exp(V x) {
    using T = typename VectorTraits<V>::Scalar;
    using C = MathConstants<T>;
    // Selected so that NaN stays NaN: a comparison with it is false.
    x = x < C::exp_low ? V{} + C::exp_low : x;
    x = x > C::exp_high ? V{} + C::exp_high : x;
    V shifted = fma(x, V{} + C::log2e, V{} + C::round_magic);
    V n = shifted - C::round_magic;
    V r = fma(n, V{} - C::ln2_high, x);
    r = fma(n, V{} - C::ln2_low, r);
    constexpr T inverse_factorial[14] = {T(1),
                                         T(1),
                                         T(1) / 2,
                                         T(1) / 6,
                                         T(1) / 24,
                                         T(1) / 120,
                                         T(1) / 720,
                                         T(1) / 5040,
                                         T(1) / 40320,
                                         T(1) / 362880,
                                         T(1) / 3628800,
                                         T(1) / 39916800,
                                         T(1) / 479001600,
                                         T(1) / T(6227020800.0)};
    V series = V{} + inverse_factorial[C::exp_degree];
    for (int k = C::exp_degree - 1; k >= 2; --k) series = fma(series, r, V{} + inverse_factorial[k]);
    // The low bits of n + 1.5 * 2^m hold n as an integer.
    auto integer = (typename VectorTraits<V>::Integer)shifted -
                   (typename VectorTraits<V>::Integer)(V{} + C::round_magic);
    return {integer, fma(r * r, series, r)};
}

template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V exp(V x) {
    auto reduced = reduce_exp(x);
    // In two factors: 2^n alone overflows before e^x does, and subnormal results need n below the exponent's
    // range.
    auto half = reduced.n >> 1;
    return (reduced.expm1_r + 1) * power_of_two<V>(half) * power_of_two<V>(reduced.n - half);
}

// e^x - 1, accurate near 0; for x <= 0 (where tanh needs it) and moderate x > 0.
template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V expm1(V x) {
    using C = MathConstants<typename VectorTraits<V>::Scalar>;
    x = x < C::exp_low / 2 ? V{} + C::exp_low / 2 : x;  // -1 to the last bit from there on
    auto reduced = reduce_exp(x);
    V scale = power_of_two<V>(reduced.n);
    return fma(reduced.expm1_r, scale, scale - 1);
}

// tanh x = -e / (2 + e) with e = expm1(-2|x|): no cancellation near 0, no overflow far away.
template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V tanh(V x) {
    V magnitude = x < 0 ? -x : x;
    V e = expm1(-2 * magnitude);
    V t = -e / (e + 2);
    using Integer = typename VectorTraits<V>::Integer;
    const Integer sign_bit = (Integer)(V{} * -1);                    // -0.0
    return (V)(((Integer)t & ~sign_bit) | ((Integer)x & sign_bit));  // x's sign, that of a zero too
}

template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V logistic(V x) {
    return 1 / (exp(-x) + 1);
}

// Scalars go through a vector: the same code, so the same bits.
template <class T>
    requires(std::is_floating_point_v<T>)
inline T exp(T x) {
    return exp(Vec<T>{} + x)[0];
}
template <class T>
    requires(std::is_floating_point_v<T>)
inline T logistic(T x) {
    return logistic(Vec<T>{} + x)[0];
}

// 2 atanh(s) = log((1+s)/(1-s)), |s| <= 1/3: odd series in s, to the last bit. Doubles, one or a vector.
template <class V>
STEEPEST_INLINE V twice_atanh(V s) {
    V square = s * s, series{};
    for (int k = 17; k >= 1; --k) series = fma(series, square, V{} + 1.0 / (2 * k + 1));
    return 2.0 * fma(s * square, series, s);
}

// log(1 + u) for u in [0, 1], with full relative accuracy.
template <class V>
STEEPEST_INLINE V log1p_unit(V u) {
    return twice_atanh(u / (2.0 + u));
}

// log x for positive normal numbers x: mantissa m in (1/sqrt(2), sqrt(2)] and exponent e, log x = e ln 2 +
// log m. NaN and inf become NaN.
STEEPEST_INLINE Vec<double> log_of_normal(Vec<double> x) {
    using Integer = VectorTraits<Vec<double>>::Integer;
    using C = MathConstants<double>;
    const Integer bits = (Integer)x;
    Vec<double> m = (Vec<double>)((bits & 0x000fffffffffffffLL) | 0x3ff0000000000000LL);
    Vec<double> exponent = __builtin_convertvector((bits >> 52) - 1023, Vec<double>);
    const auto above = m > 1.4142135623730951;
    m = above ? 0.5 * m : m;
    exponent = above ? exponent + 1 : exponent;
    const Vec<double> series = twice_atanh((m - 1) / (m + 1)) + (x - x);
    return fma(exponent, Vec<double>{} + C::ln2_high, fma(exponent, Vec<double>{} + C::ln2_low, series));
}

// log x for positive x; NaN stays NaN, log 0 = -inf, log inf = inf.
inline double log(double x) {
    if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
    if (x > 1.7976931348623157e308) return x;
    int exponent = 0;
    if (x < 2.2250738585072014e-308) {  // subnormal
        x *= 18014398509481984.0;       // 2^54
        exponent = -54;
    }
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    exponent += static_cast<int>(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
    double m;
    std::memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent += 1;
    }
    double series = twice_atanh((m - 1) / (m + 1));
    using C = MathConstants<double>;
    return fma(static_cast<double>(exponent), C::ln2_high,
               fma(static_cast<double>(exponent), C::ln2_low, series));
}

// sin(pi u) for |u| <= 1/2, by Taylor's series.
inline double sin_pi(double u) {
    double y = 3.14159265358979323846 * u;
    double square = y * y, series = 0.0;
    constexpr double inverse_factorial[12] = {1.0 / 6.0,
                                              1.0 / 120.0,
                                              1.0 / 5040.0,
                                              1.0 / 362880.0,
                                              1.0 / 39916800.0,
                                              1.0 / 6227020800.0,
                                              1.0 / 1307674368000.0,
                                              1.0 / 355687428096000.0,
                                              1.0 / 121645100408832000.0,
                                              1.0 / 51090942171709440000.0,
                                              1.0 / 25852016738884976640000.0,
                                              1.0 / 15511210043330985984000000.0};
    for (int k = 11; k >= 0; --k) series = fma(series, -square, inverse_factorial[k]);
    return fma(-square * y, series, y);
}

// cos(pi u) for u in [0, 1].
inline double cos_pi(double u) {
    return sin_pi(0.5 - u);
}

// base^n by squaring: no rounding that depends on a library.
inline double power(double base, Index n) {
    double result = 1.0;
    for (; n > 0; n >>= 1) {
        if (n & 1) result *= base;
        base *= base;
    }
    return result;
}

// base^n for one n after the other, as base^(n - n mod 64) base^(n mod 64): the same number for the same n,
// whatever was asked before, and most of the time one product.
class Powers {
  public:
    explicit Powers(double base = 0) : base_(base) {}

    double operator()(Index n) {
        const Index high = n / count;
        if (high != high_) {
            if (high_ < 0)
                for (Index i = 0; i < count; ++i) low_powers_[i] = power(base_, i);
            high_ = high;
            high_power_ = power(base_, high * count);
        }
        return high_power_ * low_powers_[n % count];
    }
    static double once(double base, Index n) {
        return power(base, n / count * count) * power(base, n % count);
    }

  private:
    static constexpr Index count = 64;
    double base_, high_power_ = 1, low_powers_[count];
    Index high_ = -1;
};

}  // namespace steepest::STEEPEST_ISA
