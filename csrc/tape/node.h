// A node of the computation graph: one recorded operation, with edges to the nodes that made its
// inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tensor/tensor.h"

namespace steep::tape {

class Node;

// Where the gradient of an input goes: output `index` of `node`, brought to the input's own shape
// and dtype first.
struct Edge {
  Ref<Node> node;  // null: the input wants no gradient
  int index = 0;
  DType dtype = DType::float32;
  Dims shape;
};

// What a rule fills: the gradients of the node's inputs. Those not wanted may be left undefined.
class Grads {
 public:
  Grads(Tensor* grads, const uint8_t* wanted) : grads_(grads), wanted_(wanted) {}
  bool wanted(int input) const { return wanted_[input]; }
  Tensor& operator[](int input) { return grads_[input]; }
  // Of a node that stands for others: which of them this pass has come by.
  std::vector<uint8_t> passed;

 private:
  Tensor* grads_;
  const uint8_t* wanted_;
};

// Called with a gradient on its way; what it returns, if defined, takes the gradient's place.
struct Hook {
  uint64_t id;
  std::function<Tensor(const Tensor&)> call;
};
using Hooks = std::vector<Hook>;

// Passes the gradient through the hooks there are now; one of them may register others, or take
// them away.
void call_each(const std::shared_ptr<Hooks>& hooks, Tensor& grad);

class Node : public Counted {
 public:
  Node(const char* name, int outputs);
  virtual ~Node() = default;

  // Calls the hooks with the gradients of the outputs, which they may replace, and keeps those that
  // are to be retained.
  virtual void call_hooks(Tensor* grads);
  // Gradients of the outputs in, gradients of the inputs out. An undefined gradient stands for
  // zeros.
  virtual void apply(const Tensor* grads, Grads& out) = 0;
  // apply(), during which what the rule has captured stays, though another pass may release it.
  void run(const Tensor* grads, Grads& out);
  // Gives up what the rule has captured, once no pass runs it.
  virtual void release();
  // After a pass in which apply() has filled `grads`.
  virtual void release_after(const Grads&) { release(); }
  // Another node with the same rule, of which what it saves goes through SavedCopies (tape/saved.h).
  // It leads nowhere and has no number. Null where a rule cannot be copied.
  virtual Ref<Node> copy() const { return nullptr; }
  // Refuses gradients of the outputs, for a pass has used up what they need.
  [[noreturn]] virtual void refuse_again(const Tensor* grads) const;
  // Before a pass that is to be differentiated itself: a node that stands for others leads to them
  // from now on.
  virtual void unfold() {}
  // What keeps an object of another memory manager alive (Python's), for its collector; else null.
  virtual void* foreign() const { return nullptr; }
  // The tensor whose .grad it adds to; else null.
  virtual TensorImpl* leaf() const { return nullptr; }

  uint64_t number = 0;  // place in the order of the backward pass: above all that the node leads to
  const char* const name;
  const char* const layer;  // that recorded it, while layers are followed (program/site.h)
  const int outputs;
  bool released = false;
  SmallVector<Edge, 2> inputs;
  std::vector<std::pair<int, std::shared_ptr<Hooks>>> hooks;  // by output
  std::vector<std::pair<int, TensorImpl*>>
      retainers;  // tensors (weak) that keep this gradient in .grad

  // Of the last search for nodes that live by one reference (tape/owned.h).
  struct OwnershipMark {
    Node* next = nullptr;
    Node* seen_before = nullptr;
    int64_t references = 0;  // found so far; 0 between searches
  } mark;

  // Connects the inputs, then takes the next number: making an edge may itself make a node (a
  // view's whose base was written to). What is never connected, a leaf's accumulator, keeps 0 and
  // comes last.
  template <class List>
  void connect(const List& tensors, Edge (*edge_of)(const Tensor&)) {
    inputs.reserve(static_cast<int>(tensors.size()));
    for (const Tensor& x : tensors) inputs.push_back(edge_of(x));
    number = next_number();
  }

  // So many numbers in a row, of which the first is returned.
  static uint64_t take_numbers(uint64_t count);

  // Frees chains of any length without recursion.
  static void destroy(Node* node);

 protected:
  struct Like {};
  Node(Like, const Node& other) : name(other.name), layer(other.layer), outputs(other.outputs) {}
  virtual void give_up() {}

 private:
  static uint64_t next_number() { return take_numbers(1); }
  int running_ = 0;  // guarded, like all of the graph, by the interpreter lock
};

// A node whose rule is a lambda: it holds exactly what the lambda captures, until released.
template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, int outputs, Rule rule)
      : Node(name, outputs), rule_(std::move(rule)) {}
  Ref<Node> copy() const override {
    if constexpr (std::is_copy_constructible_v<Rule>) return Ref<Node>(new RuleNode(*this));
    return nullptr;
  }
  void apply(const Tensor* grads, Grads& out) override {
    if constexpr (std::is_invocable_v<Rule&, const Tensor&, Grads&>) {
      (*rule_)(grads[0], out);
    } else {
      (*rule_)(grads, out);
    }
  }

 protected:
  void give_up() override { rule_.reset(); }

 private:
  // In place: what a copy is told of stays where it is.
  RuleNode(const RuleNode& other) : Node(Like(), other), rule_(other.rule_) {}

  std::optional<Rule> rule_;
};

}  // namespace steep::tape
