// Steps that need all of the gradient first: their lengths, the searches along them, and Prodigy's.
#pragma once

#include "core/clipping.hpp"
#include "core/line_search.hpp"
#include "core/optimizers.hpp"
#include "core/prodigy.hpp"
#include "core/step_length.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Of step number `step`, counted from 1, where the loss and the pieces' gradients are known.
template <class T>
double length_of_step(const OptimizerConfig& config, const Pieces<T>& pieces, Index step, double rate,
                      double loss, const double* scalars) {
    using Length = OptimizerConfig::Length;
    if (config.length == Length::polyak) return polyak_length(config, pieces, loss, rate);
    if (config.length == Length::barzilai_borwein)
        return barzilai_borwein_length(config, pieces, step, rate, scalars);
    if (config.searches() && scalars[0] > 0 && config.line_search.grow > 0)
        return config.line_search.grow * scalars[0];
    return rate;
}

// By Prodigy, Barzilai and Borwein, or any optimizer's rule.
template <class T>
void step_pieces(const OptimizerConfig& config, double rate, const Corrections& corrections,
                 const Pieces<T>& pieces, double* scalars) {
    if (config.kind == OptimizerConfig::Kind::prodigy)
        return prodigy_step(config, rate, corrections, pieces, scalars);
    if (config.length == OptimizerConfig::Length::barzilai_borwein) remember_point(pieces, rate, scalars);
    for (const auto& [x, g, slots, n, weights, l1, l2, array] : pieces)
        OptimizerStep<T>(config, rate, corrections, x, slots)(0, n, g, weights, l1);
}

// The search along an optimizer's step for the rate 1. Where that leads to no lower point, momentum begins
// anew, with the gradient alone, and the lengths at the learning rate if the last was shorter: the fall along
// a very short one is lost in rounding. Where nothing is found, the parameters and the slots are as they
// were.
template <class T>
class Searcher {
  public:
    struct Found {
        double length = 0, loss = 0;
    };

    // evaluate(gradient) is the loss at x, (size,), which is moved.
    template <class Evaluate>
    std::optional<Found> operator()(const OptimizerConfig& config, const Corrections& corrections,
                                    const Pieces<T>& pieces, T* x, T* gradient, Index size, double loss,
                                    double first, double* scalars, Evaluate&& evaluate) {
        constexpr Index slack = lanes<T>;  // for those who write whole vectors
        const auto bytes = static_cast<std::size_t>(size) * sizeof(T);
        for (auto* buffer : {&start_, &direction_, &gradient_}) buffer->reserve(size + slack);
        std::memcpy(start_.data(), x, bytes);
        slots_.reserve(config.slots() * size);
        for_slots(config, pieces, x, size,
                  [](T* slot, T* kept, std::size_t n) { std::memcpy(kept, slot, n); });
        const T* p = direction_.data();
        double found_loss = loss;
        auto phi = [&](double length) {
            const T a = static_cast<T>(length);
            for (Index i = 0; i < size; ++i) x[i] = fma(a, p[i], start_.data()[i]);
            found_loss = evaluate(gradient_.data());
            const bool finite = found_loss - found_loss == 0;  // otherwise, also at -inf, that is too far
            return Trial{finite ? found_loss : __builtin_inf(), dot(gradient_.data(), p, size)};
        };
        auto search = [&](double length) {
            set_direction(config, corrections, pieces, x, bytes);
            const Trial origin{loss, dot(gradient, p, size)};
            if (!(origin.slope < 0)) return 0.0;
            if (config.length == OptimizerConfig::Length::armijo)
                return armijo_search(config.line_search, origin, length, phi);
            return WolfeSearch(config.line_search, origin, phi)(length);
        };
        double length = search(first);
        if (!(length > 0) && (config.slots() > 0 || first < config.learning_rate)) {
            for (const auto& piece : pieces)
                for (int s = 0; s < config.slots(); ++s)
                    std::memset(piece.slots[s], 0, static_cast<std::size_t>(piece.n) * sizeof(T));
            length = search(first < config.learning_rate ? config.learning_rate : first);
        }
        if (!(length > 0) || !(found_loss - found_loss == 0)) {
            std::memcpy(x, start_.data(), bytes);
            for_slots(config, pieces, x, size,
                      [](T* slot, T* kept, std::size_t n) { std::memcpy(slot, kept, n); });
            return std::nullopt;
        }
        std::memcpy(gradient, gradient_.data(), bytes);
        scalars[0] = length;
        return Found{length, found_loss};
    }

  private:
    // The step from 0, so that nothing of it is lost to x.
    void set_direction(const OptimizerConfig& config, const Corrections& corrections, const Pieces<T>& pieces,
                       const T* x, std::size_t bytes) {
        std::memset(direction_.data(), 0, bytes);
        for (const auto& [at, g, slots, n, weights, l1, l2, array] : pieces)
            OptimizerStep<T>(config, 1.0, corrections, direction_.data() + (at - x), slots)(0, n, g, false);
    }

    // f(slot, where it is kept, bytes) for all pieces.
    template <class F>
    void for_slots(const OptimizerConfig& config, const Pieces<T>& pieces, const T* x, Index size, F&& f) {
        for (const auto& piece : pieces)
            for (int s = 0; s < config.slots(); ++s)
                f(piece.slots[s], slots_.data() + s * size + (piece.x - x),
                  static_cast<std::size_t>(piece.n) * sizeof(T));
    }

    Buffer<T> start_, direction_, gradient_, slots_;
};

}  // namespace steepest::STEEPEST_ISA
