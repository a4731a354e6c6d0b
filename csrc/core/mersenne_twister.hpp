// MT19937 (Matsumoto and Nishimura, 1998) and the shuffle that NumPy's RandomState makes of it, word for
// word: the random stream of scikit-learn's estimators.
#pragma once

#include <array>

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

class MersenneTwister {
  public:
    static constexpr int size = 624;  // words that are made together

    // Words of the key before `position` have been drawn; when all have, the next draw makes a new key.
    struct State {
        std::array<std::uint32_t, size> key{};
        int position = size;

        State() = default;
        explicit State(std::uint32_t seed) {
            for (std::uint32_t i = 0; i < size; ++i) {
                key[i] = seed;
                seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
            }
        }
    };

    explicit MersenneTwister(const State& state) : state_(state) { temper(); }

    const State& state() const { return state_; }

    STEEPEST_INLINE std::uint32_t next() {
        if (state_.position == size) renew();
        return words_[static_cast<std::size_t>(state_.position++)];
    }

    // Fisher and Yates, from the top: order[i] is swapped with order[j], j uniform on 0 ... i. For j, words
    // are cut to the bits of i, and passed over as long as they are larger than i. As no branch could be
    // foreseen, a word that is passed over swaps order[i] with itself and leaves i as it is.
    void shuffle(std::uint32_t* order, std::uint32_t n) {  // order: (n,)
        std::uint32_t i = n > 1 ? n - 1 : 0;
        while (i > 0) {
            const std::uint32_t mask = ~0u >> __builtin_clz(i),
                                least = (mask >> 1) + 1;  // the i of this mask
            while (i >= least) {
                const std::uint32_t word = next() & mask;
                const bool taken = word <= i;
                const std::uint32_t j = taken ? word : i;
                const std::uint32_t swapped = order[i];
                order[i] = order[j];
                order[j] = swapped;
                i -= taken;
            }
        }
    }

  private:
    static constexpr std::uint32_t twist(std::uint32_t high, std::uint32_t low) {
        const std::uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
        return (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0u);
    }

    // key[i + 624] = key[i + 397] ^ twist(key[i], key[i + 1]), in place.
    void renew() {
        constexpr int shift = 397;
        std::uint32_t* key = state_.key.data();
        for (int i = 0; i < size - shift; ++i) key[i] = key[i + shift] ^ twist(key[i], key[i + 1]);
        for (int i = size - shift; i < size - 1; ++i)
            key[i] = key[i + shift - size] ^ twist(key[i], key[i + 1]);
        key[size - 1] = key[shift - 1] ^ twist(key[size - 1], key[0]);
        state_.position = 0;
        temper();
    }

    void temper() {
        for (std::size_t i = 0; i < size; ++i) {
            std::uint32_t y = state_.key[i];
            y ^= y >> 11;
            y ^= (y << 7) & 0x9d2c5680u;
            y ^= (y << 15) & 0xefc60000u;
            words_[i] = y ^ (y >> 18);
        }
    }

    State state_;
    std::array<std::uint32_t, size> words_;  // the key, tempered
};

}  // namespace steepest::STEEPEST_ISA
