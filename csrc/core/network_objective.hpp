// Loss and gradient of a network on a data set, as the descent sees them.
#pragma once

#include "core/network_pass.hpp"
#include "core/neuron_groups.hpp"
#include "core/pool.hpp"
#include "core/scores.hpp"
#include "core/sharing.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
class NetworkObjective {
  public:
    using Scalar = T;
    static constexpr bool pieces_are_arrays = true;

    NetworkObjective(const Network<T>& network, const Dataset<T>& data, Interrupt* interrupt = nullptr,
                     int n_threads = 1)
        : network_(network),
          data_(data),
          interrupt_(interrupt),
          threads_(is_shared(work_of(network, data, largest_block(network, data))) ? n_threads : 1),
          pass_(network, threads_.count()),
          step_(network.config().dropout.first_step) {
        for (const auto& layer : network.layers()) penalties_.push_back({.end = layer.end()});
    }

    Index size() const { return network_.size(); }
    Index n_rows() const { return data_.X.rows; }

    // Where weight decay applies, the weights, not the biases; and the L1 penalty of the last loss there.
    template <class F>
    void for_weights(F&& f) const {
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            const auto& layer = network_.layers()[l];
            f(layer.weights_offset, layer.weights_size, static_cast<T>(penalties_[l].l1));
        }
    }

    // f(offset, n, whether they are weights, their L1 penalty) for all parameters that are not frozen.
    template <class F>
    void for_pieces(F&& f) const {
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            const auto& layer = network_.layers()[l];
            const Frozen frozen = network_.frozen(static_cast<Index>(l));
            if (!frozen.weights)
                f(layer.weights_offset, layer.weights_size, true, static_cast<T>(penalties_[l].l1));
            if (!frozen.bias) f(layer.bias_offset, layer.bias_size, false, T(0));
        }
    }

    // Weights stay where they are where this, (size,) or nullptr, is 0.
    void set_mask(const T* mask) { mask_ = mask; }

    bool has_groups() const { return !network_.config().group_lasso.empty(); }

    // What holds whole neurons, after a step: a group penalty's proximal step, and the largest norm.
    void after_step(const OptimizerStep<T>& step) const {
        const auto& config = network_.config();
        if (config.group_lasso.empty() && config.max_norm.empty()) return;
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            if (network_.frozen(static_cast<Index>(l)).weights) continue;
            const auto& layer = network_.layers()[l];
            if (const double lambda = strength(config.group_lasso, l); lambda > 0)
                shrink_groups(layer, lambda, step);
            if (config.max_norm.empty()) continue;
            if (const double largest = strength(config.max_norm, l); largest < __builtin_inf())
                limit_norms(layer, largest, step.parameters());
        }
    }

    // Of the gradient from loss_gradient, or with penalties that have none of the subgradient of the least
    // norm.
    double gradient_norm(const T* theta, const T* gradient, bool largest) const {
        double size = 0;
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            const auto& layer = network_.layers()[l];
            const Frozen frozen = network_.frozen(static_cast<Index>(l));
            if (!frozen.weights)
                size = joined(size,
                              size_of_group_subgradient(layer, theta, gradient, penalties_[l].l1,
                                                        strength(network_.config().group_lasso, l), largest),
                              largest);
            const T* bias = gradient + layer.bias_offset;
            if (!frozen.bias)
                size = joined(size,
                              largest ? largest_magnitude(bias, layer.bias_size)
                                      : sum_of_squares(bias, layer.bias_size),
                              largest);
        }
        return largest ? size : __builtin_sqrt(size);
    }

    // The mean loss on these rows with its penalty; the gradient, of all but an L1 penalty, is overwritten.
    // If the interrupt fires, neither means anything.
    double loss_gradient(Rows rows, const T* theta, T* gradient) {
        GradientSink<T> sink;
        sink.gradient = gradient;
        sink.theta = theta;
        return descend(rows, theta, sink);
    }

    // The same loss, and the optimizer's step from theta in the same pass, so that no gradient needs a place
    // in memory. If the loss is not finite or the interrupt fires before the step has begun, it isn't taken.
    // gradient_norm, if given, receives the norm of the gradient.
    double loss_step(Rows rows, const T* theta, const OptimizerStep<T>& step, bool largest,
                     double* gradient_norm) {
        if (gradient_norm && has_groups()) [[unlikely]]
            return measured_group_step(rows, theta, step, largest, *gradient_norm);
        GradientSink<T> sink;
        sink.at_once = size() > small_gradient;
        if (!sink.at_once || rows.count > network_.block_rows()) gradient_.reserve(size());
        sink.gradient = gradient_.data();
        sink.theta = theta;
        sink.step = &step;
        sink.measure = gradient_norm != nullptr;
        sink.largest = largest;
        const double loss = descend(rows, theta, sink);
        if (gradient_norm) *gradient_norm = pass_.take_norm(largest);
        if (!stopped() && loss - loss == 0) after_step(step);
        return loss;
    }

    // Whatever the number of rows.
    void add_l2(const std::vector<double>& of_layers) {
        l2_ = of_layers;
        rows_of_penalties_ = 0;
    }

    // The part of the last loss that is no data's.
    double penalty() const { return penalty_; }

    // Mean loss without penalty, and score, on another data set: accuracy for classifiers, R^2 otherwise.
    struct Evaluation {
        double loss, score;
    };
    Evaluation evaluate(const Dataset<T>& data, const T* theta);

  private:
    // Entries of a gradient that stays in the first-level cache as a whole.
    static constexpr Index small_gradient = 16 * 1024 / static_cast<Index>(sizeof(T));

    // The same loss and step, measured where the whole gradient is needed for that.
    [[gnu::noinline]] double measured_group_step(Rows rows, const T* theta, const OptimizerStep<T>& step,
                                                 bool largest, double& norm) {
        gradient_.reserve(size());
        const double loss = loss_gradient(rows, theta, gradient_.data());
        norm = gradient_norm(theta, gradient_.data(), largest);
        if (stopped() || !(loss - loss == 0)) return loss;
        for_pieces([&](Index offset, Index n, bool weights, T l1) {
            step(offset, n, gradient_.data() + offset, weights, l1);
        });
        after_step(step);
        return loss;
    }

    // f(share, r0, r1) for all shares of `count` rows; work is in multiply-adds.
    template <class F>
    void for_rows(Index count, double work, F&& f) {
        const int shares = shares_for(work);
        auto cut = [=](int s) { return s == shares ? count : count * s / shares / 4 * 4; };
        for_shares(shares, [&](int share) {
            if (const Index r0 = cut(share), r1 = cut(share + 1); r1 > r0) f(share, r0, r1);
        });
    }
    template <class F>
    void for_shares(int shares, F&& f) {
        if (shares == 1)
            f(0);
        else
            threads_.run(f);
    }
    static Index largest_block(const Network<T>& network, const Dataset<T>& data) {
        return data.X.rows < network.block_rows() ? data.X.rows : network.block_rows();
    }
    // By the shape of the data alone: multiply-adds of `rows` rows on their way through the network.
    static double work_of(const Network<T>& network, const Dataset<T>& data, Index rows) {
        const auto& first = network.layers().front();
        if (!goes_over_entries(first, data.X)) return network.multiply_adds(rows);
        return work_over_entries(first, data.X, rows) + network.multiply_adds(rows, 1);
    }
    // Below about 10 microseconds a step, two threads spend what they save on handing each other the rows and
    // parameters that they have written, a cache line at a time; up to about half a millisecond, a late
    // worker can cost more than it saves. Work is in multiply-adds.
    static bool is_shared(double work) { return work >= 500'000; }
    static bool is_large(double work) { return work >= 20'000'000; }
    int shares_for(double work) const {
        return is_shared(work) && (is_large(work) || sharing_.shares()) ? threads_.count() : 1;
    }

    double descend(Rows rows, const T* theta, GradientSink<T>& sink) {
        const Index block = network_.block_rows();
        const double work = work_of(network_, data_, rows.count < block ? rows.count : block);
        if (threads_.count() == 1 || !is_shared(work) || is_large(work)) return pass_rows(rows, theta, sink);
        sharing_.begin();
        const double loss = pass_rows(rows, theta, sink);
        sharing_.end();
        return loss;
    }

    double pass_rows(Rows rows, const T* theta, GradientSink<T>& sink) {
        const auto& config = network_.config();
        const double total = batch_weight(rows);
        if (const double rows_of = config.l2_per_row && total > 0 ? total : 1; rows_of != rows_of_penalties_)
            set_penalties(rows_of);
        penalty_ = is_penalised_ ? penalty_at(theta) : 0;
        if (has_groups()) [[unlikely]]
            penalty_ += group_penalty_at(theta);
        sink.penalties = is_penalised_ ? penalties_.data() : nullptr;
        sink.no_bias = config.no_bias;
        sink.mask = mask_;
        sink.has_frozen = !config.frozen.empty();
        const double scale = total > 0 ? config.output_scale / total : 0;  // 0: nothing in this batch counts
        const Index block = network_.block_rows();
        double loss = 0;
        for (Index first = 0; first < rows.count; first += block) {
            const Rows part = rows.slice(first, rows.count - first < block ? rows.count - first : block);
            sink.first = first == 0;
            sink.last = first + block >= rows.count;
            loss += block_backward(part, first, theta, scale);
            if (stopped()) return 0;
            const double mean = loss * scale + penalty_;
            if (sink.last && sink.step && !(mean - mean == 0)) return mean;
            const int shares = shares_for(work_of(network_, data_, part.count));
            for_shares(shares, [&](int share) { pass_.backward_parameters(sink, share, shares); });
        }
        if (!sink.at_once) pass_.finish(sink);
        ++step_;
        return loss * scale + penalty_;
    }

    // Forward and back to every layer's pre-activation, of the batch's rows from `first` on; returns the sum
    // of the rows' losses.
    double block_backward(Rows rows, Index first, const T* theta, double scale) {
        const double work = work_of(network_, data_, rows.count);
        pass_.begin(data_, rows);
        pass_.begin_dropout(step_, first);
        pass_.begin_loss();
        pass_.begin_backward();
        for_rows(rows.count, work, [&](int share, Index r0, Index r1) {
            Interrupt* interrupt = share == 0 ? interrupt_ : nullptr;
            pass_.forward(theta, share, r0, r1, interrupt);
            pass_.loss_backward(scale, r0, r1);
            pass_.backward_rows(theta, share, r0, r1, interrupt);
        });
        return pass_.loss();
    }

    bool stopped() const { return interrupt_ && interrupt_->stopped(); }

    double batch_weight(Rows rows) const {
        if (!network_.config().weights_by_batch || !data_.weights) return static_cast<double>(rows.count);
        double sum = 0;
        for (Index i = 0; i < rows.count; ++i) sum += static_cast<double>(data_.weights[rows[i]]);
        return sum;
    }

    // Each layer's penalty with its strength divided by `rows`.
    void set_penalties(double rows) {
        const auto& config = network_.config();
        rows_of_penalties_ = rows;
        is_penalised_ = false;
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            auto& [end, l1, l2] = penalties_[l];
            l1 = strength(config.l1, l) / rows;
            l2 = strength(config.l2, l) / rows + l2_[l2_.size() == 1 ? 0 : l];
            is_penalised_ |= l1 != 0 || l2 != 0;
        }
    }

    // What they add up to; layers of equal strength are added up before they are multiplied by it.
    double penalty_at(const T* theta) const {
        double penalty = 0, magnitudes = 0, squares = 0;
        for (std::size_t l = 0; l < penalties_.size(); ++l) {
            const auto& [end, l1, l2] = penalties_[l];
            const auto& layer = network_.layers()[l];
            if (l1 != 0) magnitudes += sum_of_magnitudes(theta + layer.weights_offset, layer.weights_size);
            if (l2 != 0) squares += sum_of_squares(theta + layer.weights_offset, layer.weights_size);
            if (l + 1 < penalties_.size() && penalties_[l + 1].l1 == l1 && penalties_[l + 1].l2 == l2)
                continue;
            penalty += l1 * magnitudes + 0.5 * l2 * squares;
            magnitudes = squares = 0;
        }
        return penalty;
    }

    double group_penalty_at(const T* theta) const {
        double penalty = 0;
        for (std::size_t l = 0; l < penalties_.size(); ++l)
            if (const double lambda = strength(network_.config().group_lasso, l); lambda > 0)
                penalty += lambda * sum_of_group_norms(network_.layers()[l], theta);
        return penalty;
    }

    const Network<T>& network_;
    Dataset<T> data_;
    Interrupt* interrupt_;
    Threads threads_;
    SharingChoice sharing_;
    NetworkPass<T> pass_;
    Index step_;  // of the dropout masks: every gradient is one
    Buffer<T> gradient_;
    std::vector<LayerPenalty> penalties_;
    std::vector<double> l2_ = {0};  // beside the configuration's
    double rows_of_penalties_ = 0;  // what the last batch divided their strengths by
    bool is_penalised_ = false;
    double penalty_ = 0;
    const T* mask_ = nullptr;
};

