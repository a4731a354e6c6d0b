// Views of other people's arrays, and the one buffer that the core owns.
#pragma once

#include <cstdlib>
#include <new>
#include <utility>

#include "core/simd.hpp"

namespace steepest::STEEPEST_ISA {

// Row-major, contiguous: entry (i, j) is data[i * cols + j].
template <class T>
struct MatrixView {
    T* data = nullptr;
    Index rows = 0;
    Index cols = 0;

    T* row(Index i) const { return data + i * cols; }
    Index size() const { return rows * cols; }
};

// Between rows that lie differently far apart.
template <class T>
void copy_rows(Index rows, Index cols, const T* from, Index from_stride, T* to, Index to_stride) {
    for (Index i = 0; i < rows; ++i)
        std::memcpy(to + i * to_stride, from + i * from_stride, static_cast<std::size_t>(cols) * sizeof(T));
}

template <class T>
struct VectorView {
    T* data = nullptr;
    Index size = 0;
};

// Aligned to a virtual-lane block, zeroed, and never shrunk: padding that nobody writes stays 0.
template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(Index n) { reserve(n); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    // At least n entries; all of them zero if the buffer had to grow.
    void reserve(Index n) {
        if (n <= size_) return;
        const std::size_t bytes =
            (static_cast<std::size_t>(n) * sizeof(T) + lane_bytes - 1) / lane_bytes * lane_bytes;
        void* grown = std::aligned_alloc(lane_bytes, bytes);
        if (!grown) throw std::bad_alloc();
        std::memset(grown, 0, bytes);
        std::free(data_);
        data_ = static_cast<T*>(grown);
        size_ = n;
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    Index size() const { return size_; }

  private:
    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }
    T* data_ = nullptr;
    Index size_ = 0;
};

}  // namespace steepest::STEEPEST_ISA
