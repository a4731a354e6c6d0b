// The formulas are those of steepest/functions, where each is explained and its source named.
#include "core/test_functions.hpp"

#include <map>

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

namespace {

using Size = std::int64_t;

constexpr double pi = 3.14159265358979323846, e = 2.71828182845904523536;

double square(double x) {
    return x * x;
}
double expm1_of(double x) {  // x <= 0
    return expm1(Vec<double>{} + x)[0];
}
// sin(2 pi x) and cos(2 pi x), exactly periodic.
double sine_of_turns(double x) {
    const double r = x - __builtin_rint(x), magnitude = r < 0 ? -r : r;
    const double sine = magnitude <= 0.25 ? sin_pi(2 * magnitude) : sin_pi(1 - 2 * magnitude);
    return r < 0 ? -sine : sine;
}
double sine_squared(double x) {  // sin(pi x)^2
    return square(sin_pi(x - __builtin_rint(x)));
}

double sphere(Size n, const double* x, double* g, void*) {
    double value = 0;
    for (Size i = 0; i < n; ++i) {
        value += x[i] * x[i];
        g[i] = 2 * x[i];
    }
    return value;
}

// data: the matrix (n, n), symmetric.
double quadratic(Size n, const double* x, double* g, void* data) {
    const auto* matrix = static_cast<const double*>(data);
    for (Size j = 0; j < n; ++j) g[j] = x[0] * matrix[j];
    for (Size i = 1; i < n; ++i)
        for (Size j = 0; j < n; ++j) g[j] += x[i] * matrix[i * n + j];
    double value = 0;
    for (Size i = 0; i < n; ++i) value += x[i] * g[i];
    return value / 2;
}

double rosenbrock(Size n, const double* x, double* g, void*) {
    double value = 0;
    g[0] = 0;
    for (Size i = 0; i + 1 < n; ++i) {
        const double off_valley = x[i + 1] - x[i] * x[i], short_of = 1 - x[i];
        value += 100 * square(off_valley) + square(short_of);
        g[i] += -400 * x[i] * off_valley - 2 * short_of;
        g[i + 1] = 200 * off_valley;
    }
    return value;
}

double styblinski_tang(Size n, const double* x, double* g, void*) {
    double value = 0;
    for (Size i = 0; i < n; ++i) {
        value += x[i] * (x[i] * (x[i] * x[i] - 16) + 5);
        g[i] = 2 * (x[i] * x[i] * x[i]) - 16 * x[i] + 2.5;
    }
    return value / 2;
}

double rastrigin(Size n, const double* x, double* g, void*) {
    double value = 0;
    for (Size i = 0; i < n; ++i) {
        value += x[i] * x[i] + 20 * sine_squared(x[i]);
        g[i] = 2 * x[i] + 20 * pi * sine_of_turns(x[i]);
    }
    return value;
}

double ackley(Size n, const double* x, double* g, void*) {
    const auto count = static_cast<double>(n);
    double squares = 0, waves = 0;
    for (Size i = 0; i < n; ++i) {
        squares += x[i] * x[i];
        waves += sine_squared(x[i]);
    }
    const double radius = __builtin_sqrt(squares / count), ripple = -2 * (waves / count);
    const double peak = exp(1 + ripple);  // of the mean cosine
    const double cone = 4 * exp(-radius / 5) / (count * (radius == 0 ? 1 : radius));
    for (Size i = 0; i < n; ++i) g[i] = cone * x[i] + 2 * pi / count * sine_of_turns(x[i]) * peak;
    return -20 * expm1_of(-radius / 5) - e * expm1_of(ripple);
}

double gaussian_well(Size n, const double* x, double* g, void*) {
    double squares = 0;
    for (Size i = 0; i < n; ++i) squares += x[i] * x[i];
    const double depth = exp(-squares / 2);
    for (Size i = 0; i < n; ++i) g[i] = x[i] * depth;
    return -expm1_of(-squares / 2);
}

double booth(Size, const double* x, double* g, void*) {
    g[0] = 10 * x[0] + 8 * x[1] - 34;
    g[1] = 8 * x[0] + 10 * x[1] - 38;
    return square(x[0] + 2 * x[1] - 7) + square(2 * x[0] + x[1] - 5);
}

double beale(Size, const double* at, double* g, void*) {
    const double x = at[0], y = at[1];
    constexpr double targets[] = {1.5, 2.25, 2.625};
    double value = 0, power = 1;  // y^(k-1)
    g[0] = g[1] = 0;
    for (int k = 1; k <= 3; ++k) {
        const double span = 1 - power * y, residual = targets[k - 1] - x * span;
        value += square(residual);
        g[0] -= 2 * residual * span;
        g[1] += 2 * residual * x * k * power;
        power *= y;
    }
    return value;
}

double himmelblau(Size, const double* x, double* g, void*) {
    const double first = x[0] * x[0] + x[1] - 11, second = x[0] + x[1] * x[1] - 7;
    g[0] = 4 * x[0] * first + 2 * second;
    g[1] = 2 * first + 4 * x[1] * second;
    return square(first) + square(second);
}

double three_hump_camel(Size, const double* at, double* g, void*) {
    const double x = at[0], y = at[1], x2 = x * x;
    g[0] = x * (4 + x2 * (x2 - 4.2)) + y;
    g[1] = x + 2 * y;
    return x2 * (2 + x2 * (x2 / 6 - 1.05)) + x * y + y * y;
}

double saddle(Size, const double* x, double* g, void*) {
    g[0] = 2 * x[0];
    g[1] = -2 * x[1];
    return x[0] * x[0] - x[1] * x[1];
}

double double_well(Size, const double* x, double* g, void*) {
    const double off_circle = x[1] * x[1] - 1;
    g[0] = x[0];
    g[1] = x[1] * off_circle;
    return x[0] * x[0] / 2 + square(off_circle) / 4;
}

double monkey_saddle(Size, const double* x, double* g, void*) {
    const double x2 = x[0] * x[0], y2 = x[1] * x[1];
    g[0] = 3 * (x2 - y2);
    g[1] = -6 * x[0] * x[1];
    return x[0] * (x2 - 3 * y2);
}

// data: delta.
double plateau(Size, const double* x, double* g, void* data) {
    const double flatness = square(*static_cast<const double*>(data));
    g[0] = x[0] * (square(x[0] - 3) + flatness);
    g[1] = x[1];
    return x[0] * x[0] * (square(x[0] - 4) / 4 + 0.5 + flatness / 2) + x[1] * x[1] / 2;
}

}  // namespace

TestFunction test_function(const std::string& name) {
    static const std::map<std::string, TestFunction> functions = {
        {"Sphere", sphere},
        {"Quadratic", quadratic},
        {"Rosenbrock", rosenbrock},
        {"StyblinskiTang", styblinski_tang},
        {"Rastrigin", rastrigin},
        {"Ackley", ackley},
        {"GaussianWell", gaussian_well},
        {"Booth", booth},
        {"Beale", beale},
        {"Himmelblau", himmelblau},
        {"ThreeHumpCamel", three_hump_camel},
        {"Saddle", saddle},
        {"DoubleWell", double_well},
        {"MonkeySaddle", monkey_saddle},
        {"Plateau", plateau},
    };
    const auto found = functions.find(name);
    return found == functions.end() ? nullptr : found->second;
}

}  // namespace steepest::STEEPEST_ISA
