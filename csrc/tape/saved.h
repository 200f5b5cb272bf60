// What a rule keeps of the forward pass: a tensor with the version it had. Holding one never makes
// a cycle of nodes.
#pragma once

#include "tape/history.h"

namespace steep::tape {

// What a Saved is made of.
struct SavedParts {
  Tensor tensor;
  Ref<Node> grad_fn;
  int index = 0;
  uint32_t version = 0;
  uint32_t swaps = 0;
  bool is_output = false;
};

class Saved {
 public:
  Saved() = default;
  Saved(const Saved& other);
  Saved(Saved&&) = default;
  Saved& operator=(Saved&&) = default;
  // Keeps input x for the rule; nothing is kept where `needed` is false.
  explicit Saved(const Tensor& x, bool needed = true);
  // Keeps an output of the node being recorded (its number among the outputs): the link back to the
  // node is weak.
  static Saved output(const Tensor& out, int index = 0);

  bool defined() const { return parts_.tensor.defined(); }
  // The tensor as it was; refuses one that has been written to, or given other memory, since.
  Tensor get() const;

 private:
  void refuse_changed() const;

  SavedParts parts_;
};

// While it lives, it is shown what is copied of this thread's Saved tensors, and may change the
// copies: rules are copied with it (Node::copy).
class SavedCopies {
 public:
  SavedCopies();
  virtual ~SavedCopies();
  SavedCopies(const SavedCopies&) = delete;
  SavedCopies& operator=(const SavedCopies&) = delete;
  virtual void copied(SavedParts& parts) = 0;

 private:
  SavedCopies* before_;
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
