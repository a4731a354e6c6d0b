// Dropout in its inverted form (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014): in a step
// of training, a hidden unit a gives h = m a to the next layer, with m = 0 with probability p and 1 / (1 - p)
// otherwise, so that h has the mean a. Outside of training nothing is dropped.
//
// The masks are a pure function of seed, step, layer, row and unit: that of row i of the batch and unit j of
// n is decided by the 16-bit draw i n + j of (seed, a stream of the layer's own, step). So they are the same
// whatever the threads and blocks, and nothing needs to be kept but the draws of a block.
#pragma once

#include <vector>

#include "core/activations.hpp"
#include "core/random.hpp"

namespace steepest::STEEPEST_ISA {

// p as a number of 65536ths: the nearest that is neither never nor always. 1 / (1 - p) is that of this p, so
// that the mean is exact.
struct DropoutRate {
    static constexpr int one = 65536;

    std::int32_t dropped = 0;

    static DropoutRate nearest(double p) {
        if (p == 0) return {};
        const double parts = p * one + 0.5;
        return {parts < 1 ? 1 : parts >= one ? one - 1 : static_cast<std::int32_t>(parts)};
    }
    explicit operator bool() const { return dropped > 0; }
    double kept() const { return static_cast<double>(one - dropped) / one; }
};

struct DropoutConfig {
    std::vector<DropoutRate> rates = {};  // one for each hidden layer, or none at all
    std::uint64_t seed = 0;
    Index first_step = 0;
};

// The draws of n units in `count` rows of the batch, from row `first` on.
inline void dropout_draws(std::uint64_t seed, Index hidden_layer, Index step, Index first, Index count,
                          Index n, std::uint16_t* draws) {  // (count, n)
    const auto stream =
        static_cast<std::uint32_t>(Stream::dropout) + (static_cast<std::uint32_t>(hidden_layer) << 16);
    random_halves(seed, stream, static_cast<std::uint64_t>(step), first * n, count * n, draws);
}

// f(i, j, kept) for each vector of units; kept is all ones where a unit stays.
template <class T, class F>
STEEPEST_INLINE void for_kept(DropoutRate rate, const std::uint16_t* draws, Index rows, Index n, F&& f) {
    typedef std::uint16_t Halves __attribute__((vector_size(2 * width<T>)));
    const auto dropped = splat(static_cast<Bits<T>>(rate.dropped));
    for (Index i = 0; i < rows; ++i, draws += n)
        for (Index j = 0; j < n; j += width<T>) {
            Halves halves{};
            if (j + width<T> <= n)
                std::memcpy(&halves, draws + j, sizeof halves);
            else
                std::memcpy(&halves, draws + j, static_cast<std::size_t>(n - j) * sizeof(std::uint16_t));
            f(i, j, __builtin_convertvector(halves, Vec<Bits<T>>) >= dropped);
        }
}

// h = m a in place; padding stays 0.
template <class T>
void dropout_forward(DropoutRate rate, const std::uint16_t* draws, Index rows, Index n, T* a,
                     Index stride) {  // (rows, n)
    const Vec<T> scale = splat(static_cast<T>(1 / rate.kept()));
    for_kept<T>(rate, draws, rows, n, [&](Index i, Index j, auto kept) __attribute__((always_inline)) {
        T* at = a + i * stride + j;
        store(at, kept ? load(at) * scale : Vec<T>{});
    });
}

// d_z = d_h m a'(z) in place of d_h, with a = (1 - p) h where a unit was kept.
template <class T>
void dropout_backward(DropoutRate rate, Activation activation, const std::uint16_t* draws, Index rows,
                      Index n, const T* h, T* d, Index stride) {  // (rows, n) each
    const Vec<T> scale = splat(static_cast<T>(1 / rate.kept())), inverse = splat(static_cast<T>(rate.kept()));
    with_activation(activation, [&](auto kind) {
        for_kept<T>(rate, draws, rows, n, [&](Index i, Index j, auto kept) __attribute__((always_inline)) {
            const Index at = i * stride + j;
            const Vec<T> d_a = load(d + at) * scale, a = load(h + at) * inverse;
            store(d + at, kept ? activation_backward<decltype(kind)::value>(a, d_a) : Vec<T>{});
        });
    });
}

}  // namespace steepest::STEEPEST_ISA
