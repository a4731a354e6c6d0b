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

// f(vectors of entries i, i+1, ... of each array) -> vector of `out`, over n entries; the tail goes through
// padded copies. `out` may be one of the arrays.
template <class T, class F, class... Arrays>
STEEPEST_INLINE void map(T* out, Index n, F&& f, const Arrays*... arrays) {
    Index i = 0;
    for (; i + width<T> <= n; i += width<T>) store(out + i, f(load(arrays + i)...));
    if (i == n) return;
    const auto bytes = static_cast<std::size_t>(n - i) * sizeof(T);
    auto tail = [&](const T* array) {
        T entries[width<T>] = {};
        std::memcpy(entries, array + i, bytes);
        return load(entries);
    };
    const Vec<T> result = f(tail(arrays)...);
    std::memcpy(out + i, &result, bytes);
}

template <class T, class F>
STEEPEST_INLINE void map_in_place(T* x, Index n, F&& f) {
    map(x, n, f, x);
}

template <class T>
void activate_in_place(Activation activation, T* x, Index n) {
    if (activation == Activation::identity) return;
    with_activation(activation, [&](auto kind) {
        map_in_place(x, n, [](Vec<T> z) -> Vec<T> { return activate<decltype(kind)::value>(z); });
    });
}

// The same for rows that lie `stride` apart.
template <class T>
void activate_rows(Activation activation, Index rows, Index n, T* x, Index stride) {  // (rows, n)
    if (stride == n) return activate_in_place(activation, x, rows * n);
    for (Index i = 0; i < rows; ++i) activate_in_place(activation, x + i * stride, n);
}

// d *= a'(z) from a = activate(z), entry by entry.
template <class T>
void activation_backward_in_place(Activation activation, const T* a, T* d, Index n) {
    if (activation == Activation::identity) return;
    with_activation(activation, [&](auto kind) {
        map(
            d, n,
            [](Vec<T> a_vector, Vec<T> d_vector) -> Vec<T> {
                return activation_backward<decltype(kind)::value>(a_vector, d_vector);
            },
            a, d);
    });
}

}  // namespace steepest::STEEPEST_ISA
