// A backward pass through the graph of one call, from its results to the edges that leave it.
#pragma once

#include <vector>

#include "tape/pattern.h"

namespace steep::tape {

// One pass through a call's graph: takes gradients of the results, gives gradients for the exits.
struct Pass {
  using Flags = SmallVector<uint8_t, 8>;

  const Tensor* grads;
  Flags wanted;                 // by exit
  Flags vacant;                 // by end: whether gradients from several exits may be added up here
  SmallVector<Tensor, 8> out;   // by exit
  std::vector<uint8_t> passed;  // by node

  void run(const Pattern& pattern, const std::vector<Ref<Node>>& nodes,
           const std::vector<uint8_t>& used_up);
  void add_up(const Pattern& pattern);

 private:
  // By node: whether it leads to an exit that wants a gradient.
  std::vector<uint8_t> leading(const Pattern& pattern) const;
  // By input of a node: whether it wants a gradient.
  Flags asked_of(const Pattern::NodeTemplate& node, const std::vector<uint8_t>& leads) const;
};

}  // namespace steep::tape
