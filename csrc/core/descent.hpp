// The descent: batch -> gradient -> step -> record -> stop? The one loop under everything public.
//
// An objective gives
//     using Scalar;  Index size() const;  Index n_rows() const;            // 0 rows: a function without data
//     double loss_gradient(Rows, const Scalar* theta, Scalar* gradient);   // the gradient is overwritten
//     for_weights(f)                           // f(offset, n, l1): where weight decay and a penalty apply,
//                                              // of which the gradient has all but the part l1 ||x||_1
//     void add_l2(const std::vector<double>&)  // adds l2 / 2 ||x||^2 to that penalty, for each layer's
//                                              // weights or, if there is one entry, for all
// and may give
//     double loss_step(Rows, const Scalar* theta, const OptimizerStep<Scalar>&, bool largest, double* norm)
// which does the same and takes the step as well, without a gradient in memory; `norm` is nullptr when nobody
// asks. Then `gradient` may be nullptr in a descent by epochs, unless the optimizer needs all of it at once.
// pieces_are_arrays says that each piece of the parameters is an array of its own, for clipping; otherwise
// all weights are one, and all biases another.
//
// Two paces. By epochs, a record is the mean over an epoch's batches, each measured before its step, and
// rules are asked after the epoch. By points (full batch), a record is one point x_t, rules are asked before
// the step from it, and the last record is of the point that is returned.
//
// The point that is reported, recorded, validated and returned may be another than the one that is stepped:
// an average of the iterates, say. It is then the optimizer's last slot. By points, it is measured as well,
// at the price of a second gradient for the step.
#pragma once

#include <functional>
#include <vector>

#include "core/batches.hpp"
#include "core/interrupt.hpp"
#include "core/optimizers.hpp"
#include "core/parameter_groups.hpp"
#include "core/plateau.hpp"
#include "core/schedules.hpp"
#include "core/stopping.hpp"
#include "core/two_point_rules.hpp"
#include "core/views.hpp"
#include "core/whole_step.hpp"

namespace steepest::STEEPEST_ISA {

// The schedule of another hyper-parameter: its value is that of the optimizer times the factor.
struct HyperSchedule {
    double OptimizerConfig::* parameter;
    Schedule schedule;
};

struct DescentConfig {
    OptimizerConfig optimizer;
    Schedule schedule;  // of the learning rate
    std::vector<HyperSchedule> hyper_schedules;
    std::vector<LayerGroups> groups;            // of each layer, or of all that there is; none: all alike
    ScheduleFreeWeights schedule_free_weights;  // of the steps before
    PlateauRule plateau;
    PlateauState plateau_state;
    StopRules stop;
    Index batch_size = 0;  // 0: all rows
    bool shuffle = false;
    std::uint64_t seed = 0;
    std::optional<MersenneTwister::State> twister;  // shuffles in place of the seed
    bool shuffle_anew = false;                      // in each epoch the rows, not the order before
    bool by_points = true;
    Index record_every = 1;     // by points, so many steps lie between two that are recorded; 0: none is
    bool restore_best = false;  // end with the best parameters seen, if any beat `best`, not the last
    Index rows_per_epoch = 0;   // for schedules by the sample
    Index first_epoch = 0;      // counters go on from an earlier run
    Index first_step = 0;
    double best = __builtin_inf();  // and so does patience
    Index stale = 0;
    double base_rate = 0;  // the optimizer's learning rate, or what exhausted patience has left of it
    double scalars[OptimizerConfig::max_scalars] = {};  // of the optimizer's state
    int n_threads = 1;                                  // wanted; results do not depend on it
    bool each_step = false;  // by epochs: a record for each step, of its batch alone
};

struct Record {
    Index epoch = 0, step = 0;
    double loss = 0, gradient_norm = 0, learning_rate = 0, seconds = 0;
    double validation_loss = __builtin_nan(""), validation_score = __builtin_nan("");
};

// What the outside world may see and say; each may be empty.
template <class T>
struct DescentHooks {
    std::function<void()> on_begin;  // before an epoch, by points before a point
    std::function<bool(const Record&, const T* theta, const T* gradient)> on_record;  // true: stop
    std::function<void(const T* theta, Record&)> validate;  // fills the record's validation numbers
    // After so many epochs; may change theta and the slots. True: what was best until here counts no more.
    std::function<bool(Index epochs)> reshape;
};

struct DescentResult {
    Status status = Status::max_steps;
    Index n_steps = 0, n_epochs = 0, n_evaluations = 0, best_epoch = -1, stale = 0;
    double best = __builtin_inf(), base_rate = 0;
    double scalars[OptimizerConfig::max_scalars] = {};
    PlateauState plateau;
    ScheduleFreeWeights schedule_free_weights;
    std::optional<MersenneTwister::State> twister;
    bool gradient_is_current = false;  // the gradient is that of the returned parameters, and `last` too
    Record last;                       // recorded or not
    std::vector<Record> history;
};

template <class Objective>
class Descent {
  public:
    using T = typename Objective::Scalar;

