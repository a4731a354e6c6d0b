#include "core/shallow.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

template <class T, class F>
void with_shape(const Network<T>& network, F&& f) {
    const auto& layer = network.layers()[0];
    auto with_blocks = [&](auto inputs) {
        with_activation(network.activation(0), [&](auto activation) {
            if (layer.columns == lanes<T>)
                f(inputs, std::integral_constant<int, 1>{}, activation);
            else
                f(inputs, std::integral_constant<int, 2>{}, activation);
        });
    };
    if (layer.n_in == 1)
        with_blocks(std::integral_constant<int, 1>{});
    else
        with_blocks(std::integral_constant<int, 2>{});
}

template <int Inputs, int Blocks, Activation A, class T>
void forward_rows(const Network<T>& network, const MatrixView<const T>& X, Rows rows, const T* theta, T* x,
                  T* hidden, T* output) {
    constexpr int parts = Lanes<T>::parts, vectors = Blocks * parts;
    constexpr Index columns = Blocks * lanes<T>, together = width<T>;
    const T *W = theta + network.layers()[0].weights_offset, *b = theta + network.layers()[0].bias_offset;
    const T* w = theta + network.layers()[1].weights_offset;
    const T bias = theta[network.layers()[1].bias_offset];
    const Index units = network.layers()[0].n_out;  // those beyond may be anything: 0 times infinity
    for (Index first = 0; first < rows.count; first += together) {
        Lanes<T> products[together];
        auto row = [&](int r) __attribute__((always_inline)) {
            const Index i = first + r;
            const T* from = X.row(rows[i]);
            T entries[Inputs];
            for (int k = 0; k < Inputs; ++k) x[i * Inputs + k] = entries[k] = from[k];
            products[r] = Lanes<T>::zero();
            unrolled<vectors>([&](int v) __attribute__((always_inline)) {
                Vec<T> z{};
                for (int k = 0; k < Inputs; ++k)
                    z = fma(splat(entries[k]), load(W + k * columns + v * width<T>), z);
                const Vec<T> a =
                    first_entries(activate<A>(z + load(b + v * width<T>)), units - v * width<T>, T(0));
                store(hidden + i * columns + v * width<T>, a);
                auto& product = products[r].part[v % parts];
                product = fma(a, load(w + v * width<T>), product);
            });
        };
        if (first + together <= rows.count) {
            unrolled<static_cast<int>(together)>(row);
            store(output + first, sums<T>(products) + bias);
        } else {
            for (int r = 0; r < rows.count - first; ++r) row(r);
            for (Index i = first; i < rows.count; ++i) output[i] = products[i - first].sum() + bias;
        }
    }
}

template <int Inputs, int Blocks, Activation A, class T>
void backward_rows(const Network<T>& network, Index rows, const T* x, const T* hidden, const T* d,
                   const T* theta, T* gradient) {
    constexpr int vectors = Blocks * Lanes<T>::parts;
    constexpr Index columns = Blocks * lanes<T>;
    const auto &below = network.layers()[0], &above = network.layers()[1];
    const T* w = theta + above.weights_offset;
    for (int v = 0; v < vectors; ++v) {
        const Index j = v * width<T>;
        const Vec<T> w_vector = load(w + j);
        Vec<T> d_w[sum_chains] = {}, d_b[sum_chains] = {}, d_W[Inputs][sum_chains] = {};
        auto row = [&](Index i, int chain) __attribute__((always_inline)) {
            const Vec<T> a = load(hidden + i * columns + j), d_row = splat(d[i]);
            const Vec<T> d_z = activation_backward<A>(a, fma(d_row, w_vector, Vec<T>{}));
            d_w[chain] = fma(d_row, a, d_w[chain]);
            d_b[chain] += d_z;
            for (int k = 0; k < Inputs; ++k)
                d_W[k][chain] = fma(splat(x[i * Inputs + k]), d_z, d_W[k][chain]);
        };
        Index i = 0;
        for (; i + sum_chains <= rows; i += sum_chains)
            unrolled<sum_chains>([&](int c) __attribute__((always_inline)) { row(i + c, c); });
        unrolled<sum_chains>([&](int c) __attribute__((always_inline)) {
            if (i + c < rows) row(i + c, c);
        });
        auto total = [](const Vec<T>* s)
                         __attribute__((always_inline)) { return sum_of_chains(s[0], s[1], s[2], s[3]); };
        store(gradient + above.weights_offset + j, total(d_w));
        store(gradient + below.bias_offset + j, total(d_b));
        for (int k = 0; k < Inputs; ++k)
            store(gradient + below.weights_offset + k * columns + j, total(d_W[k]));
    }
    T* bias = gradient + above.bias_offset;
    for (Index o = 0; o < above.bias_size; ++o) bias[o] = 0;
    bias[0] = strided_sum(rows, d, 1);
}

}  // namespace

template <class T>
void ShallowPass<T>::forward(const Network<T>& network, const MatrixView<const T>& X, Rows rows,
                             const T* theta, T* x, T* hidden, T* output) {
    with_shape(network, [&](auto inputs, auto blocks, auto activation) {
        forward_rows<inputs, blocks, decltype(activation)::value>(network, X, rows, theta, x, hidden, output);
    });
}

template <class T>
void ShallowPass<T>::backward(const Network<T>& network, Index rows, const T* x, const T* hidden, const T* d,
                              const T* theta, T* gradient) {
    with_shape(network, [&](auto inputs, auto blocks, auto activation) {
        backward_rows<inputs, blocks, decltype(activation)::value>(network, rows, x, hidden, d, theta,
                                                                   gradient);
    });
}

template class ShallowPass<float>;
template class ShallowPass<double>;

}  // namespace steepest::STEEPEST_ISA
