// The place of a node in the order of the backward pass.
#pragma once

#include <cstdint>

namespace steep::tape {

// The next node made on this thread stands right above node `number` instead of above all. It is for a view's gradient
// function that is made again: what was computed from the view before that must stay above it.
void place_next_node_after(uint64_t number);

}  // namespace steep::tape
