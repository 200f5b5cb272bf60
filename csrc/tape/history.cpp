#include "tape/history.h"

#include <memory>

#include "tape/accumulate.h"
#include "tape/watch.h"
#include "tensor/shape.h"

namespace steep::tape {

Primitives primitives;

namespace {
thread_local bool t_grad_enabled = true;
}  // namespace

bool grad_enabled() { return t_grad_enabled; }
void set_grad_enabled(bool enabled) { t_grad_enabled = enabled; }

namespace {
// Removes the tensor from the retainers of its node, which refer to it weakly.
void stop_retaining(History& h) {
  if (!h.retains_grad || !h.grad_fn || !h.grad_fn->find_extras()) return;
  auto& keepers = h.grad_fn->find_extras()->retainers;
  for (size_t i = 0; i < keepers.size(); ++i)
    if (keepers[i].second == h.owner) keepers.erase(keepers.begin() + static_cast<int64_t>(i--));
}
}  // namespace

History::~History() { stop_retaining(*this); }

History& ensure_history(const Tensor& x) {
  if (!x->autograd) x->autograd = std::make_unique<History>(x.impl());
  return *history(x);
}

bool requires_grad_by_base(const History& h, const Tensor& x) {
  return is_view(h) && h.view_version != x->version() && requires_grad(h.base);
}

bool is_leaf(const Tensor& x) { return !grad_fn(x); }

Ref<Node> grad_fn(const Tensor& x) {
  History* h = history(x);
  if (!h) return nullptr;
  if (is_view(*h) && h->view_version != x->version()) {
    // The memory was written to since, so the gradient function is that of the same strided view of
    // the present base.
    h->view_version = x->version();
    if (requires_grad(h->base) && is_floating(x.dtype())) {
      const GradMode on(true);
      const Tensor again = primitives.as_strided(h->base, x.shape(), x.strides(), x->offset);
      stop_retaining(*h);
      h->grad_fn = history(again)->grad_fn;
      h->output = 0;
      if (h->retains_grad) h->grad_fn->extras().retainers.emplace_back(0, x.impl());
    }
  }
  return h->grad_fn;
}

namespace {
class Leaves final : public program::LeafGradients {
 public:
  const Tensor& find(const Tensor& leaf) const override {
    const History* const h = history(leaf);
    return h ? h->grad : none_;
  }
  Field field(const Tensor& leaf) const override {
    History& h = ensure_history(leaf);
    return {&h.grad, &h.grad_lock};
  }