    Descent(Objective& objective, const DescentConfig& config, Interrupt& interrupt,
            const DescentHooks<T>& hooks, T* theta, T* gradient, T* const* slots)
        : objective_(objective),
          config_(config),
          interrupt_(interrupt),
          hooks_(hooks),
          theta_(theta),
          gradient_(gradient),
          slots_(slots),
          reported_(config.optimizer.reports_last_slot() ? slots[config.optimizer.slots() - 1] : theta),
          patience_(config.stop),
          plateau_(config.plateau, config.plateau_state),
          optimizer_(config.optimizer),
          corrections_(config.optimizer),
          is_whole_(config.optimizer.needs_whole_gradient()),
          schedule_free_weights_(config.schedule_free_weights),
          groups_(config.groups, [this](auto&& f) { for_all_pieces(f); }),
          batches_(objective.n_rows(), config.batch_size > 0 ? config.batch_size : objective.n_rows(),
                   config.shuffle, config.seed, config.twister, config.shuffle_anew),
          best_(objective.size()) {
        patience_.resume(config.best, config.stale);
        base_rate_ = config.base_rate;
        std::copy(std::begin(config.scalars), std::end(config.scalars), result_.scalars);
        copy_reported(best_);
        // The l2 of the optimizer is a part of the objective: the loss that is reported is the one that is
        // differentiated.
        optimizer_.l2 = 0;
        objective_.add_l2(l2_of_layers());
    }

    DescentResult run() {
        while (run_epoch()) {
        }
        return finish();
    }

    // What is reported, by now.
    const T* reported() const { return reported_; }

    // One point, in a descent by points; false when the descent is over.
    bool advance() { return run_epoch(); }

    // After the last point.
    DescentResult finish() {
        if (config_.by_points && result_.gradient_is_current && !last_is_recorded_) record_last();
        result_.n_steps = step_;
        result_.n_epochs = epoch_;
        result_.best = patience_.best();
        result_.stale = patience_.stale();
        result_.base_rate = base_rate_;
        result_.plateau = plateau_.state();
        result_.schedule_free_weights = schedule_free_weights_;
        result_.twister = batches_.twister();
        const bool has_best = config_.restore_best && result_.best_epoch >= 0;
        if (result_.status == Status::diverged || has_best) {
            result_.gradient_is_current = false;
            std::memcpy(reported_, best_.data(), bytes());
        }
        return std::move(result_);
    }

  private:
    std::size_t bytes() const { return static_cast<std::size_t>(objective_.size()) * sizeof(T); }
    // An epoch's loss was measured on the way from its start; a point's, and a validation number, where it
    // is.
    bool best_is_at_start() const {
        return !config_.by_points && !config_.each_step && config_.stop.monitor == Monitor::loss;
    }
    void copy_reported(Buffer<T>& to) const { std::memcpy(to.data(), reported_, bytes()); }

    // Where the first epoch starts is the best so far, and is kept already.
    void keep_start() {
        if (!best_is_at_start() || epoch_ == 0) return;
        epoch_start_.reserve(objective_.size());
        copy_reported(epoch_start_);
    }
    void keep_best() {
        if (!best_is_at_start())
            copy_reported(best_);
        else if (epoch_ > 0)
            std::swap(best_, epoch_start_);
    }

    void forget_best() {
        known_loss_.reset();
        patience_.resume(__builtin_inf(), 0);
        result_.best_epoch = -1;
        copy_reported(best_);
    }

    bool end(Status status) {
        result_.status = status;
        return false;
    }

