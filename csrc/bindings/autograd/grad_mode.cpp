// no_grad, enable_grad, set_grad_enabled and inference_mode: in C++, because every training loop
// uses them.
#include "bindings/autograd/autograd.h"
#include "bindings/calls/arguments.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

struct Mode {
  PyObject_HEAD
  bool enabled;
  // True from the start for set_grad_enabled, which takes effect when it is made: the first
  // __enter__ does nothing.
  bool entered;
  int depth;
  uint64_t before;  // one bit for each level entered
};

PyTypeObject *no_grad_type, *enable_grad_type, *set_grad_type, *inference_type;

Mode* mode_of(PyObject* self) { return reinterpret_cast<Mode*>(self); }

void push(Mode* mode) {
  if (mode->depth == 64)
    throw Error(ErrorKind::runtime, "a grad mode object was entered 64 times; create a new one");
  mode->before = mode->before << 1 | static_cast<uint64_t>(tape::grad_enabled());
  ++mode->depth;
  tape::set_grad_enabled(mode->enabled);
}

void pop(Mode* mode) {
  if (mode->depth == 0) return;
  tape::set_grad_enabled(mode->before & 1);
  mode->before >>= 1;
  --mode->depth;
}

PyObject* enter(PyObject* self, PyObject*) {
  return guarded([&] {
    Mode* mode = mode_of(self);
    if (!std::exchange(mode->entered, false)) push(mode);
    return new_reference(self);
  });
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  pop(mode_of(self));
  Py_RETURN_FALSE;
}

Owned make(PyTypeObject* type, bool enabled) {
  Owned object(type->tp_alloc(type, 0));
  mode_of(object.get())->enabled = enabled;
  return object;
}

// As a decorator: every call of the function enters a new mode object.
PyObject* decorate(PyTypeObject* type, bool enabled, PyObject* function) {
  const Owned module(PyImport_ImportModule("steep._grad_mode"));
  return PyObject_CallMethod(
      module.get(), "decorate", "OOO", function,
      type == set_grad_type ? reinterpret_cast<PyObject*>(enabled ? enable_grad_type : no_grad_type)
                            : reinterpret_cast<PyObject*>(type),
      enabled ? Py_True : Py_False);
}

PyObject* call(PyObject* self, PyObject* arguments, PyObject*) {
  return guarded([&]() -> PyObject* {
    PyObject* function;
    if (!PyArg_ParseTuple(arguments, "O", &function)) return nullptr;
    if (std::exchange(mode_of(self)->entered, false)) pop(mode_of(self));
    return decorate(Py_TYPE(self), mode_of(self)->enabled, function);
  });
}

// no_grad() and @no_grad alike.
PyObject* make_fixed(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"orig_func", nullptr};
    PyObject* function = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O", const_cast<char**>(names),
                                     &function))
      return nullptr;
    const bool enabled = type == enable_grad_type;
    return function == Py_None ? make(type, enabled).release() : decorate(type, enabled, function);
  });
}

PyObject* make_chosen(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"mode", nullptr};
    PyObject* chosen = type == inference_type ? Py_True : nullptr;
    const char* format = type == inference_type ? "|O" : "O";
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, format, const_cast<char**>(names),
                                     &chosen))
      return nullptr;
    if (type == inference_type) {
      if (!PyBool_Check(chosen)) return decorate(type, false, chosen);
      return make(type, chosen == Py_False).release();
    }
    const int enabled = PyObject_IsTrue(chosen);
    checked(enabled);
    Owned object = make(type, enabled);
    push(mode_of(object.get()));
    mode_of(object.get())->entered = true;
    return object.release();
  });
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(tape::grad_enabled()); }

PyMethodDef methods[] = {{"__enter__", enter, METH_NOARGS, nullptr},
                         {"__exit__", as_method(leave), METH_FASTCALL, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

PyMethodDef functions[] = {{"is_grad_enabled", is_grad_enabled, METH_NOARGS,
                            "Whether operations are recorded on this thread."},
                           {nullptr, nullptr, 0, nullptr}};

PyTypeObject* add_mode(PyObject* module, const char* name, newfunc make, const char* doc) {
  PyType_Slot slots[] = {{Py_tp_new, slot(make)},
                         {Py_tp_call, slot(call)},
                         {Py_tp_methods, methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  const std::string qualified = join("steep.", name);
  PyType_Spec spec = {qualified.c_str(), sizeof(Mode), 0, Py_TPFLAGS_DEFAULT, slots};
  PyTypeObject* type = make_type(spec);
  checked(PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)));
  return type;
}

}  // namespace

void add_grad_modes(PyObject* module) {
  no_grad_type = add_mode(module, "no_grad", make_fixed,
                          R"(Records nothing inside of it: a context manager, or a decorator.

Example:
    >>> import steep
    >>> x = steep.ones(2, requires_grad=True)
    >>> with steep.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False)");
  enable_grad_type = add_mode(module, "enable_grad", make_fixed,
                              "Records operations inside of it, even within no_grad.");
  set_grad_type =
      add_mode(module, "set_grad_enabled", make_chosen,
               "Turns recording on or off: at once, and for a with block until its end.");
  inference_type = add_mode(module, "inference_mode", make_chosen,
                            "The same as no_grad; inference_mode(False) records.");
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
