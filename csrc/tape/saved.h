// What a rule saves from the forward pass: a tensor, and the version that its memory had. It never
// makes a reference cycle of nodes.
#pragma once

#include "tape/history.h"

namespace steep::tape {

// The parts of a Saved.
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
  // Saves input x for the rule; nothing if `needed` is false.
  explicit Saved(const Tensor& x, bool needed = true);
  // Saves output number `index` of the node being recorded; the link back to the node is weak.
  static Saved output(const Tensor& out, int index = 0);

  bool defined() const { return parts_.tensor.defined(); }
  // The tensor as it was; throws if it has been written to, or given other memory, since.
  Tensor get() const;

 private:
  void refuse_changed() const;
  // What was saved, with its place in the graph if the pass itself is recorded.
  Tensor with_graph(const Tensor& x) const;

  SavedParts parts_;
};

// As long as it exists, it is shown each copy of a Saved that this thread makes, and may change it:
// used when rules are copied (Node::copy).
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
