// What a rule keeps of the forward pass: a tensor with the version it had. Holding one never makes
// a cycle of nodes.
#pragma once

#include "tape/history.h"

namespace steep::tape {

class Saved {
 public:
  Saved() = default;
  // Keeps input x for the rule; nothing is kept where `needed` is false.
  explicit Saved(const Tensor& x, bool needed = true);
  // Keeps an output of the node being recorded (its number among the outputs): the link back to the
  // node is weak.
  static Saved output(const Tensor& out, int index = 0);

  bool defined() const { return tensor_.defined(); }
  // The tensor as it was; refuses one that has been written to, or given other memory, since.
  Tensor get() const;

 private:
  void refuse_changed() const;

  Tensor tensor_;
  Ref<Node> grad_fn_;
  int index_ = 0;
  uint32_t version_ = 0;
  uint32_t swaps_ = 0;
  bool is_output_ = false;
};

// The node whose rule is running on this thread.
Node* current_node();
class CurrentNode {
 public:
  explicit CurrentNode(Node* node);
  ~CurrentNode();
  CurrentNode(const CurrentNode&) = delete;
  CurrentNode& operator=(const CurrentNode&) = delete;

 private:
  Node* before_;
};

}  // namespace steep::tape
