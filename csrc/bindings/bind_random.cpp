#include "bindings/bind.hpp"
#include "bindings/random_arguments.hpp"
#include "core/math.hpp"
#include "core/random.hpp"

namespace steepest::STEEPEST_ISA {

void bind_random(py::module_& m) {
    m.def("permutation", [](std::uint32_t n, std::uint64_t seed, std::uint64_t epoch) {
        py::array_t<std::uint32_t> order(n);
        permutation(seed, epoch, n, order.mutable_data());
        return order;
    });
    // The next n words, the shuffled numbers 0 ... n-1, and the states after.
    m.def("twister_words", [](const py::object& state, std::uint32_t n) {
        MersenneTwister twister(twister_state(state));
        py::array_t<std::uint32_t> words(n);
        for (std::uint32_t i = 0; i < n; ++i) words.mutable_data()[i] = twister.next();
        return py::make_tuple(words, twister_tuple(twister.state()));
    });
    m.def("twister_shuffle", [](const py::object& state, std::uint32_t n) {
        MersenneTwister twister(twister_state(state));
        py::array_t<std::uint32_t> order(n);
        for (std::uint32_t i = 0; i < n; ++i) order.mutable_data()[i] = i;
        twister.shuffle(order.mutable_data(), n);
        return py::make_tuple(order, twister_tuple(twister.state()));
    });
    // The draws of one group of blocks; see core/random.hpp for their order.
    m.def("philox",
          [](std::uint64_t seed, std::uint32_t stream, std::uint64_t index, std::uint32_t first_block) {
              py::array_t<std::uint32_t> draws(philox_draws);
              philox(seed, stream, index, first_block, draws.mutable_data());
              return draws;
          });
    // The core's own elementary functions, entry by entry, for tests.
    m.def("elementary", [](const std::string& name, py::object x) {
        return with_scalar_type(
            [&](auto t) -> py::object {
                using T = decltype(t);
                auto out = new_array<T>(shape_of(x));
                const T* in = data<T>(x);
                T* y = out.mutable_data();
                for (Index i = 0; i < as_array(x).size(); ++i) {
                    const Vec<T> v = splat(in[i]);
                    if (name == "exp")
                        y[i] = exp(v)[0];
                    else if (name == "expm1")
                        y[i] = expm1(v)[0];
                    else if (name == "tanh")
                        y[i] = tanh(v)[0];
                    else if (name == "logistic")
                        y[i] = logistic(v)[0];
                    else if (name == "log")
                        y[i] = static_cast<T>(log(static_cast<double>(in[i])));
                    else if (name == "log1p_unit")
                        y[i] = static_cast<T>(log1p_unit(static_cast<double>(in[i])));
                    else if (name == "cos_pi")
                        y[i] = static_cast<T>(cos_pi(static_cast<double>(in[i])));
                    else
                        throw std::invalid_argument("unknown function: " + name);
                }
                return out;
            },
            x);
    });
}

}  // namespace steepest::STEEPEST_ISA
