// What a trained network says of each row: its output, its classes, or their probabilities. Rows go forward
// in blocks that stay in a near cache, and everything asked of a block is done while it is there:
// also the look for entries that are not finite, so that inputs come from memory once.
#pragma once

#include <atomic>

#include "core/losses.hpp"
#include "core/network_pass.hpp"
#include "core/pool.hpp"

namespace steepest::STEEPEST_ISA {

// Made of a row's last pre-activations z, (outputs,).
enum class Answer {
    output,          // z
    exponential,     // exp z
    logistic,        // 1 / (1 + exp(-z))
    softmax,         // exp(z_k) / sum_j exp(z_j)
    log_softmax,     // z_k - log sum_j exp(z_j)
    two_classes,     // of one output: logistic(-z), logistic(z)
    log_two_classes  // of one output: their logarithms
};

// The index of a row's largest entry: the first of several, or the first NaN. For one output: whether z > 0.
// Which entry is the largest can't be foreseen, so no branch asks.
template <class T>
STEEPEST_INLINE Index class_of(Index outputs, const T* z) {  // (outputs,)
    if (outputs == 1) return z[0] > 0;
    T largest = z[0];
    bool missing = z[0] != z[0];
    for (Index k = 1; k < outputs; ++k) {
        largest = z[k] > largest ? z[k] : largest;
        missing |= z[k] != z[k];
    }
    Index best = 0;
    for (Index k = outputs - 1; k >= 0; --k) best = (missing ? z[k] != z[k] : z[k] == largest) ? k : best;
    return best;
}

inline Index answer_columns(Answer answer, Index outputs) {
    return answer == Answer::two_classes || answer == Answer::log_two_classes ? 2 : outputs;
}

// f(|z|, likely, unlikely) for each logit z gives what is said of the class that its sign speaks for, and of
// the other one; they go to their places, that of z <= 0 first. V is the vector to compute in.
template <class V, class T, class F>
STEEPEST_INLINE void for_both_classes(Index rows, const T* z, T* to, F&& f) {  // (rows,), (rows, 2)
    constexpr Index together = static_cast<Index>(sizeof(V) / sizeof(V{}[0]));
    for (Index i = 0; i < rows; i += together) {
        const Index count = rows - i < together ? rows - i : together;
        V logit{}, likely, unlikely;
        for (Index r = 0; r < count; ++r) logit[r] = z[i + r];
        f(logit < 0 ? -logit : logit, likely, unlikely);
        const V negative = logit < 0 ? likely : unlikely, positive = logit < 0 ? unlikely : likely;
        for (Index r = 0; r < count; ++r) {
            to[2 * (i + r)] = static_cast<T>(negative[r]);
            to[2 * (i + r) + 1] = static_cast<T>(positive[r]);
        }
    }
}

// The logarithm of a probability: 0 where that rounds to 1 in T, so that it is the logarithm of the T.
template <class T, class V>
STEEPEST_INLINE V log_of_rounded(V logarithm) {
    constexpr double quarter = sizeof(T) == 4 ? 0x1p-25 : 0x1p-54;  // of the distance from 1 to the next T
    return logarithm > -quarter ? V{} : logarithm;
}

// to[k] = f(v) for the row's vectors v, with `room` entries from `to` on that may be written now.
template <class T, class F>
STEEPEST_INLINE void map_row(Index n, const T* from, T* to, Index room, F&& f) {  // (padded(n),), (n,)
    for (Index k = 0; k < n; k += width<T>) {
        const Vec<T> v = f(load(from + k));
        if (k + width<T> <= room)
            store(to + k, v);
        else
            std::memcpy(to + k, &v, static_cast<std::size_t>(n - k) * sizeof(T));
    }
}

// softmax(z_i), or its logarithm (z_k - max) - log sum_j exp(z_j - max). As in softmax_cross_entropy a block
// of rows goes through several short loops. What a row's last vector writes too much, the next row
// overwrites.
template <bool Logarithm, class T>
void softmax_rows(Index rows, Index classes, T* z, Index stride, T* to) {  // (rows, classes), z padded
    constexpr Index block = 32;
    for (Index first = 0; first < rows; first += block) {
        const Index count = rows - first < block ? rows - first : block;
        T largest[block];
        double sum[block], logarithm[block];
        for (Index i = 0; i < block; ++i) sum[i] = 1;
        auto row = [&](Index i) { return z + (first + i) * stride; };
        auto write = [&](Index i, auto f) {
            map_row(classes, row(i), to + (first + i) * classes, (rows - first - i) * classes, f);
        };
        for (Index i = 0; i < count; ++i) largest[i] = largest_logit(classes, row(i));
        for (Index i = 0; i < count && Logarithm; ++i)
            write(i, [&](Vec<T> v) -> Vec<T> { return v - largest[i]; });
        for (Index i = 0; i < count; ++i) sum[i] = exponentials(classes, row(i), largest[i]);
        if constexpr (Logarithm) {
            for (Index i = 0; i < count; i += width<double>)
                store(logarithm + i, log_of_normal(load(sum + i)));
            for (Index i = 0; i < count; ++i)
                for (T* p = to + (first + i) * classes; p < to + (first + i + 1) * classes; ++p)
                    *p = static_cast<T>(log_of_rounded<T>(static_cast<double>(*p) - logarithm[i]));
        } else {
            for (Index i = 0; i < count; ++i) {
                const T inverse = static_cast<T>(1.0 / sum[i]);
                write(i, [&](Vec<T> e) -> Vec<T> { return e * inverse; });
            }
        }
    }
}

// The answers for a block of rows, from z, which is overwritten. For softmax and log_softmax z is padded.
template <class T>
void answer_rows(Answer answer, Index rows, Index outputs, T* z, Index stride,  // (rows, outputs)
                 T* to) {                                                       // (rows, answer_columns)
    switch (answer) {
        case Answer::softmax:
            return softmax_rows<false>(rows, outputs, z, stride, to);
        case Answer::log_softmax:
            return softmax_rows<true>(rows, outputs, z, stride, to);
        case Answer::two_classes:
            return for_both_classes<Vec<T>>(rows, z, to,
                                            [](Vec<T> magnitude, Vec<T>& likely, Vec<T>& unlikely) {
                                                const Vec<T> e = exp(-magnitude);  // never overflows
                                                likely = 1 / (1 + e);
                                                unlikely = e / (1 + e);
                                            });
        case Answer::log_two_classes:
            return for_both_classes<Vec<double>>(
                rows, z, to, [](Vec<double> magnitude, Vec<double>& likely, Vec<double>& unlikely) {
                    const Vec<double> logarithm = -log1p_unit(exp(-magnitude));
                    likely = log_of_rounded<T>(logarithm);
                    unlikely = logarithm - magnitude;
                });
        case Answer::exponential:
            for (Index i = 0; i < rows; ++i)
                map_in_place(z + i * stride, outputs, [](Vec<T> v) -> Vec<T> { return exp(v); });
            break;
        case Answer::logistic:
            activate_rows(Activation::logistic, rows, outputs, z, stride);
            break;
        case Answer::output:
            break;
    }
    if (stride == outputs) return copy_rows(1, rows * outputs, z, 0, to, 0);
    copy_rows(rows, outputs, z, stride, to, outputs);
}

// Rows of a block: whole tiles on every instruction set, and few enough for the second-level cache.
template <class T>
Index near_rows(const Network<T>& network) {
    Index widest = 1;
    for (const Index w : network.config().widths) widest = widest < w ? w : widest;
    const Index fit = 128 * 1024 / static_cast<Index>(sizeof(T)) / widest / 42 * 42;
    return fit < 84 ? 84 : fit > 252 ? 252 : fit;
}

// use(first row, rows, z, stride) for each block of rows, z (rows, outputs) being the network's output before
// any activation of the last layer; z may be overwritten. False as soon as some dense input is not finite.
// The blocks are shared among up to n_threads if there are many; no result depends on it.
template <class T, class F>
bool for_outputs(const Network<T>& network, const Inputs<T>& X, const T* theta, int n_threads, F&& use) {
    const Dataset<T> data{.X = X};
    const Index block = near_rows(network), blocks = (X.rows + block - 1) / block;
    constexpr double worth_waking = 2e7;  // multiply-adds; half a millisecond, as for a step of a descent
    Threads threads(network.multiply_adds(X.rows) >= worth_waking ? n_threads : 1);
    std::atomic<bool> finite{true};
    auto run = [&](int share) {
        NetworkPass<T> pass(network, 1);
        const Index end = blocks * (share + 1) / threads.count();
        for (Index b = blocks * share / threads.count(); b < end; ++b) {
            const Index first = b * block, count = X.rows - first < block ? X.rows - first : block;
            if (!X.is_sparse() && !all_finite(X.dense.row(first), count * X.cols)) finite = false;
            if (!finite.load(std::memory_order_relaxed)) return;
            pass.begin(data, Rows{nullptr, first, count});
            pass.forward(theta, 0, 0, count, nullptr);
            use(first, count, pass.output(), network.stride(network.depth()));
        }
    };
    if (threads.count() == 1)
        run(0);
    else
        threads.run(run);
    return finite;
}

}  // namespace steepest::STEEPEST_ISA
