// A feed-forward network: its shape, its loss, and how its parameters lie in one flat vector. With no hidden
// layer it is the linear model, and with a softmax or logistic loss, logistic regression.
#pragma once

#include <vector>

#include "core/dense.hpp"
#include "core/dropout.hpp"
#include "core/inputs.hpp"
#include "core/loss_rules.hpp"

namespace steepest::STEEPEST_ISA {

// Of a penalty: none, one for all layers, or one for each.
using Strengths = std::vector<double>;
inline double strength(const Strengths& s, std::size_t layer) {
    return s.empty() ? 0.0 : s[s.size() == 1 ? 0 : layer];
}

// What of a layer gets no step, and no gradient.
struct Frozen {
    bool weights = false, bias = false;
};

// loss = output_scale / B * sum_i w_i l(f_i, y_i) + sum_W (l1 ||W||_1 + l2 / 2 * ||W||^2 + group_lasso sum_j
// ||W_j||), where l is summed over the outputs, B is the number of rows and W_j has the weights into neuron
// j; the gradient is that of this number, but for the L1 and the group penalty, which the step minds. The
// mean over entries has output_scale = 1 / K.
struct NetworkConfig {
    std::vector<Index> widths;            // n_inputs, hidden widths, n_outputs
    std::vector<Activation> hidden = {};  // one for each hidden layer
    Activation output =
        Activation::identity;  // before losses of numbers; those of classes and Poisson's have their own
    LossConfig loss = {};
    double output_scale = 1;
    Strengths l1 = {}, l2 = {};
    bool l2_per_row = false;          // scikit-learn's: l / B in place of both, for a batch of B rows
    bool no_bias = false;             // biases stay what they are: their gradient is 0
    bool weights_by_batch = false;    // scikit-learn's: B is the sum of the batch's sample weights
    DropoutConfig dropout = {};       // of the hidden layers, in training
    std::vector<Frozen> frozen = {};  // one for each layer, or none
    Strengths group_lasso = {}, max_norm = {};  // of each neuron's incoming weights: neuron_groups.hpp
};

// The caller's data, in the caller's memory.
template <class T>
struct Dataset {
    Inputs<T> X;                            // (n, n_inputs)
    const T* y = nullptr;                   // (n, n_outputs), or
    const std::int64_t* classes = nullptr;  // (n,) for a loss of classes: one against the rest, or softmax
    const T* weights = nullptr;             // (n,) or nullptr: all 1
};

template <class T>
class Network {
  public:
    explicit Network(NetworkConfig config) : config_(std::move(config)) {
        Index offset = 0;
        for (std::size_t l = 0; l + 1 < config_.widths.size(); ++l) {
            layers_.emplace_back(config_.widths[l], config_.widths[l + 1], offset);
            offset = layers_.back().end();
        }
        size_ = offset;
    }

    const NetworkConfig& config() const { return config_; }
    const std::vector<DenseLayout<T>>& layers() const { return layers_; }
    Index size() const { return size_; }  // of the flat, padded parameter vector
    Index depth() const { return static_cast<Index>(layers_.size()); }
    Index n_outputs() const { return layers_.back().n_out; }

    // Stride of the rows of activation l (0: the input). The output of a transposed layer needs no padding,
    // except for the softmax, which works on whole rows.
    // Rows a multiple of 2 KiB apart would share a few sets of the first-level cache, and are moved apart.
    Index stride(Index l) const {
        if (l == depth() && layers_.back().transposed && config_.loss.kind != Loss::softmax)
            return layers_.back().n_out;
        if (l == 0 && config_.widths[0] == 1 && !layers_.front().transposed) return 1;
        const Index whole = padded<T>(config_.widths[static_cast<std::size_t>(l)]);
        return is_aliased(whole) ? whole + lanes<T> : whole;
    }
    static bool is_aliased(Index stride) { return stride * static_cast<Index>(sizeof(T)) % 2048 == 0; }
    Activation activation(Index layer) const {
        return layer + 1 == depth() ? config_.output : config_.hidden[static_cast<std::size_t>(layer)];
    }

    double multiply_adds(Index rows, Index first_layer = 0) const {
        double sum = 0;
        for (Index l = first_layer; l < depth(); ++l) {
            const auto& layer = layers_[static_cast<std::size_t>(l)];
            sum += static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out);
        }
        return sum * static_cast<double>(rows);
    }

    Frozen frozen(Index layer) const {
        return config_.frozen.empty() ? Frozen{} : config_.frozen[static_cast<std::size_t>(layer)];
    }
    // No gradient is computed below this layer; depth() if nothing is live.
    Index lowest_live() const {
        Index l = 0;
        while (l < depth() && frozen(l).weights && frozen(l).bias) ++l;
        return l;
    }

    // Rows that go through the network together: few enough that their activations stay near, and more if the
    // gradient, which is added up over the blocks, is large itself. A function of the widths alone, because
    // it decides the order of sums.
    Index block_rows() const {
        constexpr Index large = (Index{1} << 22) / static_cast<Index>(sizeof(T));
        return size_ > large ? 512 : 256;
    }

  private:
    NetworkConfig config_;
    std::vector<DenseLayout<T>> layers_;
    Index size_ = 0;
};

}  // namespace steepest::STEEPEST_ISA
