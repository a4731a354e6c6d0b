// One block of rows on its way through a network: forward, loss, and back. Every function works on a share of
// the block: rows r0 ... r1, or the share-th part of the parameters. Shares of one function may run at the
// same time, and what they compute does not depend on how many there are.
#pragma once

#include <vector>

#include "core/batches.hpp"
#include "core/interrupt.hpp"
#include "core/losses.hpp"
#include "core/network.hpp"
#include "core/shallow.hpp"
#include "core/sparse_layer.hpp"

namespace steepest::STEEPEST_ISA {

// A row into one that is padded: whole vectors, zeros behind the last entry.
template <class T>
STEEPEST_INLINE void copy_padded(T* to, const T* from, Index n) {
    Index j = 0;
    for (; j + width<T> <= n; j += width<T>) store(to + j, load(from + j));
    if (j < n) store(to + j, load_first(from + j, n - j));
}

template <class T>
class NetworkPass {
  public:
    NetworkPass(const Network<T>& network, int shares)
        : network_(network),
          shallow_(ShallowPass<T>::fits(network)),
          threads_(static_cast<std::size_t>(shares)) {
        const auto depth = static_cast<std::size_t>(network.depth());
        activations_.resize(depth + 1);
        derivatives_.resize(depth + 1);
        draws_.resize(depth + 1);
    }

    const T* activation(Index l) const {
        return l == 0 ? input_ : activations_[static_cast<std::size_t>(l)].data();
    }
    Index stride(Index l) const { return l == 0 ? input_stride_ : network_.stride(l); }
    const T* output() const { return activations_.back().data(); }
    T* output() { return activations_.back().data(); }

    // Makes room for the rows, and reads their inputs where they lie if the first layer can. Rows that
    // are not dense are made so, as many as pass together, unless the first layer goes over a sparse matrix's
    // entries alone.
    void begin(const Dataset<T>& data, Rows rows) {
        data_ = &data;
        rows_ = rows;
        drops_ = false;
        for (Index l = 1; l <= network_.depth(); ++l)
            activations_[static_cast<std::size_t>(l)].reserve(rows.count * network_.stride(l));
        losses_.reserve(rows.count);
        const auto& first = network_.layers().front();
        const Index columns = data.X.cols;
        by_entries_ = goes_over_entries(first, data.X);
        gathers_ =
            !by_entries_ && (shallow_ || !data.X.is_dense() || rows.index || network_.is_aliased(columns) ||
                             (first.transposed && first.columns != columns));
        input_stride_ = gathers_ && !shallow_ ? network_.stride(0) : columns;
        if (gathers_) activations_[0].reserve(rows.count * input_stride_);
        input_ = gathers_ ? activations_[0].data() : by_entries_ ? nullptr : data.X.dense.row(rows.begin);
    }
    // The same for loss_backward, and for backward_rows.
    void begin_loss() {
        const Index stride = network_.stride(network_.depth());
        if (network_.config().output != Activation::identity)
            derivatives_.back().reserve(rows_.count * stride);
        if (by_class())
            classes_.reserve(rows_.count);
        else if (data_->classes || rows_.index || stride != network_.n_outputs())
            targets_.reserve(rows_.count * stride);
        if (data_->weights && rows_.index) weights_.reserve(rows_.count);
    }
    void begin_backward() {
        for (Index l = network_.lowest_live() + 1; l < network_.depth(); ++l)
            derivatives_[static_cast<std::size_t>(l)].reserve(rows_.count * network_.stride(l));
        if (by_entries_ && !network_.layers().front().transposed && !network_.frozen(0).weights)
            entries_.gather(data_->X, rows_);
    }

    // Hidden units are dropped as in this step; these are the batch's rows from `first_row` on.
    void begin_dropout(Index step, Index first_row) {
        drops_ = !network_.config().dropout.rates.empty();
        step_ = step;
        first_row_ = first_row;
        for (Index l = 1; drops_ && l < network_.depth(); ++l)
            if (dropout_rate(l)) draws_[static_cast<std::size_t>(l)].reserve(rows_.count * width_of(l));
    }

