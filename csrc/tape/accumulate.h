// The end of the graph: nodes that add a gradient into a leaf's .grad.
#pragma once

#include "tape/history.h"

namespace steep::tape {

// The accumulator of leaf x, shared by all graphs that use it now.
Ref<Node> accumulator_of(const Tensor& x);

// Adds grad into x.grad: takes it over where nobody else holds it, else copies or adds in place (a new tensor where
// the addition itself is to be differentiated).
void accumulate_grad(const Tensor& x, Tensor grad);

}  // namespace steep::tape
