// A feed-forward network: its parameters' layout, forward pass, losses and backward pass, over blocks of
// rows. With no hidden layer it is the linear model, and with a softmax or logistic loss, logistic
// regression.
#pragma once

#include <vector>

#include "core/batches.hpp"
#include "core/dense.hpp"
#include "core/interrupt.hpp"
#include "core/losses.hpp"

namespace steepest::STEEPEST_ISA {

enum class Loss { squared, softmax, logistic, poisson };

// loss = output_scale / B * sum_i w_i l(f_i, y_i) + l2 / 2 * ||W||^2, where l is summed over the outputs and
// B is the number of rows; the gradient is that of this number. The mean over entries has output_scale = 1 /
// K.
struct NetworkConfig {
    std::vector<Index> widths;  // n_inputs, hidden widths, n_outputs
    Activation hidden = Activation::relu;
    Activation output =
        Activation::identity;  // before `squared`; softmax and logistic losses work from logits
    Loss loss = Loss::squared;
    double output_scale = 1;
    double l2 = 0;
    bool l2_per_row = false;        // scikit-learn's: l2 / B in place of l2, for a batch of B rows
    bool no_bias = false;           // biases stay what they are: their gradient is 0
    bool weights_by_batch = false;  // scikit-learn's: B is the sum of the batch's sample weights
};

// The caller's data, in the caller's memory.
template <class T>
struct Dataset {
    MatrixView<const T> X;                  // (n, n_inputs)
    const T* y = nullptr;                   // (n, n_outputs), or
    const std::int64_t* classes = nullptr;  // (n,) for the softmax loss
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

    // Stride of the rows of activation l (0: the input). The output of a transposed layer needs no padding.
    Index stride(Index l) const {
        const bool bare = l == depth() && layers_.back().transposed;
        return bare ? layers_.back().n_out : padded<T>(config_.widths[static_cast<std::size_t>(l)]);
    }
    Activation activation(Index layer) const {
        return layer + 1 == depth() ? config_.output : config_.hidden;
    }

    double multiply_adds(Index rows) const {
        double sum = 0;
        for (const auto& layer : layers_)
            sum += static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out);
        return sum * static_cast<double>(rows);
    }

    // Rows that go through the network together: as many as keep the activations in the second-level cache,
    // within bounds. A function of the widths alone, because it decides the order of sums.
    Index block_rows() const {
        Index total = 0;
        for (Index l = 0; l <= depth(); ++l) total += stride(l);
        const Index fit = 128 * 1024 / static_cast<Index>(sizeof(T)) * 4 / (total > 0 ? total : 1);
        return fit < 128 ? 128 : fit > 1024 ? 1024 : fit / 16 * 16;
    }

  private:
    NetworkConfig config_;
    std::vector<DenseLayout<T>> layers_;
    Index size_ = 0;
};

// Activations, derivatives and gathered rows of one block.
template <class T>
class NetworkWorkspace {
  public:
    explicit NetworkWorkspace(const Network<T>& network) : network_(network) {
        const auto depth = static_cast<std::size_t>(network.depth());
        activations_.resize(depth + 1);
        derivatives_.resize(depth + 1);
        transposed_weights_.resize(depth);
        for (Index l = 1; l < network.depth(); ++l) {
            const auto& layer = network.layers()[static_cast<std::size_t>(l)];
            if (!layer.transposed)
                transposed_weights_[static_cast<std::size_t>(l)].reserve(layer.n_out * padded<T>(layer.n_in));
        }
        softmax_row_.reserve(padded<T>(network.n_outputs()));
    }

    // Gathers the rows' inputs, or points at them where they lie if the layer can read them there.
    void gather_input(const MatrixView<const T>& X, Rows rows) {
        const auto& first = network_.layers().front();
        if (!rows.index && (!first.transposed || first.columns == X.cols)) {
            input_ = X.row(rows.begin);
            input_stride_ = X.cols;
            return;
        }
        input_stride_ = network_.stride(0);
        auto& buffer = activations_[0];
        buffer.reserve(rows.count * input_stride_);
        for (Index i = 0; i < rows.count; ++i)
            std::memcpy(buffer.data() + i * input_stride_, X.row(rows[i]),
                        static_cast<std::size_t>(X.cols) * sizeof(T));
        input_ = buffer.data();
    }

    const T* activation(Index l) const {
        return l == 0 ? input_ : activations_[static_cast<std::size_t>(l)].data();
    }
    Index stride(Index l) const { return l == 0 ? input_stride_ : network_.stride(l); }
    T* output() { return activations_.back().data(); }

