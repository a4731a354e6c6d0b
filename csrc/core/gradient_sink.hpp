// What becomes of a gradient, piece by piece, as soon as a piece has been computed and is still in the
// first-level cache: it is stored, or the optimizer's step is taken at once and it never goes to memory.
#pragma once

#include <algorithm>
#include <vector>

#include "core/optimizers.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// The norm of a gradient that comes in pieces. Each thread notes its own; the sum is in the order of the
// parameters, so it does not depend on who computed which piece.
class PieceNorms {
  public:
    void note(Index offset, double value) { values_.emplace_back(offset, value); }
    void take(PieceNorms& other) {
        values_.insert(values_.end(), other.values_.begin(), other.values_.end());
        other.values_.clear();
    }
    // sqrt(sum of the pieces' sums of squares), or the largest of the pieces' largest magnitudes. NaN if any
    // is.
    double norm(bool largest) {
        std::sort(values_.begin(), values_.end());
        double result = 0;
        for (const auto& [offset, value] : values_) result = joined(result, value, largest);
        values_.clear();
        return largest ? result : __builtin_sqrt(result);
    }

  private:
    std::vector<std::pair<Index, double>> values_;
};

// Of a layer's weights in this step: l1 ||W||_1 + l2 / 2 ||W||^2.
struct LayerPenalty {
    Index end = 0;  // of the layer's parameters
    double l1 = 0, l2 = 0;
};

template <class T>
struct GradientSink {
    enum class Kind { weights, bias };

    T* gradient = nullptr;                   // (size,): where sums over several blocks of rows are kept
    const OptimizerStep<T>* step = nullptr;  // or nullptr: the gradient itself is wanted
    const T* theta = nullptr;                // (size,)
    bool first = true, last = true;          // the block of rows that a piece sums over
    bool at_once = true;  // false: the gradient is small, and is finished when all of it is there
    const LayerPenalty* penalties = nullptr;  // of each layer, or nullptr: l2 * theta is added for
                                              // weights, and their step minds l1
    bool no_bias = false;                     // the gradient of biases is 0
    const T* mask = nullptr;    // (size,): the gradient of weights is 0 where this is; nullptr: nowhere
    bool has_frozen = false;    // some parameters get neither gradient nor step
    bool drops_biases = false;  // those of the layer at hand
    bool measure = false, largest = false;  // note the norm; of which kind

    // Where to put a piece that belongs to the parameters from `offset` on.
    T* place(Index offset, T* scratch) const { return first && !at_once ? gradient + offset : scratch; }

    // That piece is complete; it may be overwritten.
    void operator()(Kind kind, Index offset, T* piece, Index n, PieceNorms& norms) const {
        if (!first) add(piece, gradient + offset, n);
        if (last && at_once)
            finish(kind, offset, piece, n, norms);
        else
            keep(offset, piece, n);
    }

    // What happens to a gradient that is the whole sum.
    void finish(Kind kind, Index offset, T* piece, Index n, PieceNorms& norms) const {
        if (kind == Kind::bias && no_bias) std::memset(piece, 0, static_cast<std::size_t>(n) * sizeof(T));
        if (mask && kind == Kind::weights) [[unlikely]]
            apply_mask(offset, piece, n);
        T l1 = 0;
        if (kind == Kind::weights && penalties) l1 = penalise(offset, piece, n);
        if (measure) norms.note(offset, size(offset, piece, n, l1));
        if (step)
            (*step)(offset, n, piece, kind == Kind::weights, l1);
        else
            keep(offset, piece, n);
    }

    // Whether finish is a step that treats all parameters alike.
    bool only_steps() const {
        return step && !step->decays() && !penalties && !no_bias && !measure && !mask && !has_frozen;
    }
    // Whether weights whose gradient is 0 stay as they are, and may be passed over.
    bool passes_over_zeros() const {
        return step && step->moves_alone() && at_once && first && last && !penalties && !measure && !mask;
    }

  private:
    [[gnu::noinline]] void apply_mask(Index offset, T* piece, Index n) const {
        for (Index i = 0; i < n; i += width<T>) {
            const Vec<T> g = load(piece + i);
            store(piece + i, load(mask + offset + i) == 0 ? Vec<T>{} : g);
        }
    }
    // Adds the gradient of the differentiable penalty; returns the strength of the other.
    T penalise(Index offset, T* piece, Index n) const {
        const LayerPenalty* layer = penalties;
        while (offset >= layer->end) ++layer;
        if (const T l2 = static_cast<T>(layer->l2); l2 != 0)
            for (Index i = 0; i < n; i += width<T>)
                store(piece + i, fma(splat(l2), load(theta + offset + i), load(piece + i)));
        return static_cast<T>(layer->l1);
    }
    double size(Index offset, const T* piece, Index n, T l1) const {
        if (l1 != 0) return size_of_subgradient(theta + offset, piece, n, l1, largest);
        return largest ? largest_magnitude(piece, n) : sum_of_squares(piece, n);
    }
    void keep(Index offset, const T* piece, Index n) const {
        if (piece != gradient + offset)  // where place() may have put it
            std::memcpy(gradient + offset, piece, static_cast<std::size_t>(n) * sizeof(T));
    }
    static void add(T* piece, const T* sum, Index n) {
        for (Index i = 0; i < n; i += width<T>) store(piece + i, load(sum + i) + load(piece + i));
    }
};

}  // namespace steepest::STEEPEST_ISA
