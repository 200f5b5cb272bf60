#include "bindings/autograd/callable.h"

#include <atomic>

#include "bindings/programs/frames.h"
#include "bindings/tensor/tensor_type.h"
#include "tensor/shape.h"

namespace steep::bindings {

namespace {

int callables = 0;  // guarded by the interpreter lock
std::atomic<uint64_t> next_id{1};

// ---- what hooks of nodes are given, and what they give back ----

PyObject* as_tuple(tape::GradList list) {
  Owned tuple(PyTuple_New(list.count));
  for (int i = 0; i < list.count; ++i) {
    PyObject* const item = list.grads[i].defined() ? wrap(list.grads[i]) : new_reference(Py_None);
    PyTuple_SET_ITEM(tuple.get(), i, checked(item));
  }
  return tuple.release();
}

std::string named(PyObject* callable) {
  PyObject* const name = PyObject_GetAttrString(callable, "__name__");
  if (!name) PyErr_Clear();
  const Owned held = name ? Owned(name) : Owned::borrow(Py_None);
  return name && PyUnicode_Check(name) ? utf8(name) : type_name(callable);
}

// The gradient that takes the place of another, by the rules of PyTorch.
Tensor replacement(PyObject* callable, PyObject* item, const Tensor& grad) {
  if (item == Py_None && !grad.defined()) return grad;
  if (item == Py_None || !grad.defined()) {
    raise(PyExc_RuntimeError,
          join("can't replace a ", grad.defined() ? "non-None" : "None", " gradient with a ",
               grad.defined() ? "None" : "non-None", " value (hook ", named(callable), ")"));
  }
  if (!is_tensor(item))
    raise(PyExc_TypeError, join("hook ", named(callable), ": expected a tuple of Tensors or None, ",
                                "got ", type_name(item), " in it"));
  const Tensor& changed = tensor_of(item);
  if (changed.dtype() != grad.dtype())
    raise(PyExc_RuntimeError, join("hook ", named(callable), " has changed the type of value (was ",
                                   name(grad.dtype()), " got ", name(changed.dtype()), ")"));
  if (changed.shape() != grad.shape())
    raise(PyExc_RuntimeError,
          join("hook ", named(callable), " has changed the size of value (was ",
               to_string(grad.shape()), " got ", to_string(changed.shape()), ")"));
  return changed;
}

void take_answer(PyObject* callable, PyObject* answer, tape::GradList changed) {
  if (answer == Py_None) return;
  const Owned tuple =
      PyTuple_Check(answer) ? Owned::borrow(answer) : Owned(PyTuple_Pack(1, answer));
  if (PyTuple_GET_SIZE(tuple.get()) != changed.count) {
    raise(PyExc_RuntimeError,
          join("hook ", named(callable), " has returned an incorrect number of values (got ",
               PyTuple_GET_SIZE(tuple.get()), ", but expected ", changed.count, ")"));
  }
  Tensors taken;  // all are checked before any is changed
  for (int i = 0; i < changed.count; ++i)
    taken.push_back(replacement(callable, PyTuple_GET_ITEM(tuple.get(), i), changed.grads[i]));
  for (int i = 0; i < changed.count; ++i) changed.grads[i] = taken[i];
}

// ---- handles ----

using Remove = void (*)(void* list, uint64_t id);

struct Handle {
  PyObject_HEAD
  std::weak_ptr<void> hooks;
  Remove remove;
  uint64_t id;
};

PyTypeObject* handle_type = nullptr;

Handle* handle_of(PyObject* self) { return reinterpret_cast<Handle*>(self); }

template <class List>
void remove_from(void* list, uint64_t id) {
  List& hooks = *static_cast<List*>(list);
  for (size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i].id != id) continue;
    const auto dying = std::move(hooks[i]);  // destroying its callable may run code
    hooks.erase(hooks.begin() + static_cast<int64_t>(i));
    return;
  }
}

template <class List>
PyObject* make_handle_of(const std::shared_ptr<List>& hooks, uint64_t id) {
  Owned object(handle_type->tp_alloc(handle_type, 0));
  Handle* const handle = handle_of(object.get());
  new (&handle->hooks) std::weak_ptr<void>(hooks);
  handle->remove = remove_from<List>;
  handle->id = id;
  return object.release();
}

PyObject* handle_remove(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    if (const auto hooks = handle_of(self)->hooks.lock())
      handle_of(self)->remove(hooks.get(), handle_of(self)->id);
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

}  // namespace

void count_callables(int more) { callables += more; }
int callables_in_graphs() { return callables; }

HeldCallable::HeldCallable(PyObject* callable, uint64_t id)
    : callable_(new_reference(callable)), id_(id) {
  ++callables;
}
HeldCallable::HeldCallable(const HeldCallable& other) : callable_(other.callable_), id_(other.id_) {
  const WithGil gil;
  Py_INCREF(callable_);
  ++callables;
}
HeldCallable::~HeldCallable() {
  if (!Py_IsInitialized()) return;  // the process is ending: the callable is not freed
  const WithGil gil;
  --callables;
  Py_DECREF(callable_);
}
void HeldCallable::note() const { note_hook(callable_, id_); }

Tensor TensorHook::operator()(const Tensor& given, const Tensor& arrived) const {
  const WithGil gil;
  held_.note();
  return protocol_(held_.get(), given, arrived);
}

void NodeCallable::operator()(tape::GradList changed, tape::GradList others) const {
  const WithGil gil;
  held_.note();
  call(held_.get(), changed, after_ ? &others : nullptr);
}

void NodeCallable::call(PyObject* callable, tape::GradList changed, const tape::GradList* others) {
  const Owned first(as_tuple(changed));
  const Owned second = others ? Owned(as_tuple(*others)) : Owned();
  const Owned answer(PyObject_CallFunctionObjArgs(callable, first.get(), second.get(), nullptr));
  take_answer(callable, answer.get(), changed);
}

PyObject* callable_of(const tape::Hook& hook) {
  if (const auto* own = hook.call.target<TensorHook>()) return own->callable();
  return Py_None;
}
PyObject* callable_of(const tape::NodeHook& hook) {
  if (const auto* own = hook.call.target<NodeCallable>()) return own->callable();
  return Py_None;
}

uint64_t take_hook_number() { return next_id++; }
uint64_t next_hook_number() { return next_id.load(); }

PyObject* make_handle(const std::shared_ptr<tape::Hooks>& hooks, uint64_t id) {
  return make_handle_of(hooks, id);
}
PyObject* make_handle(const std::shared_ptr<tape::NodeHooks>& hooks, uint64_t id) {
  return make_handle_of(hooks, id);
}

void add_handle_type(PyObject* module) {
  handle_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "HookHandle", reinterpret_cast<PyObject*>(handle_type)));
}

}  // namespace steep::bindings
