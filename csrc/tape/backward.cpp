#include "tape/backward.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "program/record/recorder.h"
#include "program/site.h"
#include "tape/accumulate.h"
#include "tape/saved.h"
#include "tape/watch.h"

namespace steep::tape {

namespace {

struct Capture {
  Ref<Node> node;
  int index;
  Tensor grad;
};

// The gradients collected for the outputs of a node that is still to be visited.
struct Pending {
  Ref<Node> node;
  SmallVector<Tensor, 1> grads;
};

class Walk;
thread_local Walk* t_walk = nullptr;

class Walk {
 public:
  explicit Walk(const BackwardOptions& options)
      : options_(options),
        unfolds_(options.create_graph || (program::sites_followed() && innermost_watch())),
        before_(std::exchange(t_walk, this)) {}
  ~Walk() { t_walk = before_; }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Visits only what leads to `targets`, in order to capture their gradients or (captures null) to
  // add to .grad.
  void restrict_to(const std::vector<Ref<Node>>& targets, const std::vector<Ref<Node>>& roots,
                   std::vector<Capture>* captures);
  void add_gradient(const Edge& edge, Tensor grad);
  void run();
  // Where it begins, for as long as it runs.
  void begin_at(const std::vector<Ref<Node>>& roots) { roots_ = &roots; }
  uint64_t id() {
    static uint64_t last = 0;
    if (!id_) id_ = ++last;
    return id_;
  }
  std::vector<uint8_t> visits(const std::vector<Ref<Node>>& nodes) const;
  bool has_pending_gradient(const Edge& edge) const {
    const auto at = index_of_.find(edge.node.get());
    return at != index_of_.end() && pending_[at->second].grads[edge.index].defined();
  }

 private:
  void visit(Pending pending);
  void visit_pending(int at);
  void capture(Node& node, const SmallVector<Tensor, 1>& grads);
  bool needed(const Node* node) const { return !restricted_ || needed_.count(node) > 0; }

