// Averages of the iterates, which are what a descent reports: it goes on from the iterates themselves.
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

struct AverageConfig {
    enum class Kind { none, exponential, uniform };
    Kind kind = Kind::none;
    double decay = 0;     // exponential
    bool debias = false;  // exponential: a mean from the first iterate on, by weights that decay
    Index start = 0;      // uniform: iterates up to this step are no part of the mean

    bool on() const { return kind != Kind::none; }
};

// The weight w of the iterate after step t, counted from 1, in mean <- mean + w (x - mean); 1 for the first.
inline double weight_of_iterate(const AverageConfig& c, Index step) {
    if (c.kind == AverageConfig::Kind::uniform)
        return step <= c.start + 1 ? 1.0 : 1.0 / static_cast<double>(step - c.start);
    if (c.debias) return (1.0 - c.decay) / (1.0 - Powers::once(c.decay, step));
    return step == 1 ? 1.0 : 1.0 - c.decay;
}

template <class T>
void average_in(const AverageConfig& config, Index step, const T* x, T* mean, Index n) {
    const double weight = weight_of_iterate(config, step);
    if (weight == 1) {
        std::memcpy(mean, x, static_cast<std::size_t>(n) * sizeof(T));
        return;
    }
    const T w = static_cast<T>(weight);
    Index i = 0;
    for (; i + width<T> <= n; i += width<T>) {
        const Vec<T> m = load(mean + i);
        store(mean + i, fma(splat(w), load(x + i) - m, m));
    }
    for (; i < n; ++i) mean[i] = fma(w, x[i] - mean[i], mean[i]);
}

}  // namespace steepest::STEEPEST_ISA
