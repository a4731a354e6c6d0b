// The smallest networks: few inputs, one hidden layer no wider than a vector or two, one output. There the
// general pass spends its time between its loops. Here weights and sums stay in registers while rows pass,
// and every number is the same as the general pass would compute, in the same order (a test compares them).
#pragma once

#include "core/batches.hpp"
#include "core/network.hpp"

namespace steepest::STEEPEST_ISA {

// Compiled once for each type, in shallow.cpp.
template <class T>
class ShallowPass {
  public:
    static constexpr Index most_inputs = 2, most_blocks = 2;

    static bool fits(const Network<T>& network) {
        const auto& config = network.config();
        if (network.depth() != 2 || config.loss.kind == Loss::softmax || !config.dropout.rates.empty() ||
            !config.frozen.empty())
            return false;
        const auto &hidden = network.layers()[0], &output = network.layers()[1];
        const Index blocks = hidden.columns / lanes<T>;
        return !hidden.transposed && output.transposed && output.n_out == 1 && hidden.n_in <= most_inputs &&
               blocks <= most_blocks && hidden.columns == output.columns;
    }

    // Inputs (rows, n_in) are copied to x; hidden receives (rows, columns), output (rows,), before its own
    // activation.
    static void forward(const Network<T>& network, const MatrixView<const T>& X, Rows rows, const T* theta,
                        T* x, T* hidden, T* output);

    // The gradient (size,) from d (rows,), the derivative with respect to the output before its activation.
    static void backward(const Network<T>& network, Index rows, const T* x, const T* hidden, const T* d,
                         const T* theta, T* gradient);
};

}  // namespace steepest::STEEPEST_ISA
