#include "bindings/autograd/hooks.h"

#include <new>

#include "bindings/autograd/autograd.h"
#include "bindings/tensor/tensor_type.h"
#include "tape/history.h"
#include "tape/owned.h"

namespace steep::bindings {

namespace {

// A hook of register_hook: takes a gradient, returns None or another gradient.
Tensor change_gradient(PyObject* callable, const Tensor& grad, const Tensor&) {
  const Owned given(wrap(grad));
  const Owned changed(PyObject_CallOneArg(callable, given.get()));
  if (changed.get() == Py_None) return Tensor();
  if (!is_tensor(changed.get())) {
    raise(PyExc_TypeError, join("register_hook: expected the hook to return a Tensor or None, got ",
                                type_name(changed.get())));
  }
  const Tensor& out = tensor_of(changed.get());
  if (out.dtype() != grad.dtype()) {
    raise(PyExc_RuntimeError, join("register_hook: expected the hook to keep the gradient's dtype ",
                                   name(grad.dtype()), ", got ", name(out.dtype())));
  }
  if (out.shape() != grad.shape()) {
    raise(PyExc_RuntimeError, join("register_hook: expected the hook to keep the gradient's shape ",
                                   to_string(grad.shape()), ", got ", to_string(out.shape())));
  }
  return out;
}

// A hook of register_post_accumulate_grad_hook: takes the leaf.
Tensor show_leaf(PyObject* callable, const Tensor& leaf, const Tensor&) {
  const Owned given(wrap(leaf));
  const Owned answer(PyObject_CallOneArg(callable, given.get()));
  if (answer.get() != Py_None) {
    raise(PyExc_TypeError,
          join("register_post_accumulate_grad_hook: expected the hook to return None, got ",
               type_name(answer.get())));
  }
  return Tensor();
}

// Hooks of a leaf's accumulator, which has one output and no inputs.
Tensor tell_accumulating(PyObject* callable, const Tensor& grad, const Tensor&) {
  Tensor changed = grad;
  NodeCallable::call(callable, {&changed, 1}, nullptr);
  return changed;
}
Tensor tell_accumulated(PyObject* callable, const Tensor&, const Tensor& arrived) {
  Tensor seen = arrived;
  const tape::GradList outputs{&seen, 1};
  NodeCallable::call(callable, {nullptr, 0}, &outputs);
  return Tensor();
}

// The hooks of a tensor: a leaf's own; otherwise those of its output, at the node that made it.
std::shared_ptr<tape::Hooks> hooks_of(const Tensor& x) {
  tape::History& history = tape::ensure_history(x);
  const Ref<tape::Node> node = tape::grad_fn(x);
  if (!node) return list_in(history.hooks);
  auto& lists = node->extras().hooks;
  for (const auto& [output, hooks] : lists)
    if (output == history.output) return hooks;
  lists.emplace_back(history.output, std::make_shared<tape::Hooks>());
  return lists.back().second;
}

void check_hook(const char* op, const Tensor& x, PyObject* callable) {
  if (!tape::requires_grad(x))
    raise(PyExc_RuntimeError,
          join(op,
               ": cannot register a hook on a tensor that doesn't require gradient; call "
               "requires_grad_() on it first"));
  if (!PyCallable_Check(callable))
    raise(PyExc_TypeError, join(op, ": expected a callable, got ", type_name(callable),
                                "; pass a function of the tensor"));
}

PyObject* add_hook(const std::shared_ptr<tape::Hooks>& hooks, PyObject* callable,
                   TensorHook::Protocol protocol) {
  const uint64_t id = take_hook_number();
  hooks->push_back({id, TensorHook(callable, protocol, id)});
  return make_handle(hooks, id);
}

// ---- for recordings ----

// Calls use(callable) for each hook of a list, until it returns false.
template <class Use>
bool all_of(const std::shared_ptr<tape::Hooks>& hooks, const Use& use) {
  if (!hooks) return true;
  for (const tape::Hook& hook : *hooks)
    if (!use(callable_of(hook))) return false;
  return true;
}

// The same for all hooks of a tensor, with None between those for its gradient and those called
// afterwards.
template <class Use>
bool all_of(const Tensor& x, const Use& use) {
  const tape::History* const h = tape::history(x);
  if (!h) return true;
  if (h->grad_fn && h->grad_fn->find_extras())
    for (const auto& [output, hooks] : h->grad_fn->find_extras()->hooks)
      if (output == h->output && !all_of(hooks, use)) return false;
  return all_of(h->hooks, use) && use(Py_None) && all_of(h->post_hooks, use);
}

PyObject* hooks_as_tuple(PyObject*, PyObject* object) {
  return guarded([&] {
    if (!is_tensor(object))
      raise(PyExc_TypeError, join("hooks_of: expected a Tensor, got ", type_name(object)));
    const Owned list(PyList_New(0));
    all_of(tensor_of(object), [&](PyObject* callable) {
      checked(PyList_Append(list.get(), callable));
      return true;
    });
    return checked(PyList_AsTuple(list.get()));
  });
}

PyObject* next_hook(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(next_hook_number());
}

PyMethodDef functions[] = {
    {"hooks_of", hooks_as_tuple, METH_O,
     "The callables of a tensor's hooks: those for its gradient, None, those called after it."},
    {"next_hook", next_hook, METH_NOARGS, "The number that the next hook of a tensor will have."},
    {nullptr, nullptr, 0, nullptr}};

// ---- for the collector ----

template <class List>
int visit_list(const std::shared_ptr<List>& hooks, visitproc visit, void* arg) {
  if (!hooks) return 0;
  for (const auto& hook : *hooks)
    if (PyObject* const callable = callable_of(hook); callable != Py_None) Py_VISIT(callable);
  return 0;
}

int visit_extras(const tape::NodeExtras* extras, visitproc visit, void* arg) {
  if (!extras) return 0;
  Py_VISIT(static_cast<PyObject*>(extras->metadata.get()));
  for (const auto& [output, hooks] : extras->hooks)
    if (const int stop = visit_list(hooks, visit, arg)) return stop;
  if (const int stop = visit_list(extras->before, visit, arg)) return stop;
  return visit_list(extras->after, visit, arg);
}

int visit_own(const tape::History& history, visitproc visit, void* arg) {
  if (const int stop = visit_list(history.hooks, visit, arg)) return stop;
  return visit_list(history.post_hooks, visit, arg);
}

// For a leaf that only its accumulator still holds.
tape::History* history_of_leaf(const tape::Node& node) {
  const TensorImpl* leaf = node.leaf();
  return leaf && leaf->references() == 1 ? static_cast<tape::History*>(leaf->autograd.get())
                                         : nullptr;
}

int visit_nodes(const tape::OwnedNodes& nodes, visitproc visit, void* arg) {
  for (const tape::Node* node : nodes) {
    Py_VISIT(static_cast<PyObject*>(node->foreign()));
    if (const int stop = visit_extras(node->find_extras(), visit, arg)) return stop;
    if (const tape::History* history = history_of_leaf(*node))
      if (const int stop = visit_own(*history, visit, arg)) return stop;
  }
  return 0;
}

// Callables are destroyed after all lists have been detached: that may run code.
using Dying = std::vector<std::shared_ptr<void>>;

void take_own(tape::History& history, Dying& dying) {
  dying.push_back(std::move(history.hooks));
  dying.push_back(std::move(history.post_hooks));
}

void take_extras(tape::NodeExtras& extras, Dying& dying) {
  for (auto& [output, hooks] : std::exchange(extras.hooks, {})) dying.push_back(std::move(hooks));
  dying.push_back(std::move(extras.before));
  dying.push_back(std::move(extras.after));
  dying.push_back(std::move(extras.metadata));
}

// The hooks of the nodes, and a tensor's own if there is one. If there is no memory for the list,
// they stay, and the cycle with them, until the next collection: the collector cannot deal with an
// exception.
void drop_all(tape::History* own, const tape::OwnedNodes& nodes) {
  Dying dying;
  size_t count = 2;
  for (const tape::Node* node : nodes)
    count += 2 + (node->find_extras() ? node->find_extras()->hooks.size() + 3 : 0);
  try {
    dying.reserve(count);
  } catch (const std::bad_alloc&) {
    return;
  }
  if (own) take_own(*own, dying);
  for (tape::Node* node : nodes) {
    if (tape::NodeExtras* const extras = node->find_extras()) take_extras(*extras, dying);
    if (tape::History* history = history_of_leaf(*node)) take_own(*history, dying);
  }
}

bool sole(const Tensor& x) {
  return callables_in_graphs() > 0 && x.defined() && x->references() == 1;
}

}  // namespace

PyObject* register_hook(const Tensor& x, PyObject* callable) {
  check_hook("register_hook", x, callable);
  return add_hook(hooks_of(x), callable, change_gradient);
}

PyObject* register_post_hook(const Tensor& x, PyObject* callable) {
  check_hook("register_post_accumulate_grad_hook", x, callable);
  if (!tape::is_leaf(x))
    raise(PyExc_RuntimeError,
          "register_post_accumulate_grad_hook: post accumulate grad hooks cannot be registered on "
          "non-leaf tensors; use register_hook for those");
  return add_hook(list_in(tape::ensure_history(x).post_hooks), callable, show_leaf);
}

PyObject* register_node_hook(const Ref<tape::Node>& node, PyObject* callable, bool after) {
  const char* const op = after ? "register_hook" : "register_prehook";
  if (!PyCallable_Check(callable))
    raise(PyExc_TypeError, join(op, ": expected a callable, got ", type_name(callable),
                                "; pass a function of tuples of gradients"));
  tape::NodeExtras& extras = node->extras();
  if (TensorImpl* const leaf = node->leaf()) {
    // A compiled function's replay asks the leaf for its hooks, and gradients are added up last.
    tape::History& history = tape::ensure_history(Tensor(leaf));
    extras.given_to_leaf.push_back(next_hook_number());
    return add_hook(list_in(after ? history.post_hooks : history.hooks), callable,
                    after ? tell_accumulated : tell_accumulating);
  }
  const auto& hooks = list_in(after ? extras.after : extras.before);
  const uint64_t id = take_hook_number();
  hooks->push_back({id, NodeCallable(callable, after, id)});
  return make_handle(hooks, id);
}

bool has_hooks_of(const Tensor& x, PyObject* callables) {
  Py_ssize_t i = 0;
  const bool same = all_of(x, [&](PyObject* callable) {
    return i < PyTuple_GET_SIZE(callables) && PyTuple_GET_ITEM(callables, i++) == callable;
  });
  return same && i == PyTuple_GET_SIZE(callables);
}

int visit_hooks(const Tensor& x, visitproc visit, void* arg) {
  const tape::History* history = sole(x) ? tape::history(x) : nullptr;
  if (!history) return 0;
  if (const int stop = visit_own(*history, visit, arg)) return stop;
  return visit_nodes(tape::OwnedNodes(history->grad_fn), visit, arg);
}

void drop_hooks(const Tensor& x) {
  tape::History* history = sole(x) ? tape::history(x) : nullptr;
  if (!history) return;
  drop_all(history, tape::OwnedNodes(history->grad_fn));
}

int visit_hooks(const Ref<tape::Node>& node, visitproc visit, void* arg) {
  return callables_in_graphs() > 0 ? visit_nodes(tape::OwnedNodes(node), visit, arg) : 0;
}

void drop_hooks(const Ref<tape::Node>& node) { drop_all(nullptr, tape::OwnedNodes(node)); }

void add_hook_handle(PyObject* module) {
  add_handle_type(module);
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