  const BackwardOptions options_;
  const bool unfolds_;  // nodes that stand for others, before they are visited
  Walk* const before_;
  std::vector<std::pair<uint64_t, int>> heap_;  // (number, index in pending_)
  std::vector<int> leaves_;                     // accumulators, as indices in pending_
  std::vector<Pending> pending_;
  std::vector<int> vacant_;
  std::unordered_map<const Node*, int> index_of_;
  std::vector<Capture>* captures_ = nullptr;
  std::unordered_set<const Node*> needed_;
  bool restricted_ = false;
  const std::vector<Ref<Node>>* roots_ = nullptr;
  uint64_t id_ = 0;  // given when it is first asked for
};

std::vector<uint8_t> Walk::visits(const std::vector<Ref<Node>>& nodes) const {
  std::unordered_set<const Node*> reachable;
  std::vector<const Node*> stack;
  if (roots_)
    for (const Ref<Node>& root : *roots_) stack.push_back(root.get());
  while (!stack.empty()) {
    const Node* const node = stack.back();
    stack.pop_back();
    if (!needed(node) || !reachable.insert(node).second) continue;
    for (const Edge& edge : node->inputs)
      if (edge.node) stack.push_back(edge.node.get());
  }
  std::vector<uint8_t> found;
  for (const Ref<Node>& node : nodes) found.push_back(reachable.count(node.get()) > 0);
  return found;
}

// Finds the nodes on a path to a target by going through the reachable nodes from the oldest to the
// newest.
void Walk::restrict_to(const std::vector<Ref<Node>>& targets, const std::vector<Ref<Node>>& roots,
                       std::vector<Capture>* captures) {
  captures_ = captures;
  restricted_ = true;
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> reachable;
  std::vector<Node*> stack;
  for (const Ref<Node>& root : roots) stack.push_back(root.get());
  while (!stack.empty()) {
    Node* const node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    if (unfolds_) node->unfold();
    reachable.push_back(node);
    for (const Edge& edge : node->inputs)
      if (edge.node) stack.push_back(edge.node.get());
  }
  std::sort(reachable.begin(), reachable.end(),
            [](const Node* a, const Node* b) { return a->number < b->number; });
  for (const Ref<Node>& target : targets) needed_.insert(target.get());
  for (const Node* node : reachable)
    for (const Edge& edge : node->inputs)
      if (edge.node && needed_.count(edge.node.get())) needed_.insert(node);
}

void Walk::add_gradient(const Edge& edge, Tensor grad) {
  Node* node = edge.node.get();
  const auto [at, fresh] = index_of_.try_emplace(node, 0);
  if (fresh) {
    if (vacant_.empty()) {
      vacant_.push_back(static_cast<int>(pending_.size()));
      pending_.emplace_back();
    }
    at->second = vacant_.back();
    vacant_.pop_back();
    pending_[at->second].node = edge.node;
    pending_[at->second].grads.resize(node->outputs);
    // Accumulators (number 0) come last: a leaf's gradient is then complete when its hooks and
    // captures see it, and an error before leaves every .grad as it was. Among them, those come
    // first whose gradients did: hooks see the last layer's parameters first.
    if (node->number == 0) {
      leaves_.push_back(at->second);
    } else {
      heap_.emplace_back(node->number, at->second);
      std::push_heap(heap_.begin(), heap_.end());
    }
  }
  Tensor& total = pending_[at->second].grads[edge.index];
  total = total.defined() ? primitives.add(total, grad) : std::move(grad);
}

void Walk::capture(Node& node, const SmallVector<Tensor, 1>& grads) {
  if (!captures_) return;
  for (Capture& capture : *captures_)
    if (capture.node.get() == &node) capture.grad = grads[capture.index];
}

// Refuses a recording whose backward pass enters the graph that arguments are part of: it is
// another graph in each call.
void refuse_foreign(const Node& node) {
  program::Recorder* const recorder = program::Recorder::active();
  if (recorder && recorder->keeps_out() && node.number > 0 && node.number <= recorder->first_node())
    recorder->refuse(
        "it runs backward into the graph that an argument is part of; pass the tensor's detach(), "
        "or call backward outside the function");
}

// Tells the watches if the scope is left by an exception.
class TellOfFailure {
 public:
  explicit TellOfFailure(const Node* node)
      : node_(node), before_(node ? std::uncaught_exceptions() : 0) {}
  ~TellOfFailure() {
    if (!node_ || std::uncaught_exceptions() == before_) return;
    for (Watch* watch = innermost_watch(); watch; watch = watch->outer()) watch->failed(*node_);
  }
  TellOfFailure(const TellOfFailure&) = delete;
  TellOfFailure& operator=(const TellOfFailure&) = delete;

