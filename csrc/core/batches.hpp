// Which rows make a batch: all, one, or some; in order, or in a new order each epoch.
#pragma once

#include <optional>

#include "core/mersenne_twister.hpp"
#include "core/random.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Rows index[0 ... count), or the rows begin ... begin + count if there is no index.
struct Rows {
    const std::uint32_t* index = nullptr;
    Index begin = 0;
    Index count = 0;
    Index following = 0;  // so many more of the index come after these; to be fetched in time

    Rows slice(Index first, Index n) const {
        return {index ? index + first : nullptr, begin + first, n, following + count - first - n};
    }
    Index operator[](Index i) const { return index ? static_cast<Index>(index[i]) : begin + i; }
};

// Consecutive pieces of the epoch's order; the last one is short when batch_size does not divide the rows,
// and is kept: every row is seen once an epoch. An epoch's order is a function of the seed and the epoch; or,
// with a twister, as in scikit-learn, the order of the epoch before, shuffled; or that of the rows (`anew`),
// as in a call of its own.
class Batches {
  public:
    Batches(Index n_rows, Index batch_size, bool shuffle, std::uint64_t seed,
            const std::optional<MersenneTwister::State>& twister, bool anew)
        : n_rows_(n_rows),
          batch_size_(batch_size < n_rows ? batch_size : n_rows),
          shuffle_(shuffle),
          seed_(seed),
          anew_(anew) {
        if (!shuffle_) return;
        order_.reserve(n_rows_);
        if (!twister) return;
        twister_.emplace(*twister);
        put_in_order();
    }

    void begin_epoch(Index epoch) {
        if (!shuffle_) return;
        const auto n = static_cast<std::uint32_t>(n_rows_);
        if (twister_) {
            if (anew_) put_in_order();
            twister_->shuffle(order_.data(), n);
        } else {
            permutation(seed_, static_cast<std::uint64_t>(epoch), n, order_.data());
        }
    }

    // Where another descent goes on drawing.
    std::optional<MersenneTwister::State> twister() const {
        if (!twister_) return std::nullopt;
        return twister_->state();
    }

    Index count() const { return batch_size_ > 0 ? (n_rows_ + batch_size_ - 1) / batch_size_ : 1; }

    Rows batch(Index b) const {
        const Index first = b * batch_size_;
        const Index last = first + batch_size_ < n_rows_ ? first + batch_size_ : n_rows_;
        return Rows{shuffle_ ? order_.data() : nullptr, 0, n_rows_}.slice(first, last - first);
    }

  private:
    void put_in_order() {
        for (Index i = 0; i < n_rows_; ++i) order_.data()[i] = static_cast<std::uint32_t>(i);
    }

    Index n_rows_, batch_size_;
    bool shuffle_;
    std::uint64_t seed_;
    bool anew_;
    std::optional<MersenneTwister> twister_;
    Buffer<std::uint32_t> order_;
};

}  // namespace steepest::STEEPEST_ISA