    std::vector<double> l2_of_layers() const {
        if (config_.groups.empty()) return {config_.optimizer.l2};
        std::vector<double> l2;
        for (const LayerGroups& layer : config_.groups) l2.push_back(layer.weights.l2);
        return l2;
    }

    // One pass over the batches; false when the descent is over.
    bool run_epoch() {
        const StopRules& stop = config_.stop;
        if (!config_.by_points && stop.max_epochs >= 0 && epoch_ >= stop.max_epochs)
            return end(Status::max_epochs);
        if (stop.max_steps >= 0 && step_ >= stop.max_steps && !config_.by_points)
            return end(Status::max_steps);
        batches_.begin_epoch(config_.first_epoch + epoch_);
        if (config_.shuffle && interrupt_.tick(static_cast<double>(objective_.n_rows())))
            return end(Status::interrupted);
        EpochMean mean;
        sample_ = (config_.first_epoch + epoch_) * config_.rows_per_epoch;
        keep_start();
        const Index count = batches_.count();
        for (Index b = 0; b < count; ++b) {
            if (hooks_.on_begin && (b == 0 || config_.by_points)) {
                hooks_.on_begin();
                if (interrupt_.stopped()) return end(Status::interrupted);
            }
            const Rows rows = batches_.batch(b);
            const bool last =
                b + 1 == count || config_.each_step || (stop.max_steps >= 0 && step_ + 1 >= stop.max_steps);
            const bool late = interrupt_.recent_seconds() > stop.max_seconds;
            double rate = learning_rate();
            const bool is_known = known_loss_.has_value();
            const double loss = config_.by_points
                                    ? loss_gradient(rows)
                                    : loss_and_step(rows, rate, last || late ? &mean.gradient_norm : nullptr);
            if (interrupt_.stopped()) return end(Status::interrupted);
            if (!is_known) ++result_.n_evaluations;
            if (!(loss - loss == 0)) return end(Status::diverged);
            mean.add(loss, monitored_loss(loss), rows.count);
            if (config_.by_points) {
                if (is_whole_) [[unlikely]]
                    rate = step_length(rate, loss);
                if (!close_epoch(mean, rate)) return false;
                if (stop.max_epochs >= 0 && epoch_ >= stop.max_epochs) return end(Status::max_epochs);
                if (stop.max_steps >= 0 && step_ >= stop.max_steps) return end(Status::max_steps);
                if (reported_ != theta_ && !go_to_stepped(rows)) return false;
                if (!take_step(rows, loss, rate)) [[unlikely]]
                    return end(interrupt_.stopped() ? Status::interrupted : Status::line_search);
                step_taken(rate);
                result_.gradient_is_current = false;
                continue;
            }
            if (!is_stuck_) step_taken(rate);
            sample_ += rows.count;
            if (interrupt_.tick(2.0 * static_cast<double>(objective_.size())))
                return end(Status::interrupted);
            if (late) return close_epoch(mean, rate) && close(Status::max_seconds);
            if (b + 1 < count && stop.max_steps >= 0 && step_ >= stop.max_steps) {
                return close_epoch(mean, rate) && close(Status::max_steps);
            }
            if (last && !close_epoch(mean, rate)) return false;
            if (is_stuck_) [[unlikely]]
                return close(Status::line_search);
        }
        ++epoch_;
        return true;
    }

    struct EpochMean {
        double sum = 0, monitored = 0, rows = 0, gradient_norm = 0;
        void add(double loss, double loss_monitored, Index n) {
            const double weight = n > 0 ? static_cast<double>(n) : 1.0;
            sum += loss * weight;
            monitored += loss_monitored * weight;
            rows += weight;
        }
        double loss() const { return sum / rows; }
        double monitored_loss() const { return monitored / rows; }
    };

    double monitored_loss(double loss) const {
        if constexpr (requires { objective_.penalty(); })
            if (const double factor = config_.stop.data_factor; factor != 1)
                return factor * (loss - objective_.penalty()) + objective_.penalty();
        return loss;
    }

    double learning_rate() const { return base_rate_ * config_.schedule(now()); }
    Schedule::Time now() const { return {config_.first_step + step_, config_.first_epoch + epoch_, sample_}; }

