// The backward pass: nodes in falling order of their numbers, each once, on the caller's thread.
#pragma once

#include <vector>

#include "tape/history.h"

namespace steep::tape {

struct BackwardOptions {
  bool retain_graph = false;  // keep what the rules saved, for another pass
  bool create_graph = false;  // record the pass itself, for derivatives of higher order
};

// Adds the gradients of `roots` (weighted by `grads`, one each) into the .grad of the leaves; of
// `inputs` alone where any are given.
void backward(const Tensors& roots, const Tensors& grads, const BackwardOptions& options,
              const Tensors& inputs = {});

// Returns the gradients with respect to `inputs` and touches no .grad; undefined where the roots do
// not depend on one.
Tensors gradients(const Tensors& roots, const Tensors& grads, const Tensors& inputs,
                  const BackwardOptions& options);

// Whether this thread's pass has a gradient for the edge's node that is still to be processed.
bool has_pending_gradient(const Edge& edge);

// A number of this thread's pass, which no other pass has had; 0 outside of one.
uint64_t current_pass();
// Which of these nodes this thread's pass has visited or is going to visit.
std::vector<uint8_t> visited_by_pass(const std::vector<Ref<Node>>& nodes);

// The gradient brought to the shape and dtype of the input that the edge belongs to.
Tensor fit(const Edge& edge, const Tensor& grad);

}  // namespace steep::tape
