// A schedule is a factor of a hyper-parameter, the learning rate above all, as a function of the steps, the
// epochs or the rows done so far. The formulas are those of steepest.schedules, where their sources are.
#pragma once

#include <vector>

#include "core/simd.hpp"

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
        if (kind == Kind::constant) return factor;
        return at(unit == Unit::step ? now.step : unit == Unit::epoch ? now.epoch : now.sample);
    }

    // At a time in the schedule's own unit.
    double at(Index time) const;

  private:
    Index milestones_passed(Index time) const;
    double cosine(double t) const;
    double polynomial(double t) const;
    double warm_restarts(Index time) const;
    double one_cycle(double t) const;
    double cyclic(Index time) const;
    double table(Index time) const;
    double sequence(Index time) const;
};

}  // namespace steepest::STEEPEST_ISA
