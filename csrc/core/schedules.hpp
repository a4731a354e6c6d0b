// A schedule is a factor of a hyper-parameter, the learning rate above all, as a function of the steps, the
// epochs or the rows done so far. The formulas are those of steepest.schedules, where their sources are.
#pragma once

#include <algorithm>
#include <vector>

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

struct Schedule {
    enum class Kind {
        constant,
        step,
        exponential,
        inverse_time,
        inverse_power,
        cosine,
        multi_step,
        warmup,
        polynomial,
        warm_restarts,
        one_cycle,
        cyclic,
        table,
        sequence
    };
    enum class Unit { step, epoch, sample };
    enum class Scale { constant, halved, decaying };

    // What is done before a step; all three are counted from 0.
    struct Time {
        Index step = 0, epoch = 0, sample = 0;
    };

    Kind kind = Kind::constant;
    Unit unit = Unit::step;
    double every = 1;   // step, exponential, inverse_time, inverse_power: the time scale
    double start = 0;   // inverse_power: what the scaled time is counted from, after the first unit;
                        // warmup, one_cycle: the factor at time 0; cyclic: the lowest
    double factor = 1;  // constant: itself; step, multi_step: what the rate is multiplied by; exponential,
                        // inverse_time, cyclic: the decay; inverse_power, polynomial: the exponent
    double total = 1;   // where it ends
    double warmup = 0;  // cosine: the length of its linear start
    double final = 0;   // the factor at the end
    double peak = 1;    // one_cycle: the factor at the top
    double rise = 0.3;  // one_cycle: the part of the total in which it rises
    bool linear = false, three_phases = false;  // one_cycle: straight lines for cosines; a symmetric fall
    Index period = 1, multiplier = 1;           // warm_restarts: the first cycle, how cycles grow
    Index up = 1, down = 1;                     // cyclic: the two parts of a cycle
    Scale scale = Scale::constant;              // cyclic: how high the cycles are
    std::vector<Index> milestones;              // multi_step, sequence: ascending
    std::vector<double> values;                 // table: from time `first` on; the last one stays
    Index first = 0;
    std::vector<Schedule> parts;  // sequence: one more than milestones, each counted from its own

    double operator()(Time now) const {
        return at(unit == Unit::step ? now.step : unit == Unit::epoch ? now.epoch : now.sample);
    }

    double at(Index time) const {
        const double t = static_cast<double>(time);
        switch (kind) {
            case Kind::constant:
                return factor;
            case Kind::step:
                return power(factor, time / static_cast<Index>(every));
            case Kind::exponential:
                return every == 1 ? power(factor, time) : exp(t / every * log(factor));
            case Kind::inverse_time:
                return 1.0 / (1.0 + factor * t / every);
            case Kind::inverse_power:
                return time == 0 ? 1.0 : exp(-factor * log(1.0 + start + t / every));
            case Kind::cosine:
                break;
            default:
                return piecewise(time);
        }
        if (t < warmup) return (t + 1) / warmup;
        return half_cosine(1.0, final, total > warmup ? (t - warmup) / (total - warmup) : 1.0);
    }

  private:
    // From one factor to another, as progress goes from 0 to 1.
    static double half_cosine(double from, double to, double progress) {
        return to + (from - to) * 0.5 * (1.0 + cos_pi(progress < 1.0 ? progress : 1.0));
    }
    static double line(double from, double to, double progress) {
        return from + (to - from) * (progress < 1.0 ? progress : 1.0);
    }

    Index milestones_passed(Index time) const {
        return std::upper_bound(milestones.begin(), milestones.end(), time) - milestones.begin();
    }

    // Those that are made of pieces, out of line.
    [[gnu::noinline]] double piecewise(Index time) const {
        const double t = static_cast<double>(time);
        switch (kind) {
            case Kind::multi_step:
                return power(factor, milestones_passed(time));
            case Kind::warmup:
                return line(start, final, t / total);
            case Kind::polynomial:
                return final + (1.0 - final) * to_the_exponent(t < total ? 1.0 - t / total : 0.0);
            case Kind::warm_restarts:
                return warm_restarts(time);
            case Kind::one_cycle:
                return one_cycle(t);
            case Kind::cyclic:
                return cyclic(time);
            case Kind::table: {
                const Index last = static_cast<Index>(values.size()) - 1, i = time - first;
                return values[static_cast<std::size_t>(i < 0 ? 0 : i < last ? i : last)];
            }
            default:
                break;
        }
        const Index i = milestones_passed(time);
        const Index begin = i > 0 ? milestones[static_cast<std::size_t>(i - 1)] : 0;
        return parts[static_cast<std::size_t>(i)].at(time - begin);
    }

    // x^factor for x in [0, 1]; whole exponents without a logarithm.
    double to_the_exponent(double x) const {
        if (x == 0) return 0.0;
        if (factor <= 64 && factor == __builtin_floor(factor)) return power(x, static_cast<Index>(factor));
        return exp(factor * log(x));
    }

    double warm_restarts(Index time) const {
        Index length = period;
        if (multiplier == 1)
            time %= length;
        else
            for (; time >= length; length *= multiplier) time -= length;
        return half_cosine(1.0, final, static_cast<double>(time) / static_cast<double>(length));
    }

    double one_cycle(double t) const {
        const double top = rise * total - 1, foot = three_phases ? 2 * rise * total - 2 : total - 1;
        auto between = [&](double from, double to, double begin, double end) {
            const double progress = end > begin ? (t - begin) / (end - begin) : 1.0;
            return linear ? line(from, to, progress) : half_cosine(from, to, progress);
        };
        if (t <= top) return between(start, peak, 0, top);
        if (!three_phases) return between(peak, final, top, foot);
        if (t <= foot) return between(peak, start, top, foot);
        return between(start, final, foot, total - 1);
    }

    double cyclic(Index time) const {
        const Index cycle = time / (up + down), phase = time % (up + down);
        const double height = phase <= up
                                  ? static_cast<double>(phase) / static_cast<double>(up)
                                  : static_cast<double>(up + down - phase) / static_cast<double>(down);
        const double size = scale == Scale::halved     ? power(0.5, cycle)
                            : scale == Scale::decaying ? power(factor, time)
                                                       : 1.0;
        return start + (1.0 - start) * height * size;
    }
};

}  // namespace steepest::STEEPEST_ISA
