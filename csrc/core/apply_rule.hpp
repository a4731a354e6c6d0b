// A rule on whole arrays: it is written for a vector of parameters.
#pragma once

#include "core/math.hpp"

namespace steepest::STEEPEST_ISA {

// The rule on fewer entries than a vector has.
template <class T, class Rule>
void apply_rule_to_part(const Rule& rule, T* x, const T* g, T* const* slot, Index n) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    auto part = [bytes](const T* p) -> Vec<T> {
        T entries[width<T>] = {};
        std::memcpy(entries, p, bytes);
        return load(entries);
    };
    Vec<T> x_vector = part(x), slots[Rule::slots + 1];
    for (int s = 0; s < Rule::slots; ++s) slots[s] = part(slot[s]);
    rule(x_vector, part(g), slots);
    std::memcpy(x, &x_vector, bytes);
    for (int s = 0; s < Rule::slots; ++s) std::memcpy(slot[s], &slots[s], bytes);
}

template <class T, class Rule>
void apply_rule(Rule rule, T* x, const T* g, T* const* slot, Index n) {
    // From the first aligned vector on: arrays of one size usually lie alike, and then all of them are
    // aligned.
    const Index beyond = static_cast<Index>(reinterpret_cast<std::uintptr_t>(x) % vector_bytes);
    Index head = beyond == 0 ? 0 : (vector_bytes - beyond) / static_cast<Index>(sizeof(T));
    head = head < n ? head : n;
    if (head > 0) apply_rule_to_part(rule, x, g, slot, head);
    T* local[Rule::slots + 1] = {};
    for (int s = 0; s < Rule::slots; ++s) local[s] = slot[s];
    Index i = head;
    for (; i + width<T> <= n; i += width<T>) {
        Vec<T> x_vector = load(x + i), slots[Rule::slots + 1];
        for (int s = 0; s < Rule::slots; ++s) slots[s] = load(local[s] + i);
        rule(x_vector, load(g + i), slots);
        store(x + i, x_vector);
        for (int s = 0; s < Rule::slots; ++s) store(local[s] + i, slots[s]);
    }
    if (i == n) return;
    for (int s = 0; s < Rule::slots; ++s) local[s] += i;
    apply_rule_to_part(rule, x + i, g + i, local, n - i);
}

}  // namespace steepest::STEEPEST_ISA
