// Vectors: the hardware's (Vec), and the fixed number of virtual lanes (Lanes) that every reduction uses.
//
// Bits. A reduction adds in `lanes<T>` virtual lanes whatever the hardware's width, and combines them in one
// fixed tree. Elementwise code and matrix products have no such freedom to begin with. Together with explicit
// fused multiply-adds (the build turns contraction off) this gives the same bits on AVX2, AVX-512 and NEON.
// The baseline x86-64 has no fused multiply-add; there a product is rounded before it is added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX2__) || defined(__SSE4_1__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef STEEPEST_ISA
#define STEEPEST_ISA baseline
#endif

namespace steepest::STEEPEST_ISA {

using Index = std::int64_t;

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 32;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

#define STEEPEST_INLINE inline __attribute__((always_inline))

// Virtual lanes: 64 bytes, that is 16 floats or 8 doubles, on every instruction set. Rows of parameters and
// activations are padded to a multiple of this, so that no kernel has a tail.
inline constexpr int lane_bytes = 64;
template <class T>
inline constexpr int lanes = lane_bytes / static_cast<int>(sizeof(T));

template <class T>
constexpr Index padded(Index n) {
    return (n + lanes<T> - 1) / lanes<T> * lanes<T>;
}

template <class T, int Bytes>
struct VectorType {
    typedef T type __attribute__((vector_size(Bytes)));
};
template <class T>
using Vec = typename VectorType<T, vector_bytes>::type;
template <class T>
inline constexpr int width = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
STEEPEST_INLINE Vec<T> load(const T* p) {
    Vec<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T>
STEEPEST_INLINE void store(T* p, Vec<T> v) {
    std::memcpy(p, &v, sizeof v);
}
template <class T>
STEEPEST_INLINE Vec<T> splat(T x) {
    return x - Vec<T>{};  // x - 0 is x for every x, so compilers make it one broadcast
}

// a * b + c, rounded once where the hardware can.
STEEPEST_INLINE float fma(float a, float b, float c) {
    if constexpr (has_fma) return __builtin_fmaf(a, b, c);
    return a * b + c;
}
STEEPEST_INLINE double fma(double a, double b, double c) {
    if constexpr (has_fma) return __builtin_fma(a, b, c);
    return a * b + c;
}
#if defined(__AVX512F__)
STEEPEST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
STEEPEST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
STEEPEST_INLINE Vec<float> sqrt(Vec<float> a) {
    return (Vec<float>)_mm512_sqrt_ps((__m512)a);
}
STEEPEST_INLINE Vec<double> sqrt(Vec<double> a) {
    return (Vec<double>)_mm512_sqrt_pd((__m512d)a);
}
#elif defined(__AVX2__)
STEEPEST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
STEEPEST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
STEEPEST_INLINE Vec<float> sqrt(Vec<float> a) {
    return (Vec<float>)_mm256_sqrt_ps((__m256)a);
}
STEEPEST_INLINE Vec<double> sqrt(Vec<double> a) {
    return (Vec<double>)_mm256_sqrt_pd((__m256d)a);
}
#elif defined(__aarch64__)
STEEPEST_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
    return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
STEEPEST_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
    return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
STEEPEST_INLINE Vec<float> sqrt(Vec<float> a) {
    return (Vec<float>)vsqrtq_f32((float32x4_t)a);
}
STEEPEST_INLINE Vec<double> sqrt(Vec<double> a) {
    return (Vec<double>)vsqrtq_f64((float64x2_t)a);
}
#else
template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V fma(V a, V b, V c) {
    return a * b + c;
}
#if defined(__SSE4_1__)
STEEPEST_INLINE Vec<float> sqrt(Vec<float> a) {
    return (Vec<float>)_mm_sqrt_ps((__m128)a);
}
STEEPEST_INLINE Vec<double> sqrt(Vec<double> a) {
    return (Vec<double>)_mm_sqrt_pd((__m128d)a);
}
#else
template <class V>
    requires(!std::is_arithmetic_v<V>)
STEEPEST_INLINE V sqrt(V a) {
    for (unsigned i = 0; i < sizeof(V) / sizeof(a[0]); ++i)
        a[i] = sizeof(a[0]) == 4 ? __builtin_sqrtf(a[i]) : __builtin_sqrt(a[i]);
    return a;
}
#endif
#endif
STEEPEST_INLINE float sqrt(float a) {
    return __builtin_sqrtf(a);
}
STEEPEST_INLINE double sqrt(double a) {
    return __builtin_sqrt(a);
}

// max(x, 0), with NaN kept: a comparison with NaN is false, so NaN takes the branch of x.
template <class V>
STEEPEST_INLINE V relu(V x) {
    return x < 0 ? V{} : x;
}

// The Vec<double> that starts at p, widened when p is of floats.
STEEPEST_INLINE Vec<double> load_wide(const double* p) {
    return load(p);
}
STEEPEST_INLINE Vec<double> load_wide(const float* p) {
    typename VectorType<float, vector_bytes / 2>::type v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Vec<double>);
}

// The `lanes<T>` virtual lanes as hardware vectors.
template <class T>
struct Lanes {
    static constexpr int parts = lane_bytes / vector_bytes;
    Vec<T> part[parts];

