// The derivatives of a network's outputs with respect to its inputs: forward, and back to the input once for
// each output, a block of rows at a time.
#pragma once

#include <vector>

#include "core/network_pass.hpp"

namespace steepest::STEEPEST_ISA {

// What is differentiated, of the last layer's pre-activation f: entry by entry, or the softmax of the row.
enum class OutputFunction { identity, relu, exp, logistic, softmax };

template <class T>
class InputGradient {
  public:
    InputGradient(const Network<T>& network, OutputFunction function)
        : network_(network),
          function_(function),
          pass_(network, 1),
          derivatives_(static_cast<std::size_t>(network.depth()) + 1) {}

    // out[i, k, :] = d output_k(x_i) / d x_i for rows first ... first + count.
    void block(const Dataset<T>& data, Index first, Index count, const T* theta, T* out) {  // (count, K, d)
        const Index inputs = network_.config().widths.front(), outputs = network_.n_outputs();
        pass_.begin(data, Rows{nullptr, first, count});
        pass_.forward(theta, 0, 0, count, nullptr);
        for (Index l = 0; l <= network_.depth(); ++l) derivative(l).reserve(count * stride(l));
        evaluate(count);
        for (Index k = 0; k < outputs; ++k) {
            seed(count, k);
            for (Index l = network_.depth(); l > 0; --l) back_through(l, count, theta);
            copy_rows(count, inputs, derivative(0).data(), stride(0), out + k * inputs, outputs * inputs);
        }
    }

  private:
    Index stride(Index l) const {
        return l == 0                 ? padded<T>(network_.config().widths.front())
               : l < network_.depth() ? network_.stride(l)
                                      : padded<T>(network_.n_outputs());
    }
    Buffer<T>& derivative(Index l) { return derivatives_[static_cast<std::size_t>(l)]; }

    // The slopes of the output function at f; of the softmax, its values.
    void evaluate(Index count) {
        const Index outputs = network_.n_outputs(), width = stride(network_.depth());
        values_.reserve(count * width);
        T* v = values_.data();  // (count, K), padded
        copy_rows(count, outputs, pass_.output(), pass_.stride(network_.depth()), v, width);
        auto slopes = [&](auto&& slope) { map_in_place(v, count * width, slope); };
        switch (function_) {
            case OutputFunction::identity:
                return slopes([](Vec<T>) -> Vec<T> { return Vec<T>{} + 1; });
            case OutputFunction::relu:
                return slopes([](Vec<T> f) -> Vec<T> { return f <= 0 ? Vec<T>{} : Vec<T>{} + 1; });
            case OutputFunction::exp:
                return slopes([](Vec<T> f) -> Vec<T> { return exp(f); });
            case OutputFunction::logistic:  // p (1 - p) without a difference of near equals
                return slopes([](Vec<T> f) -> Vec<T> { return logistic(f) * logistic(-f); });
            case OutputFunction::softmax:
                for (Index i = 0; i < count; ++i) softmax_row(outputs, v + i * width);
        }
    }

    // d output_k / d f. For the softmax, p_k (e_k - p), with the sum of the others in place of 1 - p_k.
    void seed(Index count, Index k) {
        const Index outputs = network_.n_outputs(), width = stride(network_.depth());
        T* const d_f = derivative(network_.depth()).data();  // (count, K), padded
        for (Index i = 0; i < count; ++i) {
            const T* v = values_.data() + i * width;
            T* d = d_f + i * width;
            double others = 0;
            for (Index j = 0; j < outputs; ++j) {
                d[j] = function_ == OutputFunction::softmax ? -v[k] * v[j] : 0;
                others += j == k ? 0.0 : static_cast<double>(v[j]);
            }
            d[k] = function_ == OutputFunction::softmax ? v[k] * static_cast<T>(others) : v[k];
        }
    }

    // From the derivative by layer l's pre-activation to that by the one below, or by the input.
    void back_through(Index l, Index count, const T* theta) {
        const bool hidden = l > 1;
        T* d = derivative(l - 1).data();
        dense_backward_input(network_.layers()[static_cast<std::size_t>(l) - 1],
                             hidden ? network_.activation(l - 2) : Activation::identity, count,
                             hidden ? pass_.activation(l - 1) : d, stride(l - 1), derivative(l).data(),
                             stride(l), theta, d, stride(l - 1), buffers_);
    }

    const Network<T>& network_;
    OutputFunction function_;
    NetworkPass<T> pass_;
    std::vector<Buffer<T>> derivatives_;
    Buffer<T> values_;
    PackBuffers<T> buffers_;
};

template <class T>
void input_gradients(const Network<T>& network, const Inputs<T>& X, const T* theta, OutputFunction function,
                     T* out) {  // (n, K, d)
    const Dataset<T> data{.X = X};
    InputGradient<T> gradient(network, function);
    const Index block = network.block_rows(), size = network.n_outputs() * X.cols;
    for (Index first = 0; first < X.rows; first += block)
        gradient.block(data, first, X.rows - first < block ? X.rows - first : block, theta,
                       out + first * size);
}

}  // namespace steepest::STEEPEST_ISA
