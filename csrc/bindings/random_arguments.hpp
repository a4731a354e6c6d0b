// The state of MT19937 as NumPy has it: (key, position); or a seed.
#pragma once

#include "bindings/arrays.hpp"
#include "core/mersenne_twister.hpp"

namespace steepest::STEEPEST_ISA {

inline MersenneTwister::State twister_state(const py::object& given) {
    if (py::isinstance<py::int_>(given)) return MersenneTwister::State(given.cast<std::uint32_t>());
    const auto values = given.cast<py::tuple>();
    MersenneTwister::State state;
    const auto key = values[0].cast<py::array_t<std::uint32_t, py::array::c_style>>();
    state.position = values[1].cast<int>();
    if (key.size() != MersenneTwister::size || state.position < 0 || state.position > MersenneTwister::size)
        throw std::invalid_argument("this is no state of MT19937");
    std::memcpy(state.key.data(), key.data(), sizeof(state.key));
    return state;
}

inline py::tuple twister_tuple(const MersenneTwister::State& state) {
    return py::make_tuple(py::array_t<std::uint32_t>(MersenneTwister::size, state.key.data()),
                          state.position);
}

}  // namespace steepest::STEEPEST_ISA
