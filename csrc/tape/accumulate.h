// The ends of the graph: nodes that add gradients to the .grad of leaves.
#pragma once

#include <vector>

#include "tape/history.h"

namespace steep::tape {

// The accumulator node of leaf x, which all present graphs share.
Ref<Node> accumulator_of(const Tensor& x);

// Adds grad to x.grad: in place, or by a new tensor if the addition itself is to be differentiated.
// If x.grad is None, keeps grad itself if nothing else holds it, else a copy.
void accumulate_grad(const Tensor& x, Tensor grad);

// Collects what a backward pass on this thread adds to .grad. All of it is computed before any
// .grad is changed, so that a pass that fails (a hook raises, memory runs out) leaves every leaf as
// it was.
class Accumulations {
 public:
  Accumulations();
  ~Accumulations();
  Accumulations(const Accumulations&) = delete;
  Accumulations& operator=(const Accumulations&) = delete;

  // Adds to this thread's collection. `ours`: the gradient may be kept without a copy.
  static void add(const Tensor& x, Tensor grad, bool ours);
  // Changes every .grad, and then calls the post-accumulate hooks.
  void finish();

 private:
  struct Accumulation {
    Tensor x, grad;
    Tensor before;  // what was in .grad
    Tensor after;   // what it will be; undefined if grad is added in place
  };
  static void put(Accumulation& made);
  std::vector<Accumulation> list_;
  Accumulations* before_;
};

}  // namespace steep::tape
