// A node of the computation graph: a recorded operation, with edges to the nodes that made its
// inputs.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tape/node_extras.h"

namespace steep::tape {

class Node;

// Where the gradient of an input goes: to output `index` of `node`, after it is brought to the
// input's shape and dtype.
struct Edge {
  Ref<Node> node;  // null: the input requires no gradient
  int index = 0;
  DType dtype = DType::float32;
  Dims shape;
};

// The gradients of a node's inputs, which its rule fills in. Those not wanted may stay undefined.
class Grads {
 public:
  Grads(Tensor* grads, const uint8_t* wanted) : grads_(grads), wanted_(wanted) {}
  bool wanted(int input) const { return wanted_[input]; }
  Tensor& operator[](int input) { return grads_[input]; }
  // Set by a node that stands for others: which of them this pass has used.
  std::vector<uint8_t> passed;

 private:
  Tensor* grads_;
  const uint8_t* wanted_;
};

class Node : public Counted {
 public:
  Node(const char* name, int outputs);
  virtual ~Node() = default;

  // Calls the hooks of its outputs with their gradients, which they may replace, and stores those
  // that are retained.
  virtual void call_hooks(Tensor* grads) {
    if (extras_) extras_->call_tensor_hooks(grads);
  }
  // Gradients of the outputs in, gradients of the inputs out. An undefined gradient stands for
  // zeros.
  virtual void apply(const Tensor* grads, Grads& out) = 0;
  // Calls apply(); what the rule has captured lives until it returns, even if another pass releases
  // the node meanwhile.
  void run(const Tensor* grads, Grads& out);
  // Drops what the rule has captured, once no pass runs it.
  virtual void release();
  // Like release(), after a pass in which apply() has filled `grads`.
  virtual void release_after(const Grads&) { release(); }
  // A copy without edges and number; what its rule has saved is passed through SavedCopies
  // (tape/saved.h). Null if the rule cannot be copied.
  virtual Ref<Node> copy() const { return nullptr; }
  // Throws the error for a second pass through a released node.
  [[noreturn]] virtual void refuse_again(const Tensor* grads) const;
  // Called before a pass that is to be differentiated itself: a node that stands for others is
  // replaced by them.
  virtual void unfold() {}
  // Whether its rule has saved nothing, so that another pass may run it after release().
  virtual bool lasts() const { return false; }
  // The Python object that it keeps alive, for Python's collector; else null.
  virtual void* foreign() const { return nullptr; }
  // The tensor whose .grad it adds to; else null.
  virtual TensorImpl* leaf() const { return nullptr; }

  // Higher than that of any node it leads to: the backward pass visits nodes in falling order of it.
  uint64_t number = 0;
  const char* const name;
  const char* shown;  // the operation that Python called, where this is its last step; else `name`
  const char* const layer;  // the layer that recorded it, if layers were followed (program/site.h)
  const int outputs;
  bool released = false;
  SmallVector<Edge, 2> inputs;

  // What few nodes have; null if this one has none of it.
  NodeExtras* find_extras() const { return extras_.get(); }
  NodeExtras& extras() {
    if (!extras_) extras_ = std::make_unique<NodeExtras>();
    return *extras_;
  }

  // Used by the search for nodes that one reference keeps alive (tape/owned.h).
  struct OwnershipMark {
    Node* next = nullptr;
    Node* seen_before = nullptr;
    int64_t references = 0;  // found so far; 0 between searches
  } mark;

  // Connects the inputs, then takes the next number: making an edge may itself make a node (of a
  // view whose base was written to). A leaf's accumulator is never connected, keeps 0 and so comes
  // last.
  template <class List>
  void connect(const List& tensors, Edge (*edge_of)(const Tensor&)) {
    inputs.reserve(static_cast<int>(tensors.size()));
    for (const Tensor& x : tensors) inputs.push_back(edge_of(x));
    number = next_number();
  }

  // Reserves so many consecutive numbers; returns the first.
  static uint64_t take_numbers(uint64_t count);
  // That of the node made last, in any thread.
  static uint64_t last_number();

  // Frees chains of any length without recursion.
  static void destroy(Node* node);

 protected:
  struct Like {};
  Node(Like, const Node& other)
      : name(other.name), shown(other.shown), layer(other.layer), outputs(other.outputs) {}
  virtual void give_up() {}

 private:
  static uint64_t next_number() { return take_numbers(1); }
  // How many passes run it; guarded, like all of the graph, by the interpreter lock.
  int running_ = 0;
  std::unique_ptr<NodeExtras> extras_;
};

// A rule that captures no tensor, and so need not be dropped.
template <class Rule>
struct Lasting : Rule {};
template <class Rule>
Lasting<Rule> lasting(Rule rule) {
  return {std::move(rule)};
}
template <class Rule>
constexpr bool kLasts = false;
template <class Rule>
constexpr bool kLasts<Lasting<Rule>> = true;

// A node whose rule is a lambda; until released, it holds exactly what the lambda captures.
template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, int outputs, Rule rule)
      : Node(name, outputs), rule_(std::move(rule)) {}
  Ref<Node> copy() const override {
    if constexpr (std::is_copy_constructible_v<Rule>) return Ref<Node>(new RuleNode(*this));
    return nullptr;
  }
  bool lasts() const override { return kLasts<Rule>; }
  void apply(const Tensor* grads, Grads& out) override {
    if constexpr (std::is_invocable_v<Rule&, const Tensor&, Grads&>) {
      (*rule_)(grads[0], out);
    } else {
      (*rule_)(grads, out);
    }
  }

 protected:
  void give_up() override {
    if constexpr (!kLasts<Rule>) rule_.reset();
  }

 private:
  // Copied in place, so that addresses given to SavedCopies stay valid.
  RuleNode(const RuleNode& other) : Node(Like(), other), rule_(other.rule_) {}

  std::optional<Rule> rule_;
};

}  // namespace steep::tape
