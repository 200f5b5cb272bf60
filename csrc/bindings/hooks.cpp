#include "bindings/hooks.h"

#include <atomic>

#include "bindings/autograd.h"
#include "bindings/tensor_type.h"
#include "program/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

// A Python callable as a tape::Hook's function. Copies share the callable.
class PythonHook {
 public:
  explicit PythonHook(PyObject* callable) : callable_(new_reference(callable)) {}
  PythonHook(const PythonHook& other) : callable_(other.callable_) {
    const WithGil gil;
    Py_INCREF(callable_);
  }
  PythonHook& operator=(const PythonHook&) = delete;
  ~PythonHook() {
    if (!Py_IsInitialized()) return;
    const WithGil gil;
    Py_DECREF(callable_);
  }

  Tensor operator()(const Tensor& grad) const {
    const WithGil gil;
    program::note_host_read("a gradient hook");
    const Owned given(wrap(grad));
    const Owned changed(PyObject_CallOneArg(callable_, given.get()));
    if (changed.get() == Py_None) return Tensor();
    if (!is_tensor(changed.get())) {
      raise(PyExc_TypeError,
            join("register_hook: expected the hook to return a Tensor or None, got ",
                 type_name(changed.get())));
    }
    const Tensor& out = tensor_of(changed.get());
    if (out.shape() != grad.shape()) {
      raise(PyExc_RuntimeError,
            join("register_hook: expected the hook to keep the gradient's shape ",
                 to_string(grad.shape()), ", got ", to_string(out.shape())));
    }
    return out;
  }
  PyObject* callable() const { return callable_; }

 private:
  PyObject* callable_;
};

std::atomic<uint64_t> next_id{1};

// What register_hook returns. Holds the list weakly: a handle keeps no graph alive.
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
        const tape::Hook dying = std::move((*hooks)[i]);  // its callable may run code when it goes
        hooks->erase(hooks->begin() + static_cast<int64_t>(i));
        bump_structure();
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
    {"remove", handle_remove, METH_NOARGS, "Takes the hook away; a second call does nothing."},
    {"__enter__", handle_enter, METH_NOARGS, nullptr},
    {"__exit__", handle_exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_dealloc, slot(handle_dealloc)},
                       {Py_tp_methods, methods},
                       {Py_tp_doc, const_cast<char*>("Takes a hook away again.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.HookHandle", sizeof(Handle), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// The hooks of a tensor: its own where it is a leaf, else those of its output at the node that made
// it.
std::shared_ptr<tape::Hooks> hooks_of(const Tensor& x) {
  tape::History& history = tape::ensure_history(x);
  const Ref<tape::Node> node = tape::grad_fn(x);
  if (!node) {
    if (!history.hooks) history.hooks = std::make_shared<tape::Hooks>();
    return history.hooks;
  }
  for (const auto& [output, hooks] : node->hooks)
    if (output == history.output) return hooks;
  node->hooks.emplace_back(history.output, std::make_shared<tape::Hooks>());
  return node->hooks.back().second;
}

}  // namespace

PyObject* register_hook(const Tensor& x, PyObject* callable) {
  if (!tape::requires_grad(x))
    raise(PyExc_RuntimeError, "cannot register a hook on a tensor that doesn't require gradient");
  if (!PyCallable_Check(callable))
    raise(PyExc_TypeError, join("register_hook: expected a callable, got ", type_name(callable)));
  const std::shared_ptr<tape::Hooks> hooks = hooks_of(x);
  const uint64_t id = next_id++;
  hooks->push_back({id, PythonHook(callable)});
  bump_structure();
  Owned handle(handle_type->tp_alloc(handle_type, 0));
  new (&handle_of(handle.get())->hooks) std::weak_ptr<tape::Hooks>(hooks);
  handle_of(handle.get())->id = id;
  return handle.release();
}

int visit_hooks(const Tensor& x, visitproc visit, void* arg) {
  const tape::History* history = tape::history(x);
  if (!history || !history->hooks) return 0;
  for (const tape::Hook& hook : *history->hooks)
    if (const auto* own = hook.call.target<PythonHook>()) Py_VISIT(own->callable());
  return 0;
}

void drop_hooks(const Tensor& x) {
  tape::History* history = tape::history(x);
  if (history) history->hooks.reset();
}

void add_hook_handle(PyObject* module) {
  handle_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "HookHandle", reinterpret_cast<PyObject*>(handle_type)));
}

}  // namespace steep::bindings