    // By points, has the gradient where the step is taken, if that is not where it was recorded. False if the
    // descent ends there.
    [[gnu::noinline]] bool go_to_stepped(Rows rows) {
        if (std::memcmp(reported_, theta_, bytes()) == 0) return true;
        const double loss = objective_.loss_gradient(rows, theta_, gradient_);
        result_.gradient_is_current = false;
        ++result_.n_evaluations;
        if (interrupt_.stopped()) return end(Status::interrupted);
        const bool finite = loss - loss == 0 && all_finite(gradient_, objective_.size());
        return finite || end(Status::diverged);
    }

    void step_taken(double rate) {
        ++step_;
        if (reported_ != theta_) [[unlikely]]
            follow(rate, config_.first_step + step_);
    }
    // Has what is reported follow the step, unless its rule has done so already.
    [[gnu::noinline]] void follow(double rate, Index step) {
        if (optimizer_.is_schedule_free())
            schedule_free_weights_ = schedule_free_weights_.after(optimizer_, rate, step);
        if (optimizer_.average.on())
            for_pieces([&](Index offset, Index n, bool, T) {  // what is frozen stays as it was reported
                average_in(optimizer_.average, step, theta_ + offset, reported_ + offset, n);
            });
    }

    // At a point; of the subgradient of the least norm, if there is an L1 penalty.
    double gradient_norm(const T* at) const {
        bool has_l1 = false;
        objective_.for_weights([&](Index, Index, T l1) { has_l1 |= l1 != 0; });
        const bool largest = config_.stop.gradient_largest;
        if constexpr (requires { objective_.has_groups(); })
            if (objective_.has_groups()) return objective_.gradient_norm(at, gradient_, largest);
        if (!has_l1)
            return largest ? largest_magnitude(gradient_, objective_.size())
                           : __builtin_sqrt(sum_of_squares(gradient_, objective_.size()));
        double size = 0;
        for_pieces([&](Index offset, Index n, bool, T l1) {
            const double of_part = size_of_subgradient(at + offset, gradient_ + offset, n, l1, largest);
            size = joined(size, of_part, largest);
        });
        return largest ? size : __builtin_sqrt(size);
    }

    Corrections next_corrections() {
        if (!config_.hyper_schedules.empty()) [[unlikely]]
            move_hyper_parameters();
        return corrections_(config_.first_step + step_ + 1);
    }
    OptimizerStep<T> next_step(double rate) {
        Corrections corrections = next_corrections();
        if (optimizer_.is_schedule_free()) [[unlikely]]
            corrections.share = schedule_free_weights_.share(optimizer_, rate, corrections.step);
        OptimizerStep<T> step(optimizer_, rate, corrections, theta_, slots_);
        if (!groups_.empty()) [[unlikely]] {
            groups_.prepare(optimizer_, rate, decay_factor(), corrections, theta_, slots_);
            step.divide_into(&groups_);
        }
        return step;
    }
    double decay_factor() const {
        for (const auto& [parameter, schedule] : config_.hyper_schedules)
            if (parameter == &OptimizerConfig::weight_decay) return schedule(now());
        return 1;
    }

    // To their values at this time; an optimizer's corrections are those of its present betas.
    [[gnu::noinline]] void move_hyper_parameters() {
        for (const auto& [parameter, schedule] : config_.hyper_schedules)
            optimizer_.*parameter = config_.optimizer.*parameter * schedule(now());
        corrections_ = CorrectionSeries(optimizer_);
    }

    // The loss on these rows; a line search may have been here, and have left the gradient.
    double loss_gradient(Rows rows) {
        if (known_loss_) [[unlikely]]
            return *std::exchange(known_loss_, std::nullopt);
        return objective_.loss_gradient(rows, config_.by_points ? reported_ : theta_, gradient_);
    }

    // The loss on these rows, and the step from there unless it is not finite or the descent is interrupted;
    // `rate` becomes its length if the optimizer chooses that.
    double loss_and_step(Rows rows, double& rate, double* norm) {
        if constexpr (requires { &Objective::loss_step; }) {
            if (!is_whole_) [[likely]]
                return objective_.loss_step(rows, theta_, next_step(rate), config_.stop.gradient_largest,
                                            norm);
        }
        const double loss = loss_gradient(rows);
        if (norm) *norm = gradient_norm(theta_);
        if (interrupt_.stopped() || !(loss - loss == 0)) return loss;
        if (is_whole_) [[unlikely]]
            rate = step_length(rate, loss);
        is_stuck_ = !take_step(rows, loss, rate);
        return loss;
    }

