// Full-batch squared error needs the data once. With features phi(x_i), weights w_i and K targets,
//     G = sum w phi phi^T,   T_k = sum w y_k phi,   Y_k = sum w y_k^2
// say all there is to say, at any theta:
//     J(theta) = scale sum_k (Y_k - 2 theta_k.T_k + theta_k.G theta_k) + l1 |theta_weights|_1
//                + l2/2 |theta_weights|^2
// Near a good fit that difference cancels, so the moments and the difference are carried in double-double:
// the loss is then right to some 30 digits of Y, and the gradient more exact than a pass over the data gives
// it.
#pragma once

#include <vector>

#include "core/batches.hpp"
#include "core/double_double.hpp"
#include "core/interrupt.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

struct Moments {
    Index features = 0, outputs = 1;
    Index first_weight = 0;              // 1 if the first feature is the constant, which no penalty touches
    double scale = 1;                    // 1 / (rows x outputs)
    double weight = 0;                   // sum w
    std::vector<DoubleDouble<>> gram;    // (features, features)
    std::vector<DoubleDouble<>> cross;   // (outputs, features)
    std::vector<DoubleDouble<>> square;  // (outputs,)
    std::vector<double> variation;       // (outputs,): sum w (y_k - mean)^2

    Moments(Index features_, Index outputs_, Index first_weight_, double scale_)
        : features(features_),
          outputs(outputs_),
          first_weight(first_weight_),
          scale(scale_),
          gram(static_cast<std::size_t>(features * features)),
          cross(static_cast<std::size_t>(features * outputs)),
          square(static_cast<std::size_t>(outputs)),
          variation(square.size()) {}

    DoubleDouble<>& g(Index i, Index j) { return gram[static_cast<std::size_t>(i * features + j)]; }
    const DoubleDouble<>& g(Index i, Index j) const {
        return gram[static_cast<std::size_t>(i * features + j)];
    }
    DoubleDouble<>& t(Index k, Index j) { return cross[static_cast<std::size_t>(k * features + j)]; }
    const DoubleDouble<>& t(Index k, Index j) const {
        return cross[static_cast<std::size_t>(k * features + j)];
    }

    bool finite() const {
        double spread = 0;
        for (const auto* part : {&gram, &cross, &square})
            for (const auto& entry : *part) spread += (entry.hi - entry.hi) + (entry.lo - entry.lo);
        return spread == 0;
    }

    // The second derivative of J for one output; the constant isn't penalised.
    void hessian(double l2, double* to) const {  // (features, features)
        for (Index i = 0; i < features; ++i)
            for (Index j = 0; j < features; ++j)
                to[i * features + j] = 2 * scale * g(i, j).hi + (i == j && i >= first_weight ? l2 : 0.0);
    }
};

// J and its gradient, without the L1 penalty's, as the descent sees them, at O(features^2) for a step.
// Parameters are (outputs, features); whole vectors are read and written, so that theta and gradient need
// `slack` more entries at their ends.
class MomentsObjective {
  public:
    using Scalar = double;

    MomentsObjective(const Moments& moments, double l1, double l2, Interrupt* interrupt)
        : moments_(moments),
          l1_(l1),
          l2_(l2),
          interrupt_(interrupt),
          stride_(padded<double>(moments.features)),
          gram_(2 * stride_ * moments.features),
          cross_(2 * stride_ * moments.outputs) {
        for (Index i = 0; i < moments.features; ++i)
            for (Index j = 0; j < moments.features; ++j) {
                double* entry = column(i / lane_count, j) + i % lane_count;
                entry[0] = moments.g(i, j).hi;
                entry[lane_count] = moments.g(i, j).lo;
            }
        for (Index k = 0; k < moments.outputs; ++k)
            for (Index i = 0; i < moments.features; ++i) {
                double* entry = targets(k, i / lane_count) + i % lane_count;
                entry[0] = moments.t(k, i).hi;
                entry[lane_count] = moments.t(k, i).lo;
            }
    }

    static constexpr Index slack = lanes<double>;

    Index size() const { return moments_.outputs * moments_.features; }
    Index n_rows() const { return 0; }
    template <class F>
    void for_weights(F&& f) const {
        for (Index k = 0; k < moments_.outputs; ++k)
            f(k * moments_.features + moments_.first_weight, moments_.features - moments_.first_weight, l1_);
    }

    void add_l2(const std::vector<double>& l2) { l2_ += l2.front(); }

