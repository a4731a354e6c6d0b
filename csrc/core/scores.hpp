// How good predictions are: R^2 for numbers, accuracy for classes.
#pragma once

#include "core/network.hpp"

namespace steepest::STEEPEST_ISA {

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

// Whether row i is classified right: the largest output is that of its class; where there is no one class but
// an indicator for each output, all of them must be right.
template <class T>
bool classified_right(const Dataset<T>& data, Index i, const T* z, Index outputs, Loss loss) {
    if (loss != Loss::softmax && !data.classes) {
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

}  // namespace steepest::STEEPEST_ISA
