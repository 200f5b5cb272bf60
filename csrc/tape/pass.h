// A backward pass through the graph of one call, from its results to where it ends.
#pragma once

#include <vector>

#include "tape/pattern.h"

namespace steep::tape {

// One pass through a call's graph: gradients of the results in, gradients for the exits out.
struct Pass {
  using Flags = SmallVector<uint8_t, 8>;

  const Tensor* grads;
  Flags wanted;                 // by exit
  Flags vacant;                 // by end: several gradients for it may be added up first
  SmallVector<Tensor, 8> out;   // by exit
  std::vector<uint8_t> passed;  // by place

  void run(const Pattern& pattern, const std::vector<Ref<Node>>& nodes,
           const std::vector<uint8_t>& used_up);
  void add_up(const Pattern& pattern);

 private:
  // By place: whether it leads to an exit that wants a gradient.
  std::vector<uint8_t> leading(const Pattern& pattern) const;
  // By input of the node at a place: whether it wants a gradient.
  Flags asked_of(const Pattern::NodeTemplate& node, const std::vector<uint8_t>& leads) const;
};

}  // namespace steep::tape
