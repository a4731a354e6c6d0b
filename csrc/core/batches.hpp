// Which rows make a batch: all, one, or some; in order, or in a new order each epoch.
#pragma once

#include "core/random.hpp"
#include "core/views.hpp"

namespace steepest::STEEPEST_ISA {

// Rows index[0 ... count), or the rows begin ... begin + count if there is no index.
struct Rows {
    const std::uint32_t* index = nullptr;
    Index begin = 0;
    Index count = 0;

    Rows slice(Index first, Index n) const { return {index ? index + first : nullptr, begin + first, n}; }
    Index operator[](Index i) const { return index ? static_cast<Index>(index[i]) : begin + i; }
};

// Consecutive pieces of the epoch's order; the last one is short when batch_size does not divide the rows,
// and is kept: every row is seen once an epoch.
class Batches {
  public:
    Batches(Index n_rows, Index batch_size, bool shuffle, std::uint64_t seed)
        : n_rows_(n_rows),
          batch_size_(batch_size < n_rows ? batch_size : n_rows),
          shuffle_(shuffle),
          seed_(seed) {
        if (shuffle_) order_.reserve(n_rows_);
    }

    void begin_epoch(Index epoch) {
        if (shuffle_)
            permutation(seed_, static_cast<std::uint64_t>(epoch), static_cast<std::uint32_t>(n_rows_),
                        order_.data());
    }

    Index count() const { return batch_size_ > 0 ? (n_rows_ + batch_size_ - 1) / batch_size_ : 1; }

    Rows batch(Index b) const {
        const Index first = b * batch_size_;
        const Index last = first + batch_size_ < n_rows_ ? first + batch_size_ : n_rows_;
        return Rows{shuffle_ ? order_.data() : nullptr, 0, n_rows_}.slice(first, last - first);
    }

  private:
    Index n_rows_, batch_size_;
    bool shuffle_;
    std::uint64_t seed_;
    Buffer<std::uint32_t> order_;
};

}  // namespace steepest::STEEPEST_ISA