    // Stops between layers when the interrupt has fired; the output means nothing then.
    void forward(const T* theta, Index rows, Interrupt* interrupt = nullptr) {
        for (Index l = 0; l < network_.depth(); ++l) {
            if (interrupt && interrupt->tick(layer_work(l, rows))) return;
            auto& out = activations_[static_cast<std::size_t>(l) + 1];
            out.reserve(rows * network_.stride(l + 1));
            dense_forward(network_.layers()[static_cast<std::size_t>(l)], network_.activation(l), rows,
                          activation(l), stride(l), theta, out.data(), network_.stride(l + 1));
        }
    }

    // Sum over the rows of w_i l(f_i, y_i). The output becomes `scale` times its derivative with respect to
    // the last layer's pre-activation.
    double loss_backward(const Dataset<T>& data, Rows rows, double scale) {
        const Index outputs = network_.n_outputs(), out_stride = network_.stride(network_.depth());
        const T* weights = gather_weights(data, rows);
        T* z = output();
        if (data.classes) {
            classes_.reserve(rows.count);
            for (Index i = 0; i < rows.count; ++i) classes_.data()[i] = data.classes[rows[i]];
            return softmax_cross_entropy<T>(rows.count, outputs, z, out_stride, classes_.data(), nullptr,
                                            weights, scale, softmax_row_.data());
        }
        const T* y = gather_targets(data, rows, out_stride);
        if (network_.config().loss == Loss::softmax)
            return softmax_cross_entropy<T>(rows.count, outputs, z, out_stride, nullptr, y, weights, scale,
                                            softmax_row_.data());
        if (network_.config().loss == Loss::poisson)
            return poisson_deviance<T>(rows.count, outputs, z, out_stride, y, weights, scale);
        if (network_.config().loss == Loss::logistic)
            return logistic_cross_entropy<T>(rows.count, outputs, z, out_stride, y, weights, scale);
        return squared_loss_backward(rows.count, out_stride, z, y, weights, scale);
    }

    // gradient (+)= the derivative with respect to all parameters; needs forward and loss_backward before it.
    void backward(const T* theta, Index rows, bool add, T* gradient, Interrupt* interrupt = nullptr) {
        const T* d_z = output();
        for (Index l = network_.depth() - 1; l >= 0; --l) {
            if (interrupt && interrupt->tick(2 * layer_work(l, rows))) return;
            const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
            dense_backward_parameters(layer, rows, activation(l), stride(l), d_z, network_.stride(l + 1), add,
                                      pack_buffers_, gradient);
            if (l == 0) break;
            auto& d_input = derivatives_[static_cast<std::size_t>(l)];
            d_input.reserve(rows * network_.stride(l));
            dense_backward_input(layer, network_.activation(l - 1), rows, activation(l), stride(l), d_z,
                                 network_.stride(l + 1), theta,
                                 transposed_weights_[static_cast<std::size_t>(l)].data(), d_input.data(),
                                 network_.stride(l));
            d_z = d_input.data();
        }
    }

    // The backward pass reads W^T of the layers that are stored the other way: made once for each theta.
    void transpose_weights(const T* theta) {
        for (Index l = 1; l < network_.depth(); ++l) {
            const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
            if (!layer.transposed)
                layer.pack_transpose(theta, transposed_weights_[static_cast<std::size_t>(l)].data());
        }
    }

    // The targets of the rows, at the output's stride (zero padding), where they lie if they can be read
    // there.
    const T* gather_targets(const Dataset<T>& data, Rows rows, Index out_stride) {
        const Index outputs = network_.n_outputs();
        if (!rows.index && out_stride == outputs) return data.y + rows.begin * outputs;
        targets_.reserve(rows.count * out_stride);
        if (outputs == 1 && out_stride == 1) {
            for (Index i = 0; i < rows.count; ++i) targets_.data()[i] = data.y[rows[i]];
        } else {
            for (Index i = 0; i < rows.count; ++i)
                std::memcpy(targets_.data() + i * out_stride, data.y + rows[i] * outputs,
                            static_cast<std::size_t>(outputs) * sizeof(T));
        }
        return targets_.data();
    }

    const T* gather_weights(const Dataset<T>& data, Rows rows) {
        if (!data.weights) return nullptr;
        if (!rows.index) return data.weights + rows.begin;
        weights_.reserve(rows.count);
        for (Index i = 0; i < rows.count; ++i) weights_.data()[i] = data.weights[rows[i]];
        return weights_.data();
    }