 private:
  const Tensor none_;
};
}  // namespace

const program::LeafGradients& leaf_gradients() {
  static const Leaves& leaves = *new Leaves;
  return leaves;
}

Edge edge_of(const Tensor& x) {
  Edge edge;
  if (!x.defined() || !requires_grad(x)) return edge;
  edge.node = grad_fn(x);
  edge.dtype = x.dtype();
  edge.shape = x.shape();
  History* h = history(x);
  if (edge.node) {
    edge.index = h->output;
  } else {
    edge.node = accumulator_of(x);
  }
  return edge;
}

void set_requires_grad(const Tensor& x, bool requires_grad) {
  if (requires_grad && !is_floating(x.dtype())) {
    throw Error(
        ErrorKind::runtime,
        join("requires_grad_: only Tensors of floating point dtype can require gradients, got ",
             name(x.dtype()), "; convert it with .float() first"));
  }
  if (!requires_grad && !is_leaf(x)) {
    throw Error(ErrorKind::runtime,
                "requires_grad_: you can only change requires_grad flags of leaf variables. If you "
                "want to use a computed "
                "variable in a subgraph that doesn't require differentiation use var_no_grad = "
                "var.detach().");
  }
  if (!requires_grad && !x->autograd) return;
  if (is_leaf(x)) ensure_history(x).requires_grad = requires_grad;
}

void retain_grad(const Tensor& x) {
  if (!requires_grad(x)) {
    throw Error(ErrorKind::runtime,
                "retain_grad: can't retain_grad on Tensor that has requires_grad=False; call "
                "requires_grad_() first");
  }
  History& h = ensure_history(x);
  const Ref<Node> node = grad_fn(x);
  if (!node || h.retains_grad) return;  // a leaf keeps its gradient anyway
  h.retains_grad = true;
  node->extras().retainers.emplace_back(h.output, x.impl());
}

void mark_view(const Tensor& view, const Tensor& x) {
  History& h = ensure_history(view);
  const History* of = history(x);
  h.base = of && is_view(*of) ? of->base : x;
  h.view_version = view->version();
}

void swap_memory(const Tensor& x, const Tensor& from) {
  const bool same = from.shape() == x.shape() && from.dtype() == x.dtype();
  if (same || is_leaf(x)) {
    x->take_memory_of(*from.impl());
    return;
  }
  // The node that made x expects gradients of its result's shape: a node in between checks that.
  const auto pass_on = [made = x.shape()](const Tensor& grad, Grads& grads) {
    if (!broadcasts_to(made, grad.shape())) {
      throw Error(ErrorKind::runtime,
                  join("backward: a result of shape ", to_string(made), " was given data of shape ",
                       to_string(grad.shape()),
                       " by `.data = ...`, so it has no gradient; make a new tensor instead"));
    }
    grads[0] = grad;
  };
  using Rule = RuleNode<std::decay_t<decltype(pass_on)>>;
  Ref<Node> node(new Rule("data", 1, pass_on));
  node->connect(std::initializer_list<RecordedInput>{x}, edge_of);
  x->take_memory_of(*from.impl());
  set_grad_fn(x, std::move(node), 0);
}

void show_as(const char* called, const Tensor& out, uint64_t before) {
  const History* const h = out.defined() ? history(out) : nullptr;
  if (h && h->grad_fn && h->grad_fn->number > before) h->grad_fn->shown = called;
}

void check_writable(const char* op, const Tensor& x) {
  for (int i = 0; i < x.dim(); ++i) {
    if (x.strides()[i] == 0 && x.size(i) > 1 && x.numel() > 0) {
      throw Error(
          ErrorKind::runtime,
          join(op,
               ": unsupported operation: more than one element of the written-to tensor refers to "
               "a single "
               "memory location. Please clone() the tensor before performing the operation."));
    }
  }
  if (!grad_enabled()) return;
  const History* h = history(x);
  if (!h) return;
  if (h->requires_grad && !grad_fn(x)) {
    throw Error(ErrorKind::runtime,
                join(op,
                     ": a leaf Variable that requires grad is being used in an in-place operation; "
                     "do it under steep.no_grad(), or on a clone()"));
  }
  if (is_view(*h) && history(h->base) && history(h->base)->requires_grad && is_leaf(h->base)) {
    throw Error(ErrorKind::runtime,
                join(op,
                     ": a view of a leaf Variable that requires grad is being used in an in-place "
                     "operation; do it under steep.no_grad(), or on a clone()"));
  }
}

namespace {
// A plain pointer, so that a thread's end runs nothing.
thread_local Watch* t_watch = nullptr;

// What keep_results() has begun.
class Keeping final : public Watch {
 public:
  static Keeping* innermost() {
    for (Watch* watch = t_watch; watch; watch = watch->outer())
      if (auto* const keeping = dynamic_cast<Keeping*>(watch)) return keeping;
    return nullptr;
  }
  void recorded(const Tensor& out, History& h) override {
    if (!h.grad_fn || innermost() != this) return;
    retain_grad(out);
    results.push_back({h.grad_fn, h.output, out});
  }
  std::vector<KeptResult> results;
};

void tell_watches(const Tensor& out, History& h) {
  for (Watch* watch = t_watch; watch; watch = watch->outer()) watch->recorded(out, h);
}
}  // namespace

Watch::Watch() : outer_(std::exchange(t_watch, this)) {}
Watch::~Watch() {
  Watch** place = &t_watch;
  while (*place && *place != this) place = &(*place)->outer_;
  if (*place) *place = outer_;
}
void Watch::ran(Node&, GradList, GradList) {}
void Watch::failed(const Node&) noexcept {}
Watch* innermost_watch() { return t_watch; }

namespace {
thread_local int t_speaking = 0;
}  // namespace
WatchSpeaks::WatchSpeaks() { ++t_speaking; }
WatchSpeaks::~WatchSpeaks() { --t_speaking; }
void refuse_while_watch_speaks(const char* what) {
  if (t_speaking == 0) return;
  throw Error(ErrorKind::runtime,
              join(what, ": cannot be set or ended by a function that it calls; do that outside"));
}

WatchesOff::WatchesOff() : before_(std::exchange(t_watch, nullptr)) {}
WatchesOff::~WatchesOff() { t_watch = before_; }

void keep_results() { new Keeping; }

std::vector<KeptResult> take_kept_results() {
  const std::unique_ptr<Keeping> ended(Keeping::innermost());
  if (!ended) return {};
  return std::move(ended->results);
}

void set_grad_fn(const Tensor& out, Ref<Node> node, int output) {
  History& h = ensure_history(out);
  if (h.retains_grad) {
    // After an in-place write, the gradient to retain is that of the new value.
    stop_retaining(h);
    if (node) node->extras().retainers.emplace_back(output, out.impl());
  }
  h.grad_fn = std::move(node);
  h.output = output;
  if (is_view(h)) h.view_version = out->version();
  if (t_watch) tell_watches(out, h);
}

}  // namespace steep::tape
