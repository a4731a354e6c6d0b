// Views of other people's arrays, and the one buffer that the core owns.
#pragma once

#include <cstdlib>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

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

// Zeroed memory, aligned to a virtual-lane block. Large blocks are asked for in huge pages where the system
// has them: a hundred thousand page faults and as many entries of the address cache cost more than the
// arithmetic they serve.
class Memory {
  public:
    Memory() = default;
    explicit Memory(std::size_t bytes) : bytes_((bytes + lane_bytes - 1) / lane_bytes * lane_bytes) {
#if defined(__linux__)
        if (bytes_ >= 2 * huge_page) {
            mapped_ = bytes_ + huge_page;
            void* const at =
                mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED) throw std::bad_alloc();
            base_ = at;
            const auto address = reinterpret_cast<std::uintptr_t>(at);
            data_ = reinterpret_cast<void*>((address + huge_page - 1) / huge_page * huge_page);
            madvise(data_, bytes_, MADV_HUGEPAGE);  // advice: it may be ignored
            return;
        }
#endif
        data_ = std::aligned_alloc(lane_bytes, bytes_);
        if (!data_) throw std::bad_alloc();
        std::memset(data_, 0, bytes_);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    Memory(Memory&& other) noexcept { swap(other); }
    Memory& operator=(Memory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Memory() {
#if defined(__linux__)
        if (mapped_ > 0) {
            munmap(base_, mapped_);
            return;
        }
#endif
        std::free(data_);
    }

    void* data() const { return data_; }

  private:
    static constexpr std::size_t huge_page = std::size_t{1} << 21;

    void swap(Memory& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(base_, other.base_);
        std::swap(bytes_, other.bytes_);
        std::swap(mapped_, other.mapped_);
    }
    void *data_ = nullptr, *base_ = nullptr;
    std::size_t bytes_ = 0, mapped_ = 0;
};

// Aligned, zeroed, and never shrunk: padding that nobody writes stays 0.
template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(Index n) { reserve(n); }
    Buffer(Buffer&& other) noexcept
        : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }

    // At least n entries; all of them zero if the buffer had to grow.
    void reserve(Index n) {
        if (n <= size_) return;
        memory_ = Memory(static_cast<std::size_t>(n) * sizeof(T));
        size_ = n;
    }

    T* data() { return static_cast<T*>(memory_.data()); }
    const T* data() const { return static_cast<const T*>(memory_.data()); }
    Index size() const { return size_; }

  private:
    Memory memory_;
    Index size_ = 0;
};

}  // namespace steepest::STEEPEST_ISA
