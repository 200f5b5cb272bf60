#include "tape/backward.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "program/site.h"
#include "tape/accumulate.h"
#include "tape/saved.h"

namespace steep::tape {

namespace {

struct Capture {
  Ref<Node> node;
  int index;
  Tensor grad;
};

// Gradients that have arrived for the outputs of one node and wait for its turn.
struct Pending {
  Ref<Node> node;
  SmallVector<Tensor, 1> grads;
};

class Walk {
 public:
  explicit Walk(const BackwardOptions& options) : options_(options) {}

  void restrict_to(std::vector<Capture>* captures, const std::vector<Ref<Node>>& roots,
                   bool accumulate);
  void arrive(const Edge& edge, Tensor grad);
  void run();

 private:
  void visit(Pending pending);
  void pass_hooks(Node& node, SmallVector<Tensor, 1>& grads);
  void capture(Node& node, const SmallVector<Tensor, 1>& grads);
  bool needed(const Node* node) const { return !restricted_ || needed_.count(node) > 0; }

  const BackwardOptions options_;
  std::vector<std::pair<uint64_t, int>> heap_;  // (number, place in pending_)
  std::vector<Pending> pending_;
  std::vector<int> vacant_;
  std::unordered_map<const Node*, int> place_;
  std::vector<Capture>* captures_ = nullptr;
  std::unordered_set<const Node*> needed_;
  bool restricted_ = false;
  bool accumulate_ = true;
};

// Only nodes on a path to a capture are visited: found by going through the reachable ones from the oldest up.
void Walk::restrict_to(std::vector<Capture>* captures, const std::vector<Ref<Node>>& roots,
                       bool accumulate) {
  captures_ = captures;
  accumulate_ = accumulate;
  restricted_ = true;
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> reachable, stack;
  for (const Ref<Node>& root : roots) stack.push_back(root.get());
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    reachable.push_back(node);
    for (const Edge& edge : node->inputs)
      if (edge.node) stack.push_back(edge.node.get());
  }
  std::sort(reachable.begin(), reachable.end(),
            [](const Node* a, const Node* b) { return a->number < b->number; });
  for (const Capture& capture : *captures) needed_.insert(capture.node.get());
  for (const Node* node : reachable)
    for (const Edge& edge : node->inputs)
      if (edge.node && needed_.count(edge.node.get())) needed_.insert(node);
}

// Undoes broadcasting and promotion: the one place where a gradient gets its input's shape and dtype.
Tensor fit(const Edge& edge, const Tensor& grad) {
  if (grad.shape() == edge.shape && grad.dtype() == edge.dtype) return grad;
  return primitives.sum_to(grad, edge.shape, edge.dtype);
}

void Walk::arrive(const Edge& edge, Tensor grad) {
  Node* node = edge.node.get();
  const auto [at, fresh] = place_.try_emplace(node, 0);
  if (fresh) {
    if (vacant_.empty()) {
      vacant_.push_back(static_cast<int>(pending_.size()));
      pending_.emplace_back();
    }
    at->second = vacant_.back();
    vacant_.pop_back();
    pending_[at->second].node = edge.node;
    pending_[at->second].grads.resize(node->outputs);
    // Accumulators (number 0) wait for all else: a leaf's gradient is whole when its hooks and
    // captures see it, and an error on the way leaves every .grad as it was.
    heap_.emplace_back(node->number, at->second);
    std::push_heap(heap_.begin(), heap_.end());
  }
  Tensor& slot = pending_[at->second].grads[edge.index];
  slot = slot.defined() ? primitives.add(slot, grad) : std::move(grad);
}

void Walk::pass_hooks(Node& node, SmallVector<Tensor, 1>& grads) {
  const auto all = node.hooks;  // a hook may register another one
  for (const auto& [output, hooks] : all) {
    if (!grads[output].defined()) continue;
    for (const Hook& hook : Hooks(*hooks))
      if (Tensor changed = hook.call(grads[output]); changed.defined()) grads[output] = changed;
  }
  if (restricted_ && !accumulate_) return;
  for (const auto& [output, keeper] : node.retainers)
    if (grads[output].defined()) accumulate_grad(Tensor(keeper), grads[output]);
}

void Walk::capture(Node& node, const SmallVector<Tensor, 1>& grads) {
  if (!captures_) return;
  for (Capture& capture : *captures_)
    if (capture.node.get() == &node) capture.grad = grads[capture.index];
}

void Walk::visit(Pending pending) {
  Node& node = *pending.node;
  const program::AtSite site(node.layer);  // its gradients are worked out on the layer's behalf
  pass_hooks(node, pending.grads);
  capture(node, pending.grads);
  if (node.released) {
    throw Error(ErrorKind::runtime, join(node.name,
                                         ": Trying to backward through the graph a second time (or "
                                         "directly access saved tensors "
                                         "after they have already been freed). Specify "
                                         "retain_graph=True if you need to backward "
                                         "through the graph a second time."));
  }
  const int count = node.inputs.size();
  SmallVector<uint8_t, 8> wanted(count, 0);
  bool any = count == 0 && (!restricted_ || accumulate_);
  for (int i = 0; i < count; ++i)
    any |= wanted[i] = node.inputs[i].node && needed(node.inputs[i].node.get());
  if (!any) return;
  SmallVector<Tensor, 4> out;
  out.resize(count);
  {
    Grads grads(out.data(), wanted.data());
    const CurrentNode current(&node);
    node.apply(pending.grads.data(), grads);
  }
  pending.grads.clear();
  for (int i = 0; i < count; ++i)
    if (wanted[i] && out[i].defined()) arrive(node.inputs[i], fit(node.inputs[i], out[i]));
  if (!options_.retain_graph) node.release();
}

void Walk::run() {
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const int at = heap_.back().second;
    heap_.pop_back();
    Pending pending = std::move(pending_[at]);
    place_.erase(pending.node.get());
    vacant_.push_back(at);
    visit(std::move(pending));
  }
}