  private:
    // Multiply-adds of one layer, and something for what a call costs beside them.
    double layer_work(Index l, Index rows) const {
        const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
        return static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out * rows) + 200;
    }

    double squared_loss_backward(Index rows, Index out_stride, T* f, const T* y, const T* weights,
                                 double scale) {
        const Index n = rows * out_stride;  // padding is 0 on both sides and adds nothing
        const Activation activation = network_.config().output;
        const T* a = f;
        T* d = f;
        if (activation != Activation::identity) {  // the derivative needs a, so it can't be overwritten yet
            derivatives_.back().reserve(n);
            d = derivatives_.back().data();
        }
        double loss;
        if (!weights) {
            loss = squared_error_sum(f, y, n);
            squared_error_backward(f, y, n, 2 * scale, d);
        } else {
            loss = 0;
            for (Index i = 0; i < rows; ++i) {
                const double w = static_cast<double>(weights[i]);
                loss += w * squared_error_sum(f + i * out_stride, y + i * out_stride, out_stride);
                squared_error_backward(f + i * out_stride, y + i * out_stride, out_stride, 2 * scale * w,
                                       d + i * out_stride);
            }
        }
        if (d != f) {
            activation_backward_in_place(activation, a, d, n);
            std::memcpy(f, d, static_cast<std::size_t>(n) * sizeof(T));
        }
        return loss;
    }

    const Network<T>& network_;
    std::vector<Buffer<T>> activations_, derivatives_, transposed_weights_;
    const T* input_ = nullptr;
    Index input_stride_ = 0;
    Buffer<T> targets_, weights_, softmax_row_;
    PackBuffers<T> pack_buffers_;
    Buffer<std::int64_t> classes_;
};

// Loss and gradient of a network on a data set, as the descent sees them.
template <class T>
class NetworkObjective {
  public:
    using Scalar = T;

    NetworkObjective(const Network<T>& network, const Dataset<T>& data, Interrupt* interrupt = nullptr)
        : network_(network), data_(data), interrupt_(interrupt), workspace_(network) {}

    Index size() const { return network_.size(); }
    Index n_rows() const { return data_.X.rows; }

    // Where weight decay applies: the weights, not the biases.
    template <class F>
    void for_weights(F&& f) const {
        for (const auto& layer : network_.layers()) f(layer.weights_offset, layer.weights_size);
    }

    // The mean loss on these rows with its penalty; the gradient is overwritten. If the interrupt fires,
    // neither means anything.
    double loss_gradient(Rows rows, const T* theta, T* gradient) {
        const auto& config = network_.config();
        const double total = batch_weight(rows);
        if (total == 0) {  // nothing in this batch counts
            std::memset(gradient, 0, static_cast<std::size_t>(size()) * sizeof(T));
            return penalty(1, theta, gradient);
        }
        const double scale = config.output_scale / total;
        const Index block = network_.block_rows();
        double loss = 0;
        workspace_.transpose_weights(theta);
        for (Index first = 0; first < rows.count; first += block) {
            const Rows part = rows.slice(first, rows.count - first < block ? rows.count - first : block);
            workspace_.gather_input(data_.X, part);
            workspace_.forward(theta, part.count, interrupt_);
            if (interrupt_ && interrupt_->stopped()) return 0;
            loss += workspace_.loss_backward(data_, part, scale);
            workspace_.backward(theta, part.count, first > 0, gradient, interrupt_);
            if (interrupt_ && interrupt_->stopped()) return 0;
        }
        if (network_.config().no_bias)
            for (const auto& layer : network_.layers())
                std::memset(gradient + layer.bias_offset, 0,
                            static_cast<std::size_t>(layer.bias_size) * sizeof(T));
        return loss * scale + penalty(total, theta, gradient);
    }

    // Mean loss without penalty, and score, on another data set: accuracy for classifiers, R^2 otherwise.
    struct Evaluation {
        double loss, score;
    };
    Evaluation evaluate(const Dataset<T>& data, const T* theta);

  private:
    double batch_weight(Rows rows) const {
        if (!network_.config().weights_by_batch || !data_.weights) return static_cast<double>(rows.count);
        double sum = 0;
        for (Index i = 0; i < rows.count; ++i) sum += static_cast<double>(data_.weights[rows[i]]);
        return sum;
    }