    // Stops between layers when the interrupt has fired; the output means nothing then.
    void forward(const T* theta, int share, Index r0, Index r1, Interrupt* interrupt) {
        if (shallow_) {
            if (interrupt && interrupt->tick(layer_work(0, r1 - r0))) return;
            const Index hidden_stride = network_.stride(1);
            T* output = activations_[2].data() + r0;
            T* input = activations_[0].data() + r0 * input_stride_;
            const bool gathered = !data_->X.is_dense();
            if (gathered) gather_inputs(r0, r1);
            ShallowPass<T>::forward(
                network_, gathered ? MatrixView<const T>{input, r1 - r0, input_stride_} : data_->X.dense,
                gathered ? Rows{nullptr, 0, r1 - r0} : rows_.slice(r0, r1 - r0), theta, input,
                activations_[1].data() + r0 * hidden_stride, output);
            return activate_in_place(network_.config().output, output, r1 - r0);
        }
        if (gathers_) gather_inputs(r0, r1);
        for (Index l = 0; l < network_.depth(); ++l) {
            if (interrupt && interrupt->tick(layer_work(l, r1 - r0))) return;
            const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
            const Index out_stride = network_.stride(l + 1);
            T* output = activations_[static_cast<std::size_t>(l) + 1].data() + r0 * out_stride;
            if (l == 0 && by_entries_) {
                const T* of_absent = output_of_absent(layer, data_->X, theta,
                                                      threads_[static_cast<std::size_t>(share)].absent);
                sparse_forward(layer, network_.activation(l), data_->X.sparse, rows_.slice(r0, r1 - r0),
                               of_absent, theta, output, out_stride);
            } else {
                dense_forward(layer, network_.activation(l), r1 - r0, activation(l) + r0 * stride(l),
                              stride(l), theta, output, out_stride);
            }
            if (drops_) drop(l + 1, r0, r1);
        }
    }

    // Notes w_i l(f_i, y_i) of each row. The output becomes `scale` times its derivative with respect to the
    // last layer's pre-activation.
    void loss_backward(double scale, Index r0, Index r1) {
        const Index outputs = network_.n_outputs(), stride = network_.stride(network_.depth());
        const Index rows = r1 - r0;
        const T* weights = gather_weights(r0, r1);
        T* z = activations_.back().data() + r0 * stride;
        double* losses = losses_.data() + r0;
        if (by_class()) {
            for (Index i = r0; i < r1; ++i) classes_.data()[i] = data_->classes[rows_[i]];
            return softmax_cross_entropy<T>(rows, outputs, z, stride, classes_.data() + r0, nullptr, weights,
                                            scale, losses);
        }
        const T* y = gather_targets(r0, r1);
        const LossConfig loss = network_.config().loss;
        const Activation activation = network_.config().output;
        T* a = z;  // what came out of the activation; the loss's gradient is written over z
        if (activation != Activation::identity) {
            a = derivatives_.back().data() + r0 * stride;
            std::memcpy(a, z, static_cast<std::size_t>(rows * stride) * sizeof(T));
        }
        differentiate_loss(loss, rows, outputs, z, y, stride, weights, scale, losses);
        activation_backward_in_place(activation, a, z, rows * stride);
    }

    // The sum over the block's rows of what loss_backward noted.
    double loss() const { return sum(losses_.data(), rows_.count); }

    // dL/d pre-activation of every layer from the lowest live one on, from loss_backward's of the last.
    void backward_rows(const T* theta, int share, Index r0, Index r1, Interrupt* interrupt) {
        if (shallow_) return;  // backward_parameters does it
        for (Index l = network_.depth() - 1; l > network_.lowest_live(); --l) {
            if (interrupt && interrupt->tick(layer_work(l, r1 - r0))) return;
            const Index in_stride = network_.stride(l), out_stride = network_.stride(l + 1);
            const bool drops = drops_ && dropout_rate(l);
            const Activation below = network_.activation(l - 1);
            const T* h = activation(l) + r0 * in_stride;
            T* d = derivatives_[static_cast<std::size_t>(l)].data() + r0 * in_stride;
            dense_backward_input(network_.layers()[static_cast<std::size_t>(l)],
                                 drops ? Activation::identity : below, r1 - r0, h, in_stride,
                                 d_z(l + 1) + r0 * out_stride, out_stride, theta, d, in_stride,
                                 threads_[static_cast<std::size_t>(share)].buffers);
            if (drops)
                dropout_backward(dropout_rate(l), below, draws(l, r0), r1 - r0, width_of(l), h, d, in_stride);
        }
    }

    // Gives the gradient with respect to a share of the parameters to the sink.
    void backward_parameters(const GradientSink<T>& sink, int share, int shares) {
        auto& thread = threads_[static_cast<std::size_t>(share)];
        if (shallow_) {
            if (share == 0) shallow_backward(sink, thread.buffers, thread.norms);
            return;
        }
        if (sink.has_frozen) [[unlikely]]
            return backward_live(sink, share, shares);
        for (Index l = network_.depth() - 1; l >= 0; --l) backward_layer(l, sink, share, shares);
    }