    static STEEPEST_INLINE Lanes zero() {
        Lanes r;
        for (int i = 0; i < parts; ++i) r.part[i] = Vec<T>{};
        return r;
    }

    // ((l0+l1) + (l2+l3)) + ...: neighbours first, always this tree. Halves of the array are added instead of
    // neighbours (0 with n/2, 1 with n/2 + 1, ...), which is the same shape of tree and cheaper on vectors.
    STEEPEST_INLINE T sum() const {
        T lane[lanes<T>];
        std::memcpy(lane, part, sizeof lane);
        for (int half = lanes<T> / 2; half > 0; half /= 2)
            for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
        return lane[0];
    }
};

template <class T>
STEEPEST_INLINE Lanes<T> operator+(Lanes<T> a, const Lanes<T>& b) {
    for (int i = 0; i < Lanes<T>::parts; ++i) a.part[i] += b.part[i];
    return a;
}

// A sum in 4 x 8 virtual lanes of double: enough chains to hide the latency of an addition everywhere.
// term(i) gives a Vec<double> of the entries i, i+1, ...; last(i) gives entry i alone, for the tail.
// The tail's entry i goes to the lane that a longer array would have used.
template <class VectorTerm, class ScalarTerm>
STEEPEST_INLINE double sum_wide(Index n, VectorTerm&& term, ScalarTerm&& last) {
    constexpr int rows = 4, lane_count = lanes<double>, block = rows * lane_count;
    Lanes<double> sums[rows];
    for (auto& s : sums) s = Lanes<double>::zero();
    Index i = 0;
    for (; i + block <= n; i += block)
        for (int r = 0; r < rows; ++r)
            for (int p = 0; p < Lanes<double>::parts; ++p)
                sums[r].part[p] += term(i + r * lane_count + p * width<double>);
    if (i < n) {
        double tail[block];
        for (int j = 0; j < block; ++j) tail[j] = i + j < n ? last(i + j) : 0.0;
        for (int r = 0; r < rows; ++r)
            for (int p = 0; p < Lanes<double>::parts; ++p)
                sums[r].part[p] += load(tail + r * lane_count + p * width<double>);
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
}

// Sum of squares in double, for norms and penalties.
template <class T>
double sum_of_squares(const T* x, Index n) {
    return sum_wide(
        n,
        [&](Index i) {
            auto v = load_wide(x + i);
            return v * v;
        },
        [&](Index i) {
            double v = x[i];
            return v * v;
        });
}

// Largest magnitude; NaN if any entry is NaN.
template <class T>
double largest_magnitude(const T* x, Index n) {
    double largest = 0.0;
    for (Index i = 0; i < n; ++i) {
        double magnitude = x[i] < 0 ? -static_cast<double>(x[i]) : static_cast<double>(x[i]);
        if (!(magnitude <= largest)) largest = magnitude;
        if (largest != largest) return largest;
    }
    return largest;
}

// Whether every entry is finite: x - x is 0 for finite x only, and NaN spreads through a sum.
template <class T>
bool all_finite(const T* x, Index n) {
    Vec<T> spread{};
    Index i = 0;
    for (; i + width<T> <= n; i += width<T>) {
        Vec<T> v = load(x + i);
        spread += v - v;
    }
    T rest = 0;
    for (; i < n; ++i) rest += x[i] - x[i];
    for (int j = 0; j < width<T>; ++j) rest += spread[j];
    return rest == 0;
}

}  // namespace steepest::STEEPEST_ISA
