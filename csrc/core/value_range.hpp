// What a check of data asks of an array, in one pass: whether all entries are finite, the least and the
// largest of them, and their root mean square.
#pragma once

#include "core/linear_moments.hpp"

namespace steepest::STEEPEST_ISA {

struct ValueRange {
    bool finite = true;
    double low = __builtin_inf(), high = -__builtin_inf(), root_mean_square = 0;

    template <class T>
    static ValueRange of(const T* a, Index n) {
        constexpr int chains = 4;  // of minima and maxima, for their latency
        Vec<T> low[chains], high[chains];
        for (int c = 0; c < chains; ++c) {
            low[c] = splat(static_cast<T>(__builtin_inf()));
            high[c] = -low[c];
        }
        ValueRange range;
        double squares = 0;
        for (Index first = 0; first < n; first += block) {  // the second look at a block is at the cache
            const Index count = n - first < block ? n - first : block;
            squares += sum_of_squares(a + first, count);
            Index i = first;
            for (; i + chains * width<T> <= first + count; i += chains * width<T>)
                for (int c = 0; c < chains; ++c) {
                    const Vec<T> v = load(a + i + c * width<T>);
                    low[c] = v < low[c] ? v : low[c];
                    high[c] = v > high[c] ? v : high[c];
                }
            for (; i < first + count; ++i) range.take(static_cast<double>(a[i]));
        }
        for (int c = 0; c < chains; ++c)
            for (int k = 0; k < width<T>; ++k) {
                const double l = static_cast<double>(low[c][k]), h = static_cast<double>(high[c][k]);
                range.low = l < range.low ? l : range.low;
                range.high = h > range.high ? h : range.high;
            }
        // A sum of squares that is finite has finite terms only.
        range.finite = squares - squares == 0 || all_finite(a, n);
        if (!(squares > 1e-250 && squares < 1e300) && range.finite && n > 0) {
            const double unit = ColumnFrame::of(0, -range.low > range.high ? -range.low : range.high).unit;
            squares = 0;
            for (Index i = 0; i < n; ++i) {
                const double v = static_cast<double>(a[i]) / unit;
                squares = fma(v, v, squares);
            }
            range.root_mean_square = sqrt(squares / static_cast<double>(n)) * unit;
        } else if (n > 0) {
            range.root_mean_square = sqrt(squares / static_cast<double>(n));
        }
        return range;
    }

  private:
    static constexpr Index block = 2048;

    void take(double v) {
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
};

}  // namespace steepest::STEEPEST_ISA
