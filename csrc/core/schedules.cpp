#include "core/schedules.hpp"

#include <algorithm>

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

// From one factor to another, as progress goes from 0 to 1.
double half_cosine(double from, double to, double progress) {
    return to + (from - to) * 0.5 * (1.0 + cos_pi(progress < 1.0 ? progress : 1.0));
}

double line(double from, double to, double progress) {
    return from + (to - from) * (progress < 1.0 ? progress : 1.0);
}

}  // namespace

double Schedule::at(Index time) const {
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
            return cosine(t);
        case Kind::multi_step:
            return power(factor, milestones_passed(time));
        case Kind::warmup:
            return line(start, final, t / total);
        case Kind::polynomial:
            return polynomial(t);
        case Kind::warm_restarts:
            return warm_restarts(time);
        case Kind::one_cycle:
            return one_cycle(t);
        case Kind::cyclic:
            return cyclic(time);
        case Kind::table:
            return table(time);
        case Kind::sequence:
            break;
    }
    return sequence(time);
}

Index Schedule::milestones_passed(Index time) const {
    return std::upper_bound(milestones.begin(), milestones.end(), time) - milestones.begin();
}

double Schedule::cosine(double t) const {
    if (t < warmup) return (t + 1) / warmup;
    return half_cosine(1.0, final, total > warmup ? (t - warmup) / (total - warmup) : 1.0);
}

double Schedule::polynomial(double t) const {
    if (t >= total) return final;
    const double left = 1.0 - t / total;
    const bool whole = factor <= 64 && factor == __builtin_floor(factor);
    return final +
           (1.0 - final) * (whole ? power(left, static_cast<Index>(factor)) : exp(factor * log(left)));
}

double Schedule::warm_restarts(Index time) const {
    Index length = period;
    if (multiplier == 1)
        time %= length;
    else
        for (; time >= length; length *= multiplier) time -= length;
    return half_cosine(1.0, final, static_cast<double>(time) / static_cast<double>(length));
}

double Schedule::one_cycle(double t) const {
    const double top = rise * total - 1, foot = three_phases ? 2 * top : total - 1;
    auto between = [&](double from, double to, double begin, double end) {
        const double progress = end > begin ? (t - begin) / (end - begin) : 1.0;
        return linear ? line(from, to, progress) : half_cosine(from, to, progress);
    };
    if (t <= top) return between(start, peak, 0, top);
    if (!three_phases) return between(peak, final, top, foot);
    if (t <= foot) return between(peak, start, top, foot);
    return between(start, final, foot, total - 1);
}

double Schedule::cyclic(Index time) const {
    const Index cycle = time / (up + down), phase = time % (up + down);
    const double height = phase <= up ? static_cast<double>(phase) / static_cast<double>(up)
                                      : static_cast<double>(up + down - phase) / static_cast<double>(down);
    const double size = scale == Scale::halved     ? power(0.5, cycle)
                        : scale == Scale::decaying ? power(factor, time)
                                                   : 1.0;
    return start + (1.0 - start) * height * size;
}

double Schedule::table(Index time) const {
    const Index last = static_cast<Index>(values.size()) - 1, i = time - first;
    return values[static_cast<std::size_t>(i < 0 ? 0 : i < last ? i : last)];
}

double Schedule::sequence(Index time) const {
    const Index i = milestones_passed(time);
    const Index begin = i > 0 ? milestones[static_cast<std::size_t>(i - 1)] : 0;
    return parts[static_cast<std::size_t>(i)].at(time - begin);
}

}  // namespace steepest::STEEPEST_ISA
