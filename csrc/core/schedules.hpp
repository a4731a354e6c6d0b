// A schedule is a factor of the learning rate as a function of the step or the epoch, both counted from 0.
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

struct Schedule {
    enum class Kind { constant, step, exponential, inverse_time, inverse_power, cosine };
    enum class Unit { step, epoch };

    Kind kind = Kind::constant;
    Unit unit = Unit::step;
    double every = 1;   // step, exponential, inverse_time, inverse_power: the time scale
    double start = 0;   // inverse_power: what the scaled time is counted from, after the first unit
    double factor = 1;  // step: what the rate is multiplied by; exponential, inverse_time: the decay;
                        // inverse_power: the exponent
    double total = 1;   // cosine: where it ends
    double warmup = 0;  // cosine: the length of its linear start
    double final = 0;   // cosine: the factor at the end

    double operator()(Index step, Index epoch) const {
        const Index time = unit == Unit::step ? step : epoch;
        const double t = static_cast<double>(time);
        switch (kind) {
            case Kind::constant:
                return 1.0;
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
        }
        if (t < warmup) return (t + 1) / warmup;
        const double progress = total > warmup ? (t - warmup) / (total - warmup) : 1.0;
        return final + (1.0 - final) * 0.5 * (1.0 + cos_pi(progress < 1.0 ? progress : 1.0));
    }
};

}  // namespace steepest::STEEPEST_ISA