    // The same where layers are frozen.
    void backward_live(const GradientSink<T>& sink, int share, int shares) {
        auto& thread = threads_[static_cast<std::size_t>(share)];
        GradientSink<T> without_biases = sink;
        without_biases.drops_biases = true;
        for (Index l = network_.depth() - 1; l >= network_.lowest_live(); --l) {
            const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
            const Frozen frozen = network_.frozen(l);
            if (!frozen.weights) {
                backward_layer(l, frozen.bias ? without_biases : sink, share, shares);
            } else if (!frozen.bias && share == 0) {
                thread.buffers.piece.reserve(Blocking<T>::piece_size);
                dense_backward_bias(layer, rows_.count, d_z(l + 1), network_.stride(l + 1), 0,
                                    layer.transposed ? layer.n_out : layer.columns, sink, thread.buffers,
                                    thread.norms);
            }
        }
    }

    // Of one layer.
    void backward_layer(Index l, const GradientSink<T>& sink, int share, int shares) {
        auto& thread = threads_[static_cast<std::size_t>(share)];
        const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
        if (l == 0 && by_entries_)
            sparse_backward_parameters(layer, data_->X.sparse, rows_, entries_, d_z(l + 1),
                                       network_.stride(l + 1), sink, share, shares, thread.sums,
                                       thread.buffers, thread.norms);
        else
            dense_backward_parameters(layer, rows_.count, activation(l), stride(l), d_z(l + 1),
                                      network_.stride(l + 1), sink, share, shares, thread.buffers,
                                      thread.norms);
    }

    // The same for a sink that waits for all of the gradient.
    void finish(const GradientSink<T>& sink) {
        using Kind = typename GradientSink<T>::Kind;
        PieceNorms& norms = threads_[0].norms;
        if (sink.only_steps()) return sink.finish(Kind::weights, 0, sink.gradient, network_.size(), norms);
        for_each_piece([&](auto kind, Index offset, Index n) {
            sink.finish(kind, offset, sink.gradient + offset, n, norms);
        });
    }

    // The norm of the gradient that the sinks measured since the last call.
    double take_norm(bool largest) {
        for (std::size_t t = 1; t < threads_.size(); ++t) threads_[0].norms.take(threads_[t].norms);
        return threads_[0].norms.norm(largest);
    }

  private:
    struct Thread {
        PackBuffers<T> buffers;
        PieceNorms norms;
        Buffer<T> absent, sums;  // for a sparse first layer
    };

    // Of activation l; the output's units are never dropped.
    DropoutRate dropout_rate(Index l) const {
        return l == network_.depth() ? DropoutRate{}
                                     : network_.config().dropout.rates[static_cast<std::size_t>(l) - 1];
    }
    Index width_of(Index l) const { return network_.config().widths[static_cast<std::size_t>(l)]; }
    std::uint16_t* draws(Index l, Index row) {
        return draws_[static_cast<std::size_t>(l)].data() + row * width_of(l);
    }
    void drop(Index l, Index r0, Index r1) {
        const DropoutRate rate = dropout_rate(l);
        if (!rate) return;
        const Index n = width_of(l), stride = network_.stride(l);
        dropout_draws(network_.config().dropout.seed, l - 1, step_, first_row_ + r0, r1 - r0, n,
                      draws(l, r0));
        dropout_forward(rate, draws(l, r0), r1 - r0, n,
                        activations_[static_cast<std::size_t>(l)].data() + r0 * stride, stride);
    }

    void shallow_backward(const GradientSink<T>& sink, PackBuffers<T>& buffers, PieceNorms& norms) {
        buffers.piece.reserve(network_.size());
        T* gradient = sink.place(0, buffers.piece.data());
        ShallowPass<T>::backward(network_, rows_.count, activation(0), activation(1), output(), sink.theta,
                                 gradient);
        for_each_piece(
            [&](auto kind, Index offset, Index n) { sink(kind, offset, gradient + offset, n, norms); });
    }

    // f(kind, offset, n) for the weights and the bias of each layer that are not frozen.
    template <class F>
    void for_each_piece(F&& f) const {
        using Kind = typename GradientSink<T>::Kind;
        for (Index l = 0; l < network_.depth(); ++l) {
            const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
            const Frozen frozen = network_.frozen(l);
            if (!frozen.weights) f(Kind::weights, layer.weights_offset, layer.weights_size);
            if (!frozen.bias) f(Kind::bias, layer.bias_offset, layer.bias_size);
        }
    }

