#include "bindings/autograd/hooks.h"

#include <atomic>
#include <new>

#include "bindings/autograd/autograd.h"
#include "bindings/programs/frames.h"
#include "bindings/tensor/tensor_type.h"
#include "tape/history.h"
#include "tape/owned.h"

namespace steep::bindings {

namespace {

int callables = 0;  // guarded by the interpreter lock

// A Python callable as a tape::Hook's function. Copies share the callable.
class PythonHook {
 public:
  // How it is called, and its result read.
  using Protocol = Tensor (*)(PyObject* callable, const Tensor& given);

  PythonHook(PyObject* callable, Protocol protocol, uint64_t id)
      : callable_(new_reference(callable)), protocol_(protocol), id_(id) {
    ++callables;
  }
  PythonHook(const PythonHook& other)
      : callable_(other.callable_), protocol_(other.protocol_), id_(other.id_) {
    const WithGil gil;
    Py_INCREF(callable_);
    ++callables;
  }
  PythonHook& operator=(const PythonHook&) = delete;
  ~PythonHook() {
    if (!Py_IsInitialized()) return;  // the process is ending: the callable is not freed
    const WithGil gil;
    --callables;
    Py_DECREF(callable_);
  }

  Tensor operator()(const Tensor& given) const {
    const WithGil gil;
    note_hook(callable_, id_);
    return protocol_(callable_, given);
  }
  PyObject* callable() const { return callable_; }

