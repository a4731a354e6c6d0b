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
#include <utility>

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

// f(0), ..., f(N - 1), each a copy of its own: so that arrays which f indexes can live in registers.
template <int N, class F>
STEEPEST_INLINE void unrolled(F&& f) {
    [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
        (f(std::integral_constant<int, I>{}), ...);
    }(std::make_integer_sequence<int, N>{});
}

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
// The first n < width entries from p on, and zeros; nothing beyond them is touched.
STEEPEST_INLINE Vec<float> load_first(const float* p, Index n) {
#if defined(__AVX512F__)
    return (Vec<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
    Vec<float> v{};
    std::memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(float));
    return v;
#endif
}
STEEPEST_INLINE Vec<double> load_first(const double* p, Index n) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p);
#else
    Vec<double> v{};
    std::memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(double));
    return v;
#endif
}

// For data that are read from end to end, a vector at a time: 8 KB ahead, for the hardware prefetches less
// far and no further than to the end of a page.
template <class T>
STEEPEST_INLINE void prefetch_ahead(const T* p) {
    __builtin_prefetch(reinterpret_cast<const char*>(p) + 8192);
}

template <class T>
STEEPEST_INLINE Vec<T> splat(T x) {
    return x - Vec<T>{};  // x - 0 is x for every x, so compilers make it one broadcast
}

// 0, 1, 2, ...
template <class T>
STEEPEST_INLINE Vec<T> counting() {
    Vec<T> v{};
    for (int i = 0; i < width<T>; ++i) v[i] = static_cast<T>(i);
    return v;
}

// The first n entries of v, and `otherwise` in place of the rest.
template <class T>
STEEPEST_INLINE Vec<T> first_entries(Vec<T> v, Index n, T otherwise) {
    return counting<T>() < splat(static_cast<T>(n)) ? v : splat(otherwise);
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

// Half a vector of floats as a vector of doubles.
using HalfFloats = typename VectorType<float, vector_bytes / 2>::type;
STEEPEST_INLINE Vec<double> widen(HalfFloats v) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_cvtps_pd((__m256)v);
#elif defined(__AVX2__)
    return (Vec<double>)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, Vec<double>);
#endif
}

// The Vec<double> that starts at p, widened when p is of floats.
STEEPEST_INLINE Vec<double> load_wide(const double* p) {
    return load(p);
}
STEEPEST_INLINE Vec<double> load_wide(const float* p) {
    HalfFloats v;
    std::memcpy(&v, p, sizeof v);
    return widen(v);
}

// Shuffles of two vectors by a rule that is known at compile time: entry x is the rule's pick(x) out of a's
// entries (0 ... n-1) and b's (n ... 2n-1).
template <class V, class Pick, std::size_t... X>
STEEPEST_INLINE auto shuffle(V a, V b, Pick, std::index_sequence<X...>) {
    return __builtin_shufflevector(a, b, Pick{}(static_cast<int>(X))...);
}

// Entry i of the first half plus entry i of the second, until one is left.
template <class V>
STEEPEST_INLINE auto sum_entries(V v) {
    constexpr std::size_t half = sizeof(V) / sizeof(v[0]) / 2;
    if constexpr (half == 1) {
        return v[0] + v[1];
    } else {
        constexpr auto entries = std::make_index_sequence<half>{};
        return sum_entries(shuffle(
                               v, v, [](int x) { return x; }, entries) +
                           shuffle(v, v, [](int x) { return x + static_cast<int>(half); }, entries));
    }
}

// max(most, |v|), entry by entry; NaN may or may not be found.
STEEPEST_INLINE Vec<double> larger_magnitude(Vec<double> most, Vec<double> v) {
#if defined(__AVX512F__)
    return (Vec<double>)_mm512_max_pd((__m512d)most, _mm512_abs_pd((__m512d)v));
#elif defined(__AVX2__)
    return (Vec<double>)_mm256_max_pd((__m256d)most, _mm256_andnot_pd(_mm256_set1_pd(-0.0), (__m256d)v));
#else
    const Vec<double> magnitude = v < 0 ? -v : v;
    return magnitude > most ? magnitude : most;
#endif
}