    double loss_gradient(Rows, const double* theta, double* gradient) {
        DoubleDouble<> error{};
        for (Index k = 0; k < moments_.outputs; ++k) {
            if (interrupt_ && interrupt_->tick(static_cast<double>(4 * stride_ * moments_.features)))
                return 0;
            error = error + squared_error(k, theta + k * moments_.features, gradient + k * moments_.features);
        }
        double squares = 0, magnitudes = 0;
        if (l2_ != 0)
            for_weights([&](Index offset, Index n, double) {
                squares += sum_of_squares(theta + offset, n);
                for (Index i = offset; i < offset + n; ++i) gradient[i] = fma(l2_, theta[i], gradient[i]);
            });
        if (l1_ != 0)
            for_weights(
                [&](Index offset, Index n, double) { magnitudes += sum_of_magnitudes(theta + offset, n); });
        return fma(0.5 * l2_, squares, moments_.scale * error.hi) + l1_ * magnitudes;
    }

    // Mean squared error, without penalty, and R^2: for moments of held-out data.
    struct Evaluation {
        double loss, score;
    };
    Evaluation evaluate(const double* theta) {
        gradient_.reserve(stride_);
        double loss = 0, score = 0;
        for (Index k = 0; k < moments_.outputs; ++k) {
            const double error = squared_error(k, theta + k * moments_.features, gradient_.data()).hi;
            const double variation = moments_.variation[static_cast<std::size_t>(k)];
            loss += error;
            score += variation > 0 ? 1.0 - error / variation : error > 0 ? 0.0 : 1.0;
        }
        const double outputs = static_cast<double>(moments_.outputs);
        return {loss / (outputs * moments_.weight), score / outputs};
    }

  private:
    static constexpr Index lane_count = lanes<double>;
    static constexpr int parts = Lanes<double>::parts;
    using Vector = DoubleDouble<Vec<double>>;

    // The high parts of 8 entries of column j of G, then the low ones; a block of rows is contiguous.
    double* column(Index block, Index j) {
        return gram_.data() + (block * moments_.features + j) * 2 * lane_count;
    }
    double* targets(Index k, Index block) { return cross_.data() + k * 2 * stride_ + block * 2 * lane_count; }

    static STEEPEST_INLINE Vector load_part(const double* p, int part) {
        return {load(p + part * width<double>), load(p + lane_count + part * width<double>)};
    }

    // gradient = 2 scale (G theta - T);  returns Y + theta.(G theta - 2 T), which is a sum of squares and so
    // not negative, whatever rounding says.
    DoubleDouble<> squared_error(Index k, const double* theta, double* gradient) {
        DoubleDoubleLanes sum;
        const Index blocks = stride_ / lane_count;
        Index block = 0;
        // Two blocks at a time: enough independent sums to hide the latency of one.
        for (; block + 2 <= blocks; block += 2) add_blocks<2>(k, block, theta, gradient, sum);
        if (block < blocks) add_blocks<1>(k, block, theta, gradient, sum);
        const auto error = moments_.square[static_cast<std::size_t>(k)] + sum.sum();
        return error.hi < 0 ? DoubleDouble<>{} : error;
    }

    template <int Blocks>
    STEEPEST_INLINE void add_blocks(Index k, Index block, const double* theta, double* gradient,
                                    DoubleDoubleLanes& total) {
        Vector h[Blocks][parts], t[Blocks][parts];
        for (int b = 0; b < Blocks; ++b)
            for (int p = 0; p < parts; ++p) {
                t[b][p] = load_part(targets(k, block + b), p);
                h[b][p] = -t[b][p];
            }
        for (Index j = 0; j < moments_.features; ++j) {
            const Vec<double> theta_j = splat(theta[j]);
            for (int b = 0; b < Blocks; ++b)
                for (int p = 0; p < parts; ++p)
                    add_product(h[b][p], load_part(column(block + b, j), p), theta_j);
        }
        for (int b = 0; b < Blocks; ++b)
            for (int p = 0; p < parts; ++p) {
                const Index at = (block + b) * lane_count + p * width<double>;
                store(gradient + at, 2 * moments_.scale * (h[b][p].hi + h[b][p].lo));
                Vector sum{total.hi.part[p], total.lo.part[p]};
                add_product(sum, h[b][p] - t[b][p], load(theta + at));
                total.hi.part[p] = sum.hi;
                total.lo.part[p] = sum.lo;
            }
    }

    const Moments& moments_;
    double l1_, l2_;
    Interrupt* interrupt_;
    Index stride_;
    Buffer<double> gram_, cross_, gradient_;
};

}  // namespace steepest::STEEPEST_ISA
