// Activations and their derivatives. A derivative is always written in terms of the activation's own output,
// so that the backward pass needs nothing but what the forward pass left behind. ReLU'(0) = 0.
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

enum class Activation { identity, relu, tanh, logistic };

template <Activation A, class V>
STEEPEST_INLINE V activate(V z) {
    if constexpr (A == Activation::relu) return relu(z);
    if constexpr (A == Activation::tanh) return tanh(z);
    if constexpr (A == Activation::logistic) return logistic(z);
    return z;
}

// d_z = d_a * a'(z), from a = activate(z).
template <Activation A, class V>
STEEPEST_INLINE V activation_backward(V a, V d_a) {
    if constexpr (A == Activation::relu) return a <= 0 ? V{} : d_a;  // a NaN is not stopped here
    if constexpr (A == Activation::tanh) return d_a * fma(-a, a, V{} + 1);
    if constexpr (A == Activation::logistic) return d_a * (a * (1 - a));
    return d_a;
}

// Calls f(std::integral_constant<Activation, a>): one branch, then code that knows the activation.
template <class F>
STEEPEST_INLINE decltype(auto) with_activation(Activation a, F&& f) {
    switch (a) {
        case Activation::relu:
            return f(std::integral_constant<Activation, Activation::relu>{});
        case Activation::tanh:
            return f(std::integral_constant<Activation, Activation::tanh>{});
        case Activation::logistic:
            return f(std::integral_constant<Activation, Activation::logistic>{});
        default:
            return f(std::integral_constant<Activation, Activation::identity>{});
    }
}

// f(vector at i) over the n entries of a plain array; the tail goes through a padded copy.
template <class T, class F>
STEEPEST_INLINE void map_in_place(T* x, Index n, F&& f) {
    Index i = 0;
    for (; i + width<T> <= n; i += width<T>) store(x + i, f(load(x + i)));
    if (i < n) {
        T tail[width<T>] = {};
        std::memcpy(tail, x + i, static_cast<std::size_t>(n - i) * sizeof(T));
        store(tail, f(load(tail)));
        std::memcpy(x + i, tail, static_cast<std::size_t>(n - i) * sizeof(T));
    }
}

template <class T>
void activate_in_place(Activation activation, T* x, Index n) {
    if (activation == Activation::identity) return;
    with_activation(activation, [&](auto kind) {
        map_in_place(x, n, [](Vec<T> z) -> Vec<T> { return activate<decltype(kind)::value>(z); });
    });
}

// d *= a'(z) from a = activate(z), entry by entry.
template <class T>
void activation_backward_in_place(Activation activation, const T* a, T* d, Index n) {
    if (activation == Activation::identity) return;
    with_activation(activation, [&](auto kind) {
        Index i = 0;
        for (; i + width<T> <= n; i += width<T>)
            store(d + i, activation_backward<decltype(kind)::value>(load(a + i), load(d + i)));
        if (i < n) {
            const std::size_t bytes = static_cast<std::size_t>(n - i) * sizeof(T);
            T a_tail[width<T>] = {}, d_tail[width<T>] = {};
            std::memcpy(a_tail, a + i, bytes);
            std::memcpy(d_tail, d + i, bytes);
            store(d_tail, activation_backward<decltype(kind)::value>(load(a_tail), load(d_tail)));
            std::memcpy(d + i, d_tail, bytes);
        }
    });
}

}  // namespace steepest::STEEPEST_ISA
