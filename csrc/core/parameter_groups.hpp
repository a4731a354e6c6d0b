// Parameter groups: each layer's weights and biases may have a learning rate and decays of their own.
#pragma once

#include <vector>

#include "core/optimizers.hpp"

namespace steepest::STEEPEST_ISA {

// What a group has in place of the optimizer's own.
struct GroupConfig {
    double rate_factor = 1, l2 = 0, weight_decay = 0;
};
struct LayerGroups {
    GroupConfig weights, biases;
};

// For every segment of the parameters, which is one layer's weights or biases, the step that it takes.
template <class T>
class ParameterGroups final : public GroupedStep<T> {
  public:
    // for_pieces(f) calls f(offset, n, whether they are weights, ...) for all parameters in order. In a model
    // of one layer all pieces are that layer's; otherwise each layer has two, its weights and then its
    // biases.
    template <class ForPieces>
    ParameterGroups(const std::vector<LayerGroups>& groups, ForPieces&& for_pieces) {
        if (groups.empty()) return;
        std::size_t piece = 0;
        for_pieces([&](Index offset, Index n, bool weights, T) {
            const LayerGroups& layer = groups.at(groups.size() == 1 ? 0 : piece++ / 2);
            segments_.push_back({offset + n, weights ? layer.weights : layer.biases, {}});
        });
    }

    bool empty() const { return segments_.empty(); }

    // Has the steps ready at this rate. Their l2 is the objective's. The optimizer is that of the present
    // time; a schedule of the decay multiplies that of the groups.
    void prepare(const OptimizerConfig& optimizer, double rate, double decay_factor,
                 const Corrections& corrections, T* x, T* const* slots) {
        steps_.clear();
        for (auto& [end, group, config] : segments_) {
            config = optimizer;
            config.weight_decay = group.weight_decay * decay_factor;
            steps_.emplace_back(config, rate * group.rate_factor, corrections, x, slots);
        }
    }

    // Of a piece that lies in one segment.
    void operator()(Index offset, Index n, const T* gradient, T l1) const override {
        step_at(offset)(offset, n, gradient, true, l1);
    }
    void unit_steps(Index offset, Index n, T* to) const override {
        step_at(offset).unit_steps(offset, n, to);
    }

  private:
    const OptimizerStep<T>& step_at(Index offset) const {
        std::size_t s = 0;
        while (offset >= segments_[s].end) ++s;
        return steps_[s];
    }

    struct Segment {
        Index end;
        GroupConfig group;
        OptimizerConfig config;  // to which its step may refer
    };
    std::vector<Segment> segments_;
    std::vector<OptimizerStep<T>> steps_;
};

}  // namespace steepest::STEEPEST_ISA
