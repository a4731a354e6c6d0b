// Masks of a network's weights: where one is 0 the weight is 0, and so are its moments, and both stay so.
#pragma once

#include "bindings/network_arguments.hpp"

namespace steepest::STEEPEST_ISA {

template <class T>
class NetworkMask {
  public:
    const T* data() const { return flat_.data(); }

    // From a list of arrays (n_in, n_out) of 0 and 1, one for each layer.
    void set(const Network<T>& network, const py::list& by_layer) {
        if (by_layer.size() != network.layers().size())
            throw std::invalid_argument("the masks do not fit the layers");
        flat_.reserve(network.size());
        for (std::size_t l = 0; l < by_layer.size(); ++l) {
            const auto& layer = network.layers()[l];
            const py::array mask = as_array(by_layer[l]);
            if (!is_array_of<T>(by_layer[l]) || mask.ndim() != 2 || mask.shape(0) != layer.n_in ||
                mask.shape(1) != layer.n_out)
                throw std::invalid_argument("the masks do not fit the weights");
            const std::vector<T> biases(static_cast<std::size_t>(layer.n_out), T(1));
            layer.pack(data_of(by_layer[l]), biases.data(), flat_.data());
        }
    }

    // The weights become 0, and the optimizer's slots what they are before the first step.
    void clear(const Network<T>& network, const OptimizerConfig& optimizer, T* theta, T* const* slots) const {
        for (const auto& layer : network.layers())
            for (Index i = layer.weights_offset; i < layer.bias_offset; ++i) {
                if (flat_.data()[i] != 0) continue;
                theta[i] = 0;
                for (int s = 0; s < optimizer.slots(); ++s)
                    slots[s][i] = static_cast<T>(optimizer.initial[s]);
            }
    }

  private:
    static const T* data_of(py::handle array) { return steepest::STEEPEST_ISA::data<T>(array); }

    Buffer<T> flat_;
};

}  // namespace steepest::STEEPEST_ISA
