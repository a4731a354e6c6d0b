// An optimizer's hyper-parameters, and what its rule needs of the number of the step.
#pragma once

#include <optional>

#include "core/averaging.hpp"
#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

// Of a search for the length of a step, in line_search.hpp.
struct LineSearchConfig {
    double decrease = 1e-4, curvature = 0.9;
    double shrink = 0.5, grow = 1;  // a first trial is `grow` times the last length; 0: it is the rate
    Index max_evaluations = 20;
};

struct OptimizerConfig {
    enum class Kind {
        sgd,
        momentum,
        adam,
        adagrad,
        adadelta,
        rmsprop,
        amsgrad,
        adamax,
        nadam,
        radam,
        adabelief,
        lion,
        rprop,
        lookahead,
        schedule_free_sgd,
        schedule_free_adamw,
        prodigy
    };
    enum class Velocity { gradient, step, average };
    enum class Length { given, polyak, barzilai_borwein, armijo, wolfe };  // how a step's is found
    enum class Form { long_step, short_step, alternating };
    static constexpr int max_slots = 5, max_scalars = 3;
    static constexpr double no_limit = __builtin_inf();

    Kind kind = Kind::sgd;
    double learning_rate = 0.01;
    double l2 = 0;                   // coupled: of the gradient that the rule sees
    double weight_decay = 0;         // decoupled
    double initial[max_slots] = {};  // what the slots hold before the first step

    double momentum = 0, dampening = 0;
    Velocity velocity = Velocity::gradient;
    bool nesterov = false;
    double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
    bool epsilon_hat = false, epsilon_inside = false;
    double rho = 0.9;
    bool centered = false, keeps_velocity = false;  // the latter also while a schedule has momentum at 0
    bool maximum_corrected = false;
    std::optional<double> momentum_decay;
    double threshold = 5;
    double epsilon_root = 0;
    double shrink = 0.5, grow = 1.2, smallest = 1e-6, largest = 50;
    Index warmup_steps = 0;
    double r = 0, weight_lr_power = 2;

    double clip_value = no_limit, clip_norm = no_limit, clip_global_norm = no_limit;
    Length length = Length::given;
    LineSearchConfig line_search;
    Form form = Form::long_step;
    double f_min = 0;
    std::optional<double> beta_3;
    double initial_d = 1e-6, coefficient = 1, growth_rate = no_limit;
    bool bias_correction = false, safeguard_warmup = false;

    bool clips() const {
        return clip_value < no_limit || clip_norm < no_limit || clip_global_norm < no_limit;
    }
    bool searches() const { return length == Length::armijo || length == Length::wolfe; }
    // Whether nothing can be stepped before all of the gradient is there.
    bool needs_whole_gradient() const { return clips() || length != Length::given || kind == Kind::prodigy; }

    AverageConfig average;

    // The rule's, and behind them the average of the iterates.
    int slots() const { return rule_slots() + average.on(); }
    bool is_schedule_free() const {
        return kind == Kind::schedule_free_sgd || kind == Kind::schedule_free_adamw;
    }
    // Whether the parameters that are reported are not those that are stepped, but the last slot.
    bool reports_last_slot() const { return average.on() || kind == Kind::lookahead || is_schedule_free(); }
    // Whether a slot is, before the first step, what the parameters are.
    bool begins_at_parameters(int slot) const {
        const int copies = reports_last_slot() + is_schedule_free();
        return slot >= slots() - copies || (kind == Kind::prodigy && slot == 3);
    }
    int rule_slots() const {
        switch (kind) {
            case Kind::sgd:
                return length == Length::barzilai_borwein ? 2 : 0;
            case Kind::momentum:
            case Kind::adagrad:
            case Kind::lion:
                return 1;
            case Kind::rmsprop:
                return 1 + centered + keeps_velocity;
            case Kind::amsgrad:
            case Kind::schedule_free_adamw:
                return 3;
            case Kind::prodigy:
                return 4;
            default:
                return 2;
        }
    }
};

// NAdam's momentum at step t, mu_t = beta_1 (1 - 0.96^(psi t) / 2), or always beta_1.
inline double nadam_momentum(const OptimizerConfig& c, Index step) {
    constexpr double log_096 = -0.040821994520255166;
    if (!c.momentum_decay) return c.beta_1;
    return c.beta_1 * (1.0 - 0.5 * exp(*c.momentum_decay * static_cast<double>(step) * log_096));
}

// What a rule needs of the number of the step, counted from 1: 1 - beta^t, which make up for moments that
// start at 0, and the product of NAdam's momenta.
struct Corrections {
    Index step = 1;
    double first = 1, second = 1;
    double momentum_product = 0;
    double share = 1;  // of the step's point in a schedule-free mean
};

// The corrections of one step after the other; the same numbers for the same step, whatever was asked before.
class CorrectionSeries {
  public:
    explicit CorrectionSeries(const OptimizerConfig& config)
        : config_(config), beta_1_powers_(config.beta_1), beta_2_powers_(config.beta_2) {}

    Corrections operator()(Index step) {
        Corrections c{step};
        if (!needed(config_)) return c;
        c.first = 1.0 - beta_1_powers_(step);
        c.second = 1.0 - beta_2_powers_(step);
        if (config_.kind == OptimizerConfig::Kind::nadam) c.momentum_product = product(step);
        return c;
    }
    static Corrections once(const OptimizerConfig& config, Index step) {
        Corrections c{step};
        if (!needed(config)) return c;
        c.first = 1.0 - Powers::once(config.beta_1, step);
        c.second = 1.0 - Powers::once(config.beta_2, step);
        if (config.kind == OptimizerConfig::Kind::nadam)
            c.momentum_product = CorrectionSeries(config).product(step);
        return c;
    }

  private:
    static bool needed(const OptimizerConfig& c) {
        return c.kind == OptimizerConfig::Kind::adam || c.kind > OptimizerConfig::Kind::rmsprop;
    }
    // It is only subtracted from 1, so it need not be followed to 0.
    double product(Index step) {
        if (step < at_) at_ = 0, product_ = 1;
        while (at_ < step && product_ > 0x1p-70) product_ *= nadam_momentum(config_, ++at_);
        return product_;
    }

    OptimizerConfig config_;
    Powers beta_1_powers_, beta_2_powers_;
    Index at_ = 0;
    double product_ = 1;
};

}  // namespace steepest::STEEPEST_ISA
