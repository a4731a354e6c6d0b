// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011). A draw is a pure
// function of (seed, stream, index, position): no state to carry or to share.
//
// Block b of (seed, stream, index) has the counter (b, index mod 2^32, index div 2^32, stream) and the key
// (seed mod 2^32, seed div 2^32). Draws come from groups of 8 blocks, in the order of vectors: the first
// words of all 8, then their second words, and so on.
#pragma once

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

enum class Stream : std::uint32_t { shuffle = 1, dropout = 2 };

// 64-bit lanes whose low halves hold 32-bit numbers; what is in the high halves doesn't matter.
using WordLanes = Vec<std::uint64_t>;

// The product of the low halves, in full.
STEEPEST_INLINE WordLanes multiply_words(WordLanes a, WordLanes b) {
#if defined(__AVX512F__)
    return (WordLanes)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (WordLanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE4_1__)
    return (WordLanes)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    constexpr std::uint64_t low = 0xffffffffULL;
    return (a & low) * (b & low);
#endif
}

inline constexpr int philox_group = 8;                 // blocks
inline constexpr int philox_draws = 4 * philox_group;  // draws

// The draws of the blocks first ... first + 7.
inline void philox(std::uint64_t seed, std::uint32_t stream, std::uint64_t index, std::uint32_t first,
                   std::uint32_t* draws) {
    constexpr int lane_count = width<std::uint64_t>;
    constexpr std::uint64_t low = 0xffffffffULL;
    for (int part = 0; part < philox_group; part += lane_count) {
        WordLanes c0 = counting<std::uint64_t>() + (first + static_cast<std::uint64_t>(part)),
                  c1 = WordLanes{} + (index & low), c2 = WordLanes{} + (index >> 32),
                  c3 = WordLanes{} + stream;
        std::uint64_t k0 = seed & low, k1 = seed >> 32;
        for (int round = 0; round < 10; ++round) {
            const WordLanes p0 = multiply_words(c0, WordLanes{} + 0xD2511F53ULL);
            const WordLanes p1 = multiply_words(c2, WordLanes{} + 0xCD9E8D57ULL);
            c0 = (p1 >> 32) ^ c1 ^ k0;
            c2 = (p0 >> 32) ^ c3 ^ k1;
            c1 = p1;
            c3 = p0;
            k0 = (k0 + 0x9E3779B9ULL) & low;
            k1 = (k1 + 0xBB67AE85ULL) & low;
        }
        for (int l = 0; l < lane_count; ++l) {
            draws[part + l] = static_cast<std::uint32_t>(c0[l]);
            draws[philox_group + part + l] = static_cast<std::uint32_t>(c1[l]);
            draws[2 * philox_group + part + l] = static_cast<std::uint32_t>(c2[l]);
            draws[3 * philox_group + part + l] = static_cast<std::uint32_t>(c3[l]);
        }
    }
}

// `count` draws of 16 bits from number `first` on: the low half of each 32-bit draw, then its high half.
inline void random_halves(std::uint64_t seed, std::uint32_t stream, std::uint64_t index, Index first,
                          Index count, std::uint16_t* halves) {  // (count,)
    constexpr Index group = 2 * philox_draws;
    std::uint32_t draws[philox_draws];
    for (Index at = first / group * group; at < first + count; at += group) {
        philox(seed, stream, index, static_cast<std::uint32_t>(at / group * philox_group), draws);
        const Index begin = at < first ? first : at;
        const Index end = at + group < first + count ? at + group : first + count;
        if (end - begin == group)
            std::memcpy(halves + (begin - first), draws, sizeof draws);
        else
            std::memcpy(halves + (begin - first), reinterpret_cast<const char*>(draws) + 2 * (begin - at),
                        static_cast<std::size_t>(2 * (end - begin)));
    }
}

class RandomStream {
  public:
    RandomStream(std::uint64_t seed, Stream stream, std::uint64_t index)
        : seed_(seed), stream_(static_cast<std::uint32_t>(stream)), index_(index) {}

    STEEPEST_INLINE std::uint32_t next() {
        if (position_ == philox_draws) refill();
        return draws_[position_++];
    }

    // Uniform on 0 ... bound - 1, without bias: Lemire's multiply-shift with rejection (2019).
    STEEPEST_INLINE std::uint32_t below(std::uint32_t bound) {
        std::uint64_t product = static_cast<std::uint64_t>(next()) * bound;
        if (static_cast<std::uint32_t>(product) < bound) [[unlikely]] {  // only then can a rejection be due
            const std::uint32_t threshold = (0u - bound) % bound;
            while (static_cast<std::uint32_t>(product) < threshold)
                product = static_cast<std::uint64_t>(next()) * bound;
        }
        return static_cast<std::uint32_t>(product >> 32);
    }

  private:
    void refill() {
        philox(seed_, stream_, index_, first_block_, draws_);
        first_block_ += philox_group;
        position_ = 0;
    }

    std::uint64_t seed_;
    std::uint32_t stream_;
    std::uint64_t index_;
    std::uint32_t first_block_ = 0;
    int position_ = philox_draws;
    std::uint32_t draws_[philox_draws];
};

// A fresh uniform permutation of 0 ... n-1 for each (seed, epoch): Fisher and Yates, from the top.
inline void permutation(std::uint64_t seed, std::uint64_t epoch, std::uint32_t n, std::uint32_t* order) {
    for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
    RandomStream random(seed, Stream::shuffle, epoch);
    for (std::uint32_t i = n; i-- > 1;) {
        const std::uint32_t j = random.below(i + 1);
        const std::uint32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

}  // namespace steepest::STEEPEST_ISA
