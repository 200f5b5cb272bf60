// The end of the graph: nodes that add a gradient into a leaf's .grad.
#pragma once

#include <vector>

#include "tape/history.h"

namespace steep::tape {

// The accumulator of leaf x, shared by all graphs that use it now.
Ref<Node> accumulator_of(const Tensor& x);

// Adds grad into x.grad: takes it over where nobody else holds it, else copies or adds in place (a
// new tensor where the addition itself is to be differentiated).
void accumulate_grad(const Tensor& x, Tensor grad);

// What a backward pass is to leave in .grad. All of it is worked out before any of it is put there,
// so that a pass that fails on the way (a hook raises, no memory is left) leaves every leaf as it
// was. One collects for its thread.
class Accumulations {
 public:
  Accumulations();
  ~Accumulations();
  Accumulations(const Accumulations&) = delete;
  Accumulations& operator=(const Accumulations&) = delete;

  // To the collection of this thread. `ours`: the gradient may be kept as it is.
  static void add(const Tensor& x, Tensor grad, bool ours);
  // Puts it there, and then calls the hooks that wait for it.
  void finish();

 private:
  struct Accumulation {
    Tensor x, grad;
    Tensor before;  // what was in .grad
    Tensor after;   // what will be; undefined where grad is added in place
  };
  static void put(Accumulation& made);
  std::vector<Accumulation> list_;
  Accumulations* before_;
};

}  // namespace steep::tape