    // From where the gradient is; false if there is nowhere to go.
    bool take_step(Rows rows, double loss, double& rate) {
        if (is_whole_) [[unlikely]] {
            if (optimizer_.searches()) return search(rows, loss, rate);
            clip(optimizer_, pieces_);
            if (optimizer_.kind == OptimizerConfig::Kind::prodigy) return step_by_prodigy(rate);
            if (optimizer_.length == OptimizerConfig::Length::barzilai_borwein)
                remember_point(pieces_, rate, result_.scalars);
        }
        const OptimizerStep<T> step = next_step(rate);
        for_pieces([&](Index offset, Index n, bool decays, T l1) {
            step(offset, n, gradient_ + offset, decays, l1);
        });
        if constexpr (requires { objective_.after_step(step); }) objective_.after_step(step);
        return true;
    }

    [[gnu::noinline]] bool step_by_prodigy(double rate) {
        prodigy_step(optimizer_, rate, next_corrections(), pieces_, result_.scalars);
        const OptimizerStep<T> none(OptimizerConfig{}, 0.0, Corrections{}, theta_, slots_);
        if constexpr (requires { objective_.after_step(none); }) objective_.after_step(none);
        return true;
    }

    // Of the step from here, before its gradient is clipped.
    [[gnu::noinline]] double step_length(double rate, double loss) {
        constexpr bool apart = requires { Objective::pieces_are_arrays; };
        pieces_.clear();
        for_pieces([&](Index offset, Index n, bool weights, T l1) {
            const int array = apart ? static_cast<int>(pieces_.size()) : !weights;
            const T l2 = weights && optimizer_.clips() ? l2_at(offset) : T(0);
            pieces_.push_back({theta_ + offset, gradient_ + offset, {}, n, weights, l1, l2, array});
            for (int s = 0; s < optimizer_.slots(); ++s) pieces_.back().slots[s] = slots_[s] + offset;
        });
        return length_of_step(optimizer_, pieces_, config_.first_step + step_ + 1, rate, loss,
                              result_.scalars);
    }
    // Of the weights there, the optimizer's own l2, whose gradient is in that of the objective.
    T l2_at(Index weights_offset) const {
        std::size_t layer = 0;
        objective_.for_weights([&](Index offset, Index, T) { layer += offset < weights_offset; });
        const std::vector<double> l2 = l2_of_layers();
        return static_cast<T>(l2.size() == 1 ? l2.front() : l2.at(layer));
    }

    // Along the optimizer's direction; the length is recorded in place of the rate.
    [[gnu::noinline]] bool search(Rows rows, double loss, double& rate) {
        auto at_theta = [&](T* gradient) {
            const double here = interrupt_.stopped() ? 0 : objective_.loss_gradient(rows, theta_, gradient);
            if (interrupt_.stopped()) return __builtin_nan("");
            ++result_.n_evaluations;
            return here;
        };
        const auto found = searcher_(optimizer_, next_corrections(), pieces_, theta_, gradient_,
                                     objective_.size(), loss, rate, result_.scalars, at_theta);
        if (!found) return false;
        known_loss_ = found->loss;
        rate = found->length;
        result_.last.learning_rate = rate;
        if (config_.by_points && last_is_recorded_) result_.history.back().learning_rate = rate;
        return true;
    }

    // f(offset, n, whether they are weights, their L1 penalty) for all parameters that take a step.
    template <class F>
    void for_pieces(F&& f) const {
        if constexpr (requires { objective_.for_pieces(f); })
            objective_.for_pieces(f);
        else
            for_all_pieces(f);
    }

    // The same with those that take no step, in their order.
    template <class F>
    void for_all_pieces(F&& f) const {
        Index done = 0;  // what lies between the weights are biases
        auto until = [&](Index end, bool weights, T l1) {
            if (end > done) f(done, end - done, weights, l1);
            done = end;
        };
        objective_.for_weights([&](Index offset, Index n, T l1) {
            until(offset, false, 0);
            until(offset + n, true, l1);
        });
        until(objective_.size(), false, 0);
    }