template <class T>
typename NetworkObjective<T>::Evaluation NetworkObjective<T>::evaluate(const Dataset<T>& data,
                                                                       const T* theta) {
    const auto& config = network_.config();
    const Index block = network_.block_rows(), outputs = network_.n_outputs(), n = data.X.rows;
    const Index out_stride = network_.stride(network_.depth());
    const bool regression = !is_classification(config.loss.kind);
    RegressionScore r2(data, regression ? outputs : 0);
    std::vector<T> poisson_mean;
    double loss = 0, right = 0, weight = 0;
    for (Index first = 0; first < n; first += block) {
        const Rows part{nullptr, first, n - first < block ? n - first : block};
        pass_.begin(data, part);
        pass_.begin_loss();
        const double work = work_of(network_, data, part.count);
        for_rows(part.count, work, [&](int share, Index r0, Index r1) {
            pass_.forward(theta, share, r0, r1, share == 0 ? interrupt_ : nullptr);
        });
        if (stopped()) return {0, 0};
        for (Index i = 0; i < part.count; ++i) {
            const double w = data.weights ? static_cast<double>(data.weights[first + i]) : 1.0;
            const T* f = pass_.output() + i * out_stride;
            weight += w;
            if (config.loss.kind == Loss::poisson) {
                poisson_mean.assign(f, f + outputs);
                map_in_place(poisson_mean.data(), outputs, [](Vec<T> z) -> Vec<T> { return exp(z); });
                r2.add(poisson_mean.data(), data.y + (first + i) * outputs, w);
                continue;
            }
            if (regression)
                r2.add(f, data.y + (first + i) * outputs, w);
            else
                right += classified_right(data, first + i, f, outputs, config.loss.kind) ? w : 0.0;
        }
        for_rows(part.count, work, [&](int, Index r0, Index r1) { pass_.loss_backward(1.0, r0, r1); });
        loss += pass_.loss();
    }
    return {loss * config.output_scale / weight, regression ? r2.value() : right / weight};
}

}  // namespace steepest::STEEPEST_ISA
