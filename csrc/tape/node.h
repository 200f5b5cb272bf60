// A node of the computation graph: one recorded operation, with edges to the nodes that made its inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tensor/tensor.h"

namespace steep::tape {

class Node;

// Where the gradient of an input goes: output `index` of `node`, brought to the input's own shape and dtype first.
struct Edge {
  Ref<Node> node;  // null: the input wants no gradient
  int index = 0;
  DType dtype = DType::float32;
  Dims shape;
};

// What a rule fills: the gradients of the node's inputs. Those not wanted may be left undefined.
class Grads {
 public:
  Grads(Tensor* slots, const uint8_t* wanted) : slots_(slots), wanted_(wanted) {}
  bool wanted(int input) const { return wanted_[input]; }
  Tensor& operator[](int input) { return slots_[input]; }

 private:
  Tensor* slots_;
  const uint8_t* wanted_;
};

// Called with a gradient on its way; what it returns, if defined, takes the gradient's place.
struct Hook {
  uint64_t id;
  std::function<Tensor(const Tensor&)> call;
};
using Hooks = std::vector<Hook>;

class Node : public Counted {
 public:
  Node(const char* name, int outputs);
  virtual ~Node() = default;

  // Gradients of the outputs in, gradients of the inputs out. An undefined gradient stands for zeros.
  virtual void apply(const Tensor* grads, Grads& out) = 0;
  // Gives up what the rule has captured.
  virtual void release() { released = true; }

  const uint64_t number;  // rises with creation: a node is younger than all that it leads to
  const char* const name;
  const int outputs;
  bool released = false;
  SmallVector<Edge, 2> inputs;
  std::vector<std::pair<int, std::shared_ptr<Hooks>>> hooks;  // by output
  std::vector<std::pair<int, TensorImpl*>>
      retainers;  // tensors (weak) that keep this gradient in .grad

  // Frees chains of any length without recursion.
  static void destroy(Node* node);
};

// A node whose rule is a lambda: it holds exactly what the lambda captures, until released.
template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, int outputs, Rule rule)
      : Node(name, outputs), rule_(std::move(rule)) {}
  void apply(const Tensor* grads, Grads& out) override {
    if constexpr (std::is_invocable_v<Rule&, const Tensor&, Grads&>) {
      (*rule_)(grads[0], out);
    } else {
      (*rule_)(grads, out);
    }
  }
  void release() override {
    Node::release();
    rule_.reset();
  }

 private:
  std::optional<Rule> rule_;
};

}  // namespace steep::tape