void check_root(const Tensor& root, const Tensor& grad) {
  if (!requires_grad(root)) {
    throw Error(ErrorKind::runtime,
                "backward: element of tensors does not require grad and does not have a grad_fn; "
                "call requires_grad_() on "
                "the parameters, and compute outside of no_grad()");
  }
  if (grad.shape() != root.shape()) {
    throw Error(ErrorKind::runtime, join("backward: Mismatch in shape: grad_output has a shape of ",
                                         to_string(grad.shape()), " and output has a shape of ",
                                         to_string(root.shape())));
  }
}

std::vector<Ref<Node>> start(Walk& walk, const Tensors& roots, const Tensors& grads,
                             const BackwardOptions& options, std::vector<Capture>* captures,
                             bool accumulate) {
  std::vector<Edge> edges;
  std::vector<Ref<Node>> nodes;
  for (int i = 0; i < roots.size(); ++i) {
    check_root(roots[i], grads[i]);
    edges.push_back(edge_of(roots[i]));
    nodes.push_back(edges.back().node);
  }
  if (captures) walk.restrict_to(captures, nodes, accumulate);
  const GradMode mode(options.create_graph);
  for (int i = 0; i < roots.size(); ++i) walk.arrive(edges[i], fit(edges[i], grads[i]));
  walk.run();
  return nodes;
}

std::vector<Capture> captures_of(const char* op, const Tensors& inputs) {
  std::vector<Capture> captures;
  for (const Tensor& input : inputs) {
    if (!requires_grad(input))
      throw Error(ErrorKind::runtime, join(op,
                                           ": One of the differentiated Tensors does not require "
                                           "grad; call requires_grad_() on it first"));
    Edge edge = edge_of(input);
    captures.push_back({edge.node, edge.index, Tensor()});
  }
  return captures;
}

}  // namespace

void backward(const Tensors& roots, const Tensors& grads, const BackwardOptions& options,
              const Tensors& inputs) {
  Walk walk(options);
  if (inputs.empty()) {
    start(walk, roots, grads, options, nullptr, true);
    return;
  }
  std::vector<Capture> captures = captures_of("backward", inputs);
  start(walk, roots, grads, options, &captures, false);
  const GradMode mode(options.create_graph);
  for (int i = 0; i < inputs.size(); ++i)
    if (captures[i].grad.defined()) accumulate_grad(inputs[i], captures[i].grad);
}

Tensors gradients(const Tensors& roots, const Tensors& grads, const Tensors& inputs,
                  const BackwardOptions& options) {
  Walk walk(options);
  std::vector<Capture> captures = captures_of("autograd.grad", inputs);
  start(walk, roots, grads, options, &captures, false);
  Tensors out;
  for (Capture& capture : captures) out.push_back(capture.grad);
  return out;
}

}  // namespace steep::tape