 private:
  PyObject* callable_;
  Protocol protocol_;
  uint64_t id_;
};

// A hook of register_hook: takes a gradient, returns None or another gradient.
Tensor change_gradient(PyObject* callable, const Tensor& grad) {
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
Tensor show_leaf(PyObject* callable, const Tensor& leaf) {
  const Owned given(wrap(leaf));
  const Owned answer(PyObject_CallOneArg(callable, given.get()));
  if (answer.get() != Py_None) {
    raise(PyExc_TypeError,
          join("register_post_accumulate_grad_hook: expected the hook to return None, got ",
               type_name(answer.get())));
  }
  return Tensor();
}

std::atomic<uint64_t> next_id{1};

// What register_hook returns. It refers weakly to the list, so a handle keeps no graph alive.
struct Handle {
  PyObject_HEAD
  std::weak_ptr<tape::Hooks> hooks;
  uint64_t id;
};

PyTypeObject* handle_type = nullptr;

Handle* handle_of(PyObject* self) { return reinterpret_cast<Handle*>(self); }

PyObject* handle_remove(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    if (const auto hooks = handle_of(self)->hooks.lock()) {
      for (size_t i = 0; i < hooks->size(); ++i) {
        if ((*hooks)[i].id != handle_of(self)->id) continue;
        const tape::Hook dying = std::move((*hooks)[i]);  // destroying its callable may run code
        hooks->erase(hooks->begin() + static_cast<int64_t>(i));
        break;
      }
    }
    Py_RETURN_NONE;
  });
}

PyObject* handle_enter(PyObject* self, PyObject*) { return new_reference(self); }
PyObject* handle_exit(PyObject* self, PyObject*) { return handle_remove(self, nullptr); }

void handle_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  handle_of(self)->hooks.~weak_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"remove", handle_remove, METH_NOARGS, "Removes the hook; a second call does nothing."},
    {"__enter__", handle_enter, METH_NOARGS, nullptr},
    {"__exit__", handle_exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_dealloc, slot(handle_dealloc)},
                       {Py_tp_methods, methods},
                       {Py_tp_doc, const_cast<char*>("Removes a hook again.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.HookHandle", sizeof(Handle), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// The list, made if there is none.
const std::shared_ptr<tape::Hooks>& list_in(std::shared_ptr<tape::Hooks>& place) {
  if (!place) place = std::make_shared<tape::Hooks>();
  return place;
}

// The hooks of a tensor: a leaf's own; otherwise those of its output, at the node that made it.
std::shared_ptr<tape::Hooks> hooks_of(const Tensor& x) {
  tape::History& history = tape::ensure_history(x);
  const Ref<tape::Node> node = tape::grad_fn(x);
  if (!node) return list_in(history.hooks);
  for (const auto& [output, hooks] : node->hooks)
    if (output == history.output) return hooks;
  node->hooks.emplace_back(history.output, std::make_shared<tape::Hooks>());
  return node->hooks.back().second;
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
                   PythonHook::Protocol protocol) {
  const uint64_t id = next_id++;
  hooks->push_back({id, PythonHook(callable, protocol, id)});
  Owned handle(handle_type->tp_alloc(handle_type, 0));
  new (&handle_of(handle.get())->hooks) std::weak_ptr<tape::Hooks>(hooks);
  handle_of(handle.get())->id = id;
  return handle.release();
}

// ---- for recordings ----

// Calls use(callable) for each hook of a list, until it returns false.
template <class Use>
bool all_of(const std::shared_ptr<tape::Hooks>& hooks, const Use& use) {
  if (!hooks) return true;
  for (const tape::Hook& hook : *hooks) {
    const auto* own = hook.call.target<PythonHook>();
    if (!use(own ? own->callable() : Py_None)) return false;
  }
  return true;
}

// The same for all hooks of a tensor, with None between those for its gradient and those called
// afterwards.
template <class Use>
bool all_of(const Tensor& x, const Use& use) {
  const tape::History* const h = tape::history(x);
  if (!h) return true;
  if (h->grad_fn)
    for (const auto& [output, hooks] : h->grad_fn->hooks)
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

PyObject* next_hook(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(next_id.load()); }

PyMethodDef functions[] = {
    {"hooks_of", hooks_as_tuple, METH_O,
     "The callables of a tensor's hooks: those for its gradient, None, those called after it."},
    {"next_hook", next_hook, METH_NOARGS, "The number that the next hook of a tensor will have."},
    {nullptr, nullptr, 0, nullptr}};

// ---- for the collector ----

int visit_list(const std::shared_ptr<tape::Hooks>& hooks, visitproc visit, void* arg) {
  if (!hooks) return 0;
  for (const tape::Hook& hook : *hooks)
    if (const auto* own = hook.call.target<PythonHook>()) Py_VISIT(own->callable());
  return 0;
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
    for (const auto& [output, hooks] : node->hooks)
      if (const int stop = visit_list(hooks, visit, arg)) return stop;
    if (const tape::History* history = history_of_leaf(*node))
      if (const int stop = visit_own(*history, visit, arg)) return stop;
  }
  return 0;
}

// Callables are destroyed after all lists have been detached: that may run code.
using Dying = std::vector<std::shared_ptr<tape::Hooks>>;

void take_own(tape::History& history, Dying& dying) {
  dying.push_back(std::move(history.hooks));
  dying.push_back(std::move(history.post_hooks));
}

// The hooks of the nodes, and a tensor's own if there is one. If there is no memory for the list,
// they stay, and the cycle with them, until the next collection: the collector cannot deal with an
// exception.
void drop_all(tape::History* own, const tape::OwnedNodes& nodes) {
  Dying dying;
  size_t count = 2;
  for (const tape::Node* node : nodes) count += node->hooks.size() + 2;
  try {
    dying.reserve(count);
  } catch (const std::bad_alloc&) {
    return;
  }
  if (own) take_own(*own, dying);
  for (tape::Node* node : nodes) {
    for (auto& [output, hooks] : std::exchange(node->hooks, {})) dying.push_back(std::move(hooks));
    if (tape::History* history = history_of_leaf(*node)) take_own(*history, dying);
  }
}

bool sole(const Tensor& x) { return callables > 0 && x.defined() && x->references() == 1; }

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

void count_callables(int more) { callables += more; }

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
  return callables > 0 ? visit_nodes(tape::OwnedNodes(node), visit, arg) : 0;
}

void drop_hooks(const Ref<tape::Node>& node) { drop_all(nullptr, tape::OwnedNodes(node)); }

void add_hook_handle(PyObject* module) {
  handle_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "HookHandle", reinterpret_cast<PyObject*>(handle_type)));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
