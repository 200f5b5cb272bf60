// What few nodes have: hooks, tensors that retain gradients, and what Python keeps with a node. A
// node without any of it has a null pointer, which is all that a pass looks at.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace steep::tape {

// A hook of a tensor, called with its gradient as that passes: what it returns, if defined,
// replaces the gradient. Or one of a leaf, called after its .grad was added to, with the leaf and
// what has arrived there.
struct Hook {
  uint64_t id;
  std::function<Tensor(const Tensor& given, const Tensor& arrived)> call;
};
using Hooks = std::vector<Hook>;

// Calls the hooks registered now with the gradient; one of them may register or remove hooks.
void call_each(const std::shared_ptr<Hooks>& hooks, Tensor& grad);

// Gradients that a hook of a node may replace, or only see. Those that are zero are undefined.
struct GradList {
  Tensor* grads;
  int count;
};

// A hook of a node. Before its rule runs: `changed` are the gradients of its outputs, and there are
// no `others`. Afterwards: `changed` are those of its inputs, and `others` those of its outputs.
struct NodeHook {
  uint64_t id;
  std::function<void(GradList changed, GradList others)> call;
};
using NodeHooks = std::vector<NodeHook>;

void call_each(const std::shared_ptr<NodeHooks>& hooks, GradList changed, GradList others);

struct NodeExtras {
  // By output.
  std::vector<std::pair<int, std::shared_ptr<Hooks>>> hooks;
  // By output: tensors (weak) that retain its gradient in .grad.
  std::vector<std::pair<int, TensorImpl*>> retainers;
  std::shared_ptr<NodeHooks> before, after;
  // Of a leaf's accumulator: the hooks that were put into the leaf's lists through it.
  std::vector<uint64_t> given_to_leaf;
  std::string birthplace;          // "file:line" that recorded it, where that was noted
  std::shared_ptr<void> metadata;  // a Python dictionary
  void* python = nullptr;          // weak: the Python object that shows it, if it exists

  bool is_hooked() const {
    return !hooks.empty() || !retainers.empty() || (before && !before->empty()) ||
           (after && !after->empty());
  }
  // See Node::call_hooks.
  void call_tensor_hooks(Tensor* grads);
};

}  // namespace steep::tape
