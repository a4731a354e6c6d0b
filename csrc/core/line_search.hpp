// How far to go along a direction of descent: phi(a) = J(x + a p), of which value and slope are known at 0.
//
// Nocedal and Wright (2006), "Numerical optimization", chapter 3. A search returns the length whose point it
// has looked at last, or 0 if it found none.
#pragma once

#include "core/optimizer_config.hpp"

namespace steepest::STEEPEST_ISA {

struct Trial {
    double value = 0, slope = 0;
};

// Shorter and shorter, until J falls by a part of what the slope promises.
template <class Phi>
double armijo_search(const LineSearchConfig& c, Trial origin, double length, Phi&& phi) {
    for (Index k = 0; k < c.max_evaluations; ++k, length *= c.shrink)
        if (phi(length).value <= origin.value + c.decrease * length * origin.slope) return length;
    return 0;
}

// The minimum of the cubic through (a, fa) with slope `slope`, (b, fb) and (c, fc); NaN if there is none.
inline double cubic_minimum(double a, double fa, double slope, double b, double fb, double c, double fc) {
    const double db = b - a, dc = c - a, rb = fb - fa - slope * db, rc = fc - fa - slope * dc;
    const double denominator = (db * dc) * (db * dc) * (db - dc);
    const double cubic = (dc * dc * rb - db * db * rc) / denominator;
    const double square = (-(dc * dc * dc) * rb + db * db * db * rc) / denominator;
    return a + (-square + __builtin_sqrt(square * square - 3 * cubic * slope)) / (3 * cubic);
}

inline double quadratic_minimum(double a, double fa, double slope, double b, double fb) {
    const double db = b - a;
    return a - slope * db * db / (2 * (fb - fa - slope * db));
}

// The strong Wolfe conditions: J falls enough, and the slope's magnitude is a part of that at 0.
template <class Phi>
class WolfeSearch {
  public:
    WolfeSearch(const LineSearchConfig& config, Trial origin, Phi& phi)
        : c_(config), origin_(origin), phi_(phi), left_(config.max_evaluations) {}

    // Longer and longer, until a length that is right lies between two.
    double operator()(double length) {
        Point last{0, origin_};
        while (left_ > 0) {
            const Point at = look(length);
            if (!falls(at) || (last.at > 0 && !(at.value < last.value))) return zoom(last, at);
            if (is_flat(at)) return at.at;
            if (at.slope >= 0) return zoom(at, last);
            last = at;
            length *= 2;
        }
        return last.at;
    }

  private:
    struct Point : Trial {
        double at = 0;
        Point(double length, Trial trial) : Trial(trial), at(length) {}
    };

    Point look(double length) {
        --left_;
        return {length, phi_(length)};
    }
    bool falls(const Point& p) const { return p.value <= origin_.value + c_.decrease * p.at * origin_.slope; }
    bool is_flat(const Point& p) const {
        return (p.slope < 0 ? -p.slope : p.slope) <= -c_.curvature * origin_.slope;
    }

    // Between the lowest point so far that falls enough, and another on whose side of it a minimum is.
    double zoom(Point low, Point high) {
        Point before{0, origin_};
        for (bool first = true; left_ > 0; first = false) {
            const Point at = look(between(low, high, before, first));
            if (!falls(at) || !(at.value < low.value)) {
                before = high;
                high = at;
                continue;
            }
            if (is_flat(at)) return at.at;
            const bool turns = at.slope * (high.at - low.at) >= 0;
            before = turns ? high : low;
            if (turns) high = low;
            low = at;
        }
        if (low.at > 0) phi_(low.at);  // the best there was
        return low.at;
    }

    // By interpolation, unless that is too close to an end.
    static double between(const Point& low, const Point& high, const Point& before, bool first) {
        const bool rises = low.at < high.at;
        const double a = rises ? low.at : high.at, b = rises ? high.at : low.at;
        auto is_inside = [&](double at, double part) {
            const double margin = rises ? part * (b - a) : 0;  // as SciPy has it
            return at > a && at < b && at >= a + margin && at <= b - margin;
        };
        if (!first) {
            const double at =
                cubic_minimum(low.at, low.value, low.slope, high.at, high.value, before.at, before.value);
            if (is_inside(at, 0.2)) return at;
        }
        const double at = quadratic_minimum(low.at, low.value, low.slope, high.at, high.value);
        return is_inside(at, 0.1) ? at : low.at + 0.5 * (high.at - low.at);
    }

    const LineSearchConfig& c_;
    Trial origin_;
    Phi& phi_;
    Index left_;
};

}  // namespace steepest::STEEPEST_ISA
