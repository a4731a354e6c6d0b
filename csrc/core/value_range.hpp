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
        ValueRange range;
        Vec<double> low = splat(range.low), high = -low;
        double squares = sum_wide(
            n,
            [&](Index i) {
                prefetch_ahead(a + i);
                const Vec<double> v = load_wide(a + i);
                low = v < low ? v : low;
                high = v > high ? v : high;
                return v * v;
            },
            [&](Index i) {
                const double v = a[i];
                range.take(v);
                return v * v;
            });
        for (int k = 0; k < width<double>; ++k) {
            range.low = low[k] < range.low ? low[k] : range.low;
            range.high = high[k] > range.high ? high[k] : range.high;
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
    void take(double v) {
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
};

}  // namespace steepest::STEEPEST_ISA