    double penalty(double batch_weight, const T* theta, T* gradient) const {
        const auto& config = network_.config();
        if (config.l2 == 0) return 0;
        const double l2 = config.l2_per_row ? config.l2 / batch_weight : config.l2;
        const T factor = static_cast<T>(l2);
        double squares = 0;
        for_weights([&](Index offset, Index n) {
            squares += sum_of_squares(theta + offset, n);
            for (Index i = offset; i < offset + n; i += width<T>)
                store(gradient + i, fma(splat(factor), load(theta + i), load(gradient + i)));
        });
        return 0.5 * l2 * squares;
    }

    const Network<T>& network_;
    Dataset<T> data_;
    Interrupt* interrupt_;
    NetworkWorkspace<T> workspace_;
};

// Sums for R^2 = 1 - sum w (y - f)^2 / sum w (y - mean)^2, averaged over the outputs. A constant target
// scores 1 if it is met exactly and 0 otherwise.
struct RegressionScore {
    std::vector<double> residual, total, mean;
    double weight = 0;

    template <class T>
    RegressionScore(const Dataset<T>& data, Index outputs)
        : residual(static_cast<std::size_t>(outputs)), total(residual.size()), mean(residual.size()) {
        for (Index i = 0; i < data.X.rows; ++i) {
            const double w = data.weights ? static_cast<double>(data.weights[i]) : 1.0;
            weight += w;
            for (std::size_t k = 0; k < mean.size(); ++k)
                mean[k] += w * static_cast<double>(data.y[i * outputs + static_cast<Index>(k)]);
        }
        for (double& m : mean) m /= weight;
    }
    template <class T>
    void add(const T* f, const T* y, double w) {
        for (std::size_t k = 0; k < mean.size(); ++k) {
            const double r = static_cast<double>(y[k]) - static_cast<double>(f[k]);
            const double t = static_cast<double>(y[k]) - mean[k];
            residual[k] += w * r * r;
            total[k] += w * t * t;
        }
    }
    double value() const {
        double sum = 0;
        for (std::size_t k = 0; k < mean.size(); ++k)
            sum += total[k] > 0 ? 1.0 - residual[k] / total[k] : residual[k] > 0 ? 0.0 : 1.0;
        return sum / static_cast<double>(mean.size());
    }
};

// Whether row i is classified right; for several logistic outputs all of them must be.
template <class T>
bool classified_right(const Dataset<T>& data, Index i, const T* z, Index outputs, Loss loss) {
    if (loss == Loss::logistic) {
        for (Index k = 0; k < outputs; ++k)
            if ((z[k] > 0) != (data.y[i * outputs + k] > T(0.5))) return false;
        return true;
    }
    Index best = 0, truth = 0;
    for (Index k = 1; k < outputs; ++k) {
        if (z[k] > z[best]) best = k;
        if (!data.classes && data.y[i * outputs + k] > data.y[i * outputs + truth]) truth = k;
    }
    return best == (data.classes ? data.classes[i] : truth);
}

template <class T>
typename NetworkObjective<T>::Evaluation NetworkObjective<T>::evaluate(const Dataset<T>& data,
                                                                       const T* theta) {
    const auto& config = network_.config();
    const Index block = network_.block_rows(), outputs = network_.n_outputs(), n = data.X.rows;
    const Index out_stride = network_.stride(network_.depth());
    const bool regression = config.loss == Loss::squared || config.loss == Loss::poisson;
    RegressionScore r2(data, regression ? outputs : 0);
    std::vector<T> poisson_mean;
    double loss = 0, right = 0, weight = 0;
    for (Index first = 0; first < n; first += block) {
        const Rows part{nullptr, first, n - first < block ? n - first : block};
        workspace_.gather_input(data.X, part);
        workspace_.forward(theta, part.count, interrupt_);
        if (interrupt_ && interrupt_->stopped()) return {0, 0};
        for (Index i = 0; i < part.count; ++i) {
            const double w = data.weights ? static_cast<double>(data.weights[first + i]) : 1.0;
            T* f = workspace_.output() + i * out_stride;
            weight += w;
            if (config.loss == Loss::poisson) {
                poisson_mean.assign(f, f + outputs);
                map_in_place(poisson_mean.data(), outputs, [](Vec<T> z) -> Vec<T> { return exp(z); });
                r2.add(poisson_mean.data(), data.y + (first + i) * outputs, w);
                continue;
            }
            if (regression)
                r2.add(f, data.y + (first + i) * outputs, w);
            else
                right += classified_right(data, first + i, f, outputs, config.loss) ? w : 0.0;
        }
        loss += workspace_.loss_backward(data, part, 1.0);
    }
    return {loss * config.output_scale / weight, regression ? r2.value() : right / weight};
}

}  // namespace steepest::STEEPEST_ISA