    void gather_inputs(Index r0, Index r1) {
        T* to = activations_[0].data();
        if (data_->X.is_sparse()) {
            for (Index i = r0; i < r1; ++i) data_->X.expand_row(rows_[i], to + i * input_stride_);
            return;
        }
        if (data_->X.is_polynomial())
            return data_->X.polynomial.expand(rows_, r0, r1 - r0, data_->X.cols, to, input_stride_);
        if (data_->X.is_product()) return data_->X.product.expand(rows_, r0, r1 - r0, to, input_stride_);
        const auto& X = data_->X.dense;
        if (input_stride_ == 1) {
            for (Index i = r0; i < r1; ++i) to[i] = X.data[rows_[i]];
            return;
        }
        // Rows come from anywhere: ask for them early, and for all of a short one. Of a long one the hardware
        // finds the rest.
        constexpr Index ahead = 12, line = 64 / static_cast<Index>(sizeof(T));
        const Index asked = X.cols < 8 * line ? X.cols : 1;
        for (Index i = r0; i < r1; ++i) {
            if (i + ahead < r1)
                for (Index j = 0; j < asked; j += line) __builtin_prefetch(X.row(rows_[i + ahead]) + j);
            copy_padded(to + i * input_stride_, X.row(rows_[i]), X.cols);
        }
    }

    // Whether the loss itself takes classes; for others they become indicators.
    bool by_class() const { return data_->classes && network_.config().loss.kind == Loss::softmax; }

    // The targets of rows r0 ... r1 at the output's stride (zero padding), where they lie if they can be read
    // there.
    const T* gather_targets(Index r0, Index r1) {
        const Index outputs = network_.n_outputs(), stride = network_.stride(network_.depth());
        if (data_->classes) return indicators(r0, r1, stride);
        if (!rows_.index && stride == outputs) return data_->y + (rows_.begin + r0) * outputs;
        T* targets = targets_.data();
        if (stride > outputs)
            for (Index i = r0; i < r1; ++i)
                copy_padded(targets + i * stride, data_->y + rows_[i] * outputs, outputs);
        else
            for (Index i = r0; i < r1; ++i)
                for (Index k = 0; k < outputs; ++k)
                    targets[i * outputs + k] = data_->y[rows_[i] * outputs + k];
        return targets + r0 * stride;
    }

    const T* indicators(Index r0, Index r1, Index stride) {
        T* targets = targets_.data() + r0 * stride;
        std::memset(targets, 0, static_cast<std::size_t>((r1 - r0) * stride) * sizeof(T));
        for (Index i = r0; i < r1; ++i) targets[(i - r0) * stride + data_->classes[rows_[i]]] = 1;
        return targets;
    }

    const T* gather_weights(Index r0, Index r1) {
        if (!data_->weights) return nullptr;
        if (!rows_.index) return data_->weights + rows_.begin + r0;
        for (Index i = r0; i < r1; ++i) weights_.data()[i] = data_->weights[rows_[i]];
        return weights_.data() + r0;
    }

    const T* d_z(Index l) const {
        return l == network_.depth() ? output() : derivatives_[static_cast<std::size_t>(l)].data();
    }

    // Multiply-adds of one layer, and something for what a call costs beside them.
    double layer_work(Index l, Index rows) const {
        const auto& layer = network_.layers()[static_cast<std::size_t>(l)];
        return static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out * rows) + 200;
    }

    const Network<T>& network_;
    const Dataset<T>* data_ = nullptr;
    Rows rows_;
    std::vector<Buffer<T>> activations_, derivatives_;
    std::vector<Buffer<std::uint16_t>> draws_;  // of the dropout of activation l
    bool shallow_, gathers_ = true, by_entries_ = false, drops_ = false;
    Index step_ = 0, first_row_ = 0;
    EntriesByColumn<T> entries_;  // of the block, if the first layer goes over them
    const T* input_ = nullptr;
    Index input_stride_ = 0;
    Buffer<T> targets_, weights_;
    Buffer<std::int64_t> classes_;
    Buffer<double> losses_;
    std::vector<Thread> threads_;
};

// The activations of every layer for all rows of X, each into an array (n, width).
template <class T>
void forward_blocks(const Network<T>& network, const Inputs<T>& X, const T* theta,
                    const std::vector<T*>& out) {
    const Dataset<T> data{.X = X};
    NetworkPass<T> pass(network, 1);
    const Index block = network.block_rows();
    for (Index first = 0; first < X.rows; first += block) {
        const Index count = X.rows - first < block ? X.rows - first : block;
        pass.begin(data, Rows{nullptr, first, count});
        pass.forward(theta, 0, 0, count, nullptr);
        for (Index l = 1; l <= network.depth(); ++l) {
            const Index width = network.layers()[static_cast<std::size_t>(l - 1)].n_out;
            copy_rows(count, width, pass.activation(l), network.stride(l),
                      out[static_cast<std::size_t>(l - 1)] + first * width, width);
        }
    }
}

}  // namespace steepest::STEEPEST_ISA