// The largest entry, whatever its place; NaN may or may not be found.
template <class V>
STEEPEST_INLINE auto largest_entry(V v) {
    constexpr std::size_t half = sizeof(V) / sizeof(v[0]) / 2;
    if constexpr (half == 1) {
        return v[0] > v[1] ? v[0] : v[1];
    } else {
        constexpr auto entries = std::make_index_sequence<half>{};
        const auto a = shuffle(v, v, [](int x) { return x; }, entries);
        const auto b = shuffle(v, v, [](int x) { return x + static_cast<int>(half); }, entries);
        return largest_entry(a > b ? a : b);
    }
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

    // The first halvings of the tree of sum(), down to one hardware vector.
    STEEPEST_INLINE Vec<T> folded() const {
        Lanes r = *this;
        for (int half = parts / 2; half > 0; half /= 2)
            for (int i = 0; i < half; ++i) r.part[i] += r.part[i + half];
        return r.part[0];
    }

    // Lane i with lane i + n/2, then with i + n/4, ...: always this tree.
    STEEPEST_INLINE T sum() const { return sum_entries(folded()); }
};

// The sums of width<T> lane blocks as one vector, each by the tree of Lanes::sum. A stage halves two vectors
// at once, into the two halves of one.
template <class T, int Group = width<T>>
STEEPEST_INLINE void fold_groups(Vec<T>* v) {  // vectors of Group lanes for each of width / Group rows
    if constexpr (Group > 1) {
        constexpr int n = width<T>, half = Group / 2;
        constexpr auto entries = std::make_index_sequence<n>{};
        auto lower = [](int x) { return x / half * Group + x % half; };  // beyond n: the second vector
        auto upper = [](int x) { return x / half * Group + x % half + half; };
        unrolled<half>([&](int i) __attribute__((always_inline)) {
            v[i] = shuffle(v[2 * i], v[2 * i + 1], lower, entries) +
                   shuffle(v[2 * i], v[2 * i + 1], upper, entries);
        });
        fold_groups<T, half>(v);
    }
}
template <class T>
STEEPEST_INLINE Vec<T> sums(const Lanes<T>* rows) {  // (width<T>,)
    Vec<T> v[width<T>];
    unrolled<width<T>>([&](int r) __attribute__((always_inline)) { v[r] = rows[r].folded(); });
    fold_groups<T>(v);
    return v[0];
}

// Adds the entries of a vector of floats or doubles, entry k of a row, to the double lanes k mod 8.
STEEPEST_INLINE void add_wide(Lanes<double>& sum, Index k, Vec<double> v) {
    sum.part[k / width<double> % Lanes<double>::parts] += v;
}
STEEPEST_INLINE void add_wide(Lanes<double>& sum, Index k, Vec<float> v) {
    constexpr int half = width<double>;
    constexpr auto entries = std::make_index_sequence<half>{};
    add_wide(sum, k, widen(shuffle(v, v, [](int x) { return x; }, entries)));
    add_wide(sum, k + half, widen(shuffle(v, v, [](int x) { return x + half; }, entries)));
}

// The transpose of a square of width<T> vectors, in place: 2 x 2 blocks of one entry, then of two, ...
template <class T, int Block = 1>
STEEPEST_INLINE void transpose_square(Vec<T>* v) {
    if constexpr (Block < width<T>) {
        constexpr int n = width<T>;
        constexpr auto entries = std::make_index_sequence<n>{};
        auto left = [](int x) { return x & Block ? n + x - Block : x; };
        auto right = [](int x) { return x & Block ? n + x : x + Block; };
        unrolled<n>([&](int i) __attribute__((always_inline)) {
            if (i & Block) return;
            const Vec<T> a = v[i], b = v[i + Block];
            v[i] = shuffle(a, b, left, entries);
            v[i + Block] = shuffle(a, b, right, entries);
        });
        transpose_square<T, 2 * Block>(v);
    }
}

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

inline double sum(const double* x, Index n) {
    return sum_wide(n, [&](Index i) { return load(x + i); }, [&](Index i) { return x[i]; });
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

// Sum of magnitudes in double.
template <class T>
double sum_of_magnitudes(const T* x, Index n) {
    return sum_wide(
        n,
        [&](Index i) {
            auto v = load_wide(x + i);
            return v < 0 ? -v : v;
        },
        [&](Index i) {
            double v = x[i];
            return v < 0 ? -v : v;
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

// Of two parts of a vector, their sums of squares added up, or the larger of their largest magnitudes; NaN if
// one is.
inline double joined(double size, double of_part, bool largest) {
    if (!largest) return size + of_part;
    return of_part <= size || size != size ? size : of_part;
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