 private:
  const Node* const node_;
  const int before_;
};

// After a node's rule has run: watches look at what it has made, and hooks may replace it.
void look_on(Node& node, GradList given, GradList made) {
  for (Watch* watch = innermost_watch(); watch; watch = watch->outer())
    watch->ran(node, given, made);
  if (NodeExtras* const extras = node.find_extras()) call_each(extras->after, made, given);
}

void Walk::visit(Pending pending) {
  Node& node = *pending.node;
  refuse_foreign(node);
  if (unfolds_) node.unfold();
  const program::AtSite site(node.layer);  // its rule runs on behalf of the layer that recorded it
  const int count = node.inputs.size();
  SmallVector<uint8_t, 8> wanted(count, 0);
  bool leads_on = count == 0 && !captures_;
  for (int i = 0; i < count; ++i)
    leads_on |= wanted[i] = node.inputs[i].node && needed(node.inputs[i].node.get());
  // As in PyTorch: a node that the pass goes on from is captured before its hooks run, an end of
  // the pass after them.
  if (leads_on) capture(node, pending.grads);
  node.call_hooks(pending.grads.data());
  if (!leads_on) {
    capture(node, pending.grads);
    return;
  }
  if (node.released && !node.lasts()) node.refuse_again(pending.grads.data());
  NodeExtras* const extras = node.find_extras();
  const GradList given{pending.grads.data(), pending.grads.size()};
  if (extras) call_each(extras->before, given, {});
  SmallVector<Tensor, 4> out;
  out.resize(count);
  Grads grads(out.data(), wanted.data());
  {
    const CurrentNode current(&node);
    const TellOfFailure tell(site ? &node : nullptr);
    node.run(pending.grads.data(), grads);
  }
  if (extras || site) look_on(node, given, {out.data(), count});
  pending.grads.clear();
  for (int i = 0; i < count; ++i)
    if (wanted[i] && out[i].defined()) add_gradient(node.inputs[i], fit(node.inputs[i], out[i]));
  if (!options_.retain_graph) node.release_after(grads);
}

void Walk::run() {
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const int at = heap_.back().second;
    heap_.pop_back();
    visit_pending(at);
  }
  for (size_t i = 0; i < leaves_.size(); ++i) visit_pending(leaves_[i]);
}

void Walk::visit_pending(int at) {
  Pending pending = std::move(pending_[at]);
  index_of_.erase(pending.node.get());
  vacant_.push_back(at);
  visit(std::move(pending));
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

// Where a walk begins: the edges of its roots.
struct Start {
  std::vector<Edge> edges;
  std::vector<Ref<Node>> nodes;

  Start(const Tensors& roots, const Tensors& grads) {
    for (int i = 0; i < roots.size(); ++i) {
      check_root(roots[i], grads[i]);
      edges.push_back(edge_of(roots[i]));
      nodes.push_back(edges.back().node);
    }
  }
};

void walk_from(const Start& start, Walk& walk, const Tensors& grads,
               const BackwardOptions& options) {
  const GradMode mode(options.create_graph);
  walk.begin_at(start.nodes);
  for (int i = 0; i < grads.size(); ++i) {
    const Edge& edge = start.edges[static_cast<size_t>(i)];
    walk.add_gradient(edge, fit(edge, grads[i]));
  }
  walk.run();
}

void check_input(const char* op, const Tensor& input) {
  if (!requires_grad(input))
    throw Error(ErrorKind::runtime, join(op,
                                         ": One of the differentiated Tensors does not require "
                                         "grad; call requires_grad_() on it first"));
}

}  // namespace

uint64_t current_pass() { return t_walk ? t_walk->id() : 0; }

std::vector<uint8_t> visited_by_pass(const std::vector<Ref<Node>>& nodes) {
  return t_walk ? t_walk->visits(nodes) : std::vector<uint8_t>(nodes.size());
}

bool has_pending_gradient(const Edge& edge) { return t_walk && t_walk->has_pending_gradient(edge); }

// Undoes broadcasting and promotion: the one place where a gradient gets its input's shape and
// dtype.
Tensor fit(const Edge& edge, const Tensor& grad) {
  if (grad.shape() == edge.shape && grad.dtype() == edge.dtype) return grad;
  return primitives.sum_to(grad, edge.shape, edge.dtype);
}

void backward(const Tensors& roots, const Tensors& grads, const BackwardOptions& options,
              const Tensors& inputs) {
  Walk walk(options);
  const Start start(roots, grads);
  std::vector<Ref<Node>> targets;
  for (const Tensor& input : inputs) check_input("backward", input);
  for (const Tensor& input : inputs) {
    retain_grad(input);  // if it is not a leaf, as in PyTorch
    targets.push_back(edge_of(input).node);
  }
  if (!targets.empty()) walk.restrict_to(targets, start.nodes, nullptr);
  Accumulations accumulations;
  walk_from(start, walk, grads, options);
  const GradMode mode(options.create_graph);
  accumulations.finish();
}

Tensors gradients(const Tensors& roots, const Tensors& grads, const Tensors& inputs,
                  const BackwardOptions& options) {
  Walk walk(options);
  const Start start(roots, grads);
  std::vector<Capture> captures;
  std::vector<Ref<Node>> targets;
  for (const Tensor& input : inputs) {
    check_input("autograd.grad", input);
    const Edge edge = edge_of(input);
    targets.push_back(edge.node);
    captures.push_back({edge.node, edge.index, Tensor()});
  }
  walk.restrict_to(targets, start.nodes, &captures);
  walk_from(start, walk, grads, options);
  Tensors out;
  for (Capture& capture : captures) out.push_back(capture.grad);
  return out;
}

}  // namespace steep::tape
