// A tensor's part in the graph: whether it requires a gradient, which node made it, which tensor it
// is a view of.
#pragma once

#include <atomic>

#include "program/leaf_gradients.h"
#include "tape/node.h"

namespace steep::tape {

// What the tape attaches to a tensor.
class History : public Attachment {
 public:
  explicit History(TensorImpl* owner) : owner(owner) {}
  ~History() override;

  TensorImpl* const owner;
  bool requires_grad = false;  // set on this leaf
  bool retains_grad = false;
  Ref<Node> grad_fn;            // the node that made it; null on a leaf
  int output = 0;               // which of the node's outputs it is
  Node* accumulator = nullptr;  // weak; the node that adds into .grad, while a graph needs it
  Tensor grad;
  std::shared_ptr<Hooks> hooks;       // of a leaf
  std::shared_ptr<Hooks> post_hooks;  // of a leaf, called with it after its .grad has been added to
  std::atomic<uint32_t> grad_lock{0};  // held by a thread that adds to .grad (tensor/word_lock.h)
  Tensor base;                // of a view: the tensor that it is a view of, itself not a view
  uint32_t view_version = 0;  // the storage's version that grad_fn belongs to
};

// Whether the tensor is still a view of its base: until one of them is given other memory (x.data =
// ...).
inline bool is_view(const History& h) {
  return h.base.defined() && h.base->storage == h.owner->storage;
}

bool grad_enabled();
void set_grad_enabled(bool enabled);

class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(grad_enabled()) { set_grad_enabled(enabled); }
  ~GradMode() { set_grad_enabled(before_); }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

inline History* history(const Tensor& x) { return static_cast<History*>(x->autograd.get()); }
History& ensure_history(const Tensor& x);

// Whether a view has come to require a gradient by a write to its base.
bool requires_grad_by_base(const History& h, const Tensor& x);
inline bool requires_grad(const Tensor& x) {
  if (!x.defined()) return false;
  const History* const h = history(x);
  return h && (h->requires_grad || h->grad_fn || requires_grad_by_base(*h, x));
}
bool is_leaf(const Tensor& x);
// The node that made x; of a view, brought up to date with in-place changes of its base.
Ref<Node> grad_fn(const Tensor& x);
// The edge that a gradient of x follows: to its node, or to the accumulator of a leaf; without a
// node if x requires no gradient.
Edge edge_of(const Tensor& x);
void set_requires_grad(const Tensor& x, bool requires_grad);
void retain_grad(const Tensor& x);

// Whether an operation on these must be recorded.
template <class... T>
bool wanted(const T&... x) {
  return grad_enabled() && (requires_grad(x) || ...);
}

// Marks `view` as a view of x's memory (or of x's own base).
void mark_view(const Tensor& view, const Tensor& x);

// Gives x the memory of `from` (x.data = from). Its history stays, but refuses gradients of another
// shape.
void swap_memory(const Tensor& x, const Tensor& from);

// Refuses an in-place write that the graph cannot follow.
void check_writable(const char* op, const Tensor& x);

// Access for programs, which do not know the tape.
const program::LeafGradients& leaf_gradients();
// Makes `node` the one that made `out`.
void set_grad_fn(const Tensor& out, Ref<Node> node, int output);

// Shows the node that made `out` by the name of the operation that was called, which is made of
// others; a node that is older than `before` (Node::last_number) was not made by it, and stays.
void show_as(const char* called, const Tensor& out, uint64_t before = 0);
inline Tensor shown_as(const char* called, Tensor out) {
  show_as(called, out);
  return out;
}

// A result as it was recorded: output `output` of `node`.
struct KeptResult {
  Ref<Node> node;
  int output;
  Tensor result;
};
// From here to take_kept_results(), what this thread records is kept, and each result retains its
// gradient: for whoever wants to see a graph with its values. Calls nest; the inner one keeps.
void keep_results();
std::vector<KeptResult> take_kept_results();

// An input of an operation being recorded: a reference, so that passing it changes no reference
// count.
struct RecordedInput {
  RecordedInput(const Tensor& x) : x(x) {}
  operator const Tensor&() const { return x; }
  const Tensor& x;
};

// Records one operation: the rule gets the output's gradient and fills the inputs'.
template <class Rule>
void record(const char* name, const Tensor& out, std::initializer_list<RecordedInput> inputs,
            Rule rule) {
  Ref<Node> node(new RuleNode<Rule>(name, 1, std::move(rule)));
  node->connect(inputs, edge_of);
  set_grad_fn(out, std::move(node), 0);
}

// The same for any number of inputs and outputs; the rule gets an array of gradients, of which
// undefined ones stand for zero.
template <class Rule>
void record_many(const char* name, const Tensors& outs, const Tensors& inputs, Rule rule) {
  Ref<Node> node(new RuleNode<Rule>(name, outs.size(), std::move(rule)));
  node->connect(inputs, edge_of);
  for (int i = 0; i < outs.size(); ++i) set_grad_fn(outs[i], node, i);
}

// The functions the tape cannot do without; ops hands them over at load.
struct Primitives {
  Tensor (*add)(const Tensor& x, const Tensor& other);
  void (*add_into)(const Tensor& x, const Tensor& other);  // x += other, on the memory alone
  Tensor (*sum_to)(const Tensor& x, const Dims& shape,
                   DType dtype);  // undoes broadcasting and promotion
  Tensor (*fill)(const Dims& shape, DType dtype, double value);
  Tensor (*clone)(const Tensor& x);
  Tensor (*as_strided)(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset);
};
extern Primitives primitives;

}  // namespace steep::tape
