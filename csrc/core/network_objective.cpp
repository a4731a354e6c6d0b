#include "core/network_objective.hpp"

namespace steepest::STEEPEST_ISA {

template class NetworkPass<float>;
template class NetworkPass<double>;
template class NetworkObjective<float>;
template class NetworkObjective<double>;

}  // namespace steepest::STEEPEST_ISA