    // Record, and ask the rules. False when one fires.
    bool close_epoch(EpochMean& mean, double rate) {
        if (!all_finite(theta_, objective_.size()) ||
            (reported_ != theta_ && !all_finite(reported_, objective_.size())))
            return end(Status::diverged);
        Record record{config_.first_epoch + epoch_, config_.first_step + step_, mean.loss(),
                      mean.gradient_norm, rate};
        if (config_.by_points) record.gradient_norm = gradient_norm(reported_);
        if (!(record.gradient_norm - record.gradient_norm == 0)) return end(Status::diverged);
        if (hooks_.validate) {
            hooks_.validate(reported_, record);
            if (interrupt_.stopped()) return end(Status::interrupted);
        }
        record.seconds = config_.by_points ? interrupt_.look() : interrupt_.seconds();
        result_.last = record;
        result_.gradient_is_current = config_.by_points;
        last_is_recorded_ = is_recorded();
        if (last_is_recorded_) result_.history.push_back(record);

        patience_.observe(monitored(record, mean));
        const bool on_plateau = plateau_.active() && plateau_.observe(monitored_by_plateau(record));
        if (patience_.is_best()) {
            keep_best();
            result_.best_epoch = record.epoch;
        }
        // A callback sees every record, the last one too.
        const bool asked_to_stop =
            last_is_recorded_ && hooks_.on_record && hooks_.on_record(record, reported_, gradient_);
        if (interrupt_.stopped()) return close(Status::interrupted);
        if (record.gradient_norm <= config_.stop.gradient_tolerance) return close(Status::converged);
        if (asked_to_stop) return close(Status::callback);
        if (patience_.exhausted()) {
            if (!(config_.stop.divide_rate_by > 0) || learning_rate() <= config_.stop.lowest_rate)
                return close(Status::no_improvement);
            base_rate_ /= config_.stop.divide_rate_by;
            patience_.start_over();
        }
        if (on_plateau) base_rate_ = plateau_.lowered(base_rate_, config_.optimizer.learning_rate);
        if (record.seconds > config_.stop.max_seconds) return close(Status::max_seconds);
        if (hooks_.reshape && hooks_.reshape(record.epoch + 1)) forget_best();
        if (interrupt_.stopped()) return close(Status::interrupted);
        mean = EpochMean{};
        return true;
    }

    bool is_recorded() const {
        const Index every = config_.record_every;
        return !config_.by_points || every == 1 || (every > 1 && step_ % every == 0);
    }
    // The point that the descent ended at is recorded in any case.
    void record_last() {
        if (config_.record_every == 0) return;
        result_.history.push_back(result_.last);
        if (hooks_.on_record) hooks_.on_record(result_.last, reported_, gradient_);
        if (interrupt_.stopped()) result_.status = Status::interrupted;  // the hook has raised
    }

    // By epochs, the epoch that was just recorded counts as done.
    bool close(Status status) {
        if (!config_.by_points) ++epoch_;
        return end(status);
    }

    double monitored(const Record& record, const EpochMean& mean) const {
        switch (config_.stop.monitor) {
            case Monitor::validation_loss:
                return record.validation_loss;
            case Monitor::validation_score:
                return -record.validation_score;
            default:
                return mean.monitored_loss();
        }
    }

    double monitored_by_plateau(const Record& record) const {
        switch (config_.plateau.monitor) {
            case Monitor::validation_loss:
                return record.validation_loss;
            case Monitor::validation_score:
                return -record.validation_score;
            default:
                return record.loss;
        }
    }

    Objective& objective_;
    const DescentConfig& config_;
    Interrupt& interrupt_;
    const DescentHooks<T>& hooks_;
    T* theta_;
    T* gradient_;
    T* const* slots_;
    T* reported_;
    Patience patience_;
    Plateau plateau_;
    OptimizerConfig optimizer_;  // at the present time
    CorrectionSeries corrections_;
    const bool is_whole_;  // the optimizer needs all of the gradient before a step
    bool is_stuck_ = false;
    Pieces<T> pieces_;  // of the last gradient
    Searcher<T> searcher_;
    std::optional<double> known_loss_;  // at theta, where the gradient is known as well
    ScheduleFreeWeights schedule_free_weights_;
    ParameterGroups<T> groups_;
    Batches batches_;
    Buffer<T> best_, epoch_start_;
    DescentResult result_;
    bool last_is_recorded_ = false;
    Index step_ = 0, epoch_ = 0;
    Index sample_ = 0;  // rows seen before the step, those of earlier descents too
    double base_rate_;
};

}  // namespace steepest::STEEPEST_ISA
