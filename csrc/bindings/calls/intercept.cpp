#include "bindings/calls/intercept.h"

#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"

namespace steep::bindings {

PyObject* call_handler = nullptr;

namespace {

PyTypeObject* batched_type = nullptr;
// Above 0 while the handler calls an operation that it does not want to be given again.
thread_local int plain_calls = 0;

// An argument itself, or an item of a list or tuple of them.
bool holds_batched(PyObject* object) {
  if (is_batched(object)) return true;
  if (is_tensor(object) || !(PyTuple_Check(object) || PyList_Check(object))) return false;
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
  for (Py_ssize_t i = 0; i < count; ++i)
    if (holds_batched(PySequence_Fast_GET_ITEM(object, i))) return true;
  return false;
}

PyObject* set_call_handler(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    const bool is_none = count == 2 && args[0] == Py_None;
    if (count != 2 || !(is_none || PyType_Check(args[0])))
      raise(PyExc_TypeError, "set_call_handler: expected a type and a callable, or None twice");
    Py_XDECREF(std::exchange(call_handler, is_none ? nullptr : new_reference(args[1])));
    // The type stays: objects of it may outlive the handler, and are told by it.
    if (!is_none)
      Py_XDECREF(
          std::exchange(batched_type, reinterpret_cast<PyTypeObject*>(new_reference(args[0]))));
    Py_RETURN_NONE;
  });
}

PyObject* call_plainly(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count < 1) {
    PyErr_SetString(PyExc_TypeError, "call_plainly: expected a function and its arguments");
    return nullptr;
  }
  ++plain_calls;
  PyObject* const result =
      PyObject_Vectorcall(args[0], args + 1, static_cast<size_t>(count) - 1, keywords);
  --plain_calls;
  return result;
}

PyObject* any_batched(PyObject*, PyObject* objects) {
  return PyBool_FromLong(call_handler && holds_batched(objects));
}

PyMethodDef functions[] = {
    {"any_batched", any_batched, METH_O,
     "Whether an object, or an item of lists and tuples, is batched by a vmap that runs."},
    {"set_call_handler", as_method(set_call_handler), METH_FASTCALL,
     "set_call_handler(type, handler): calls with arguments of this type, and those that draw "
     "random numbers, go to handler(name, is_method, args, kwargs) from now on; None, None ends "
     "it."},
    {"call_plainly", as_method(call_plainly), METH_FASTCALL | METH_KEYWORDS,
     "call_plainly(function, *args, **kwargs): calls it without the handler."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool is_batched(PyObject* object) { return batched_type && Py_TYPE(object) == batched_type; }

PyObject* ask_batched(PyObject* object, const char* method) {
  return checked(PyObject_CallMethod(object, method, nullptr));
}

DType dtype_of_batched(PyObject* object) {
  return dtype_of(Owned(PyObject_GetAttrString(object, "dtype")).get());
}

bool is_intercepted(const Entry& entry, const CallArguments& call) {
  if (plain_calls) return false;
  if (entry.draws) return true;
  const Py_ssize_t count = call.positional + call.keyword_count();
  for (Py_ssize_t i = 0; i < count; ++i)
    if (holds_batched(call.args[i])) return true;
  return false;
}

PyObject* intercept(const Entry& entry, const CallArguments& call) {
  // Held, for Python code may end the interception meanwhile.
  const Owned handler = Owned::borrow(call_handler);
  const Owned positional(PyTuple_New(call.positional));
  for (Py_ssize_t i = 0; i < call.positional; ++i)
    PyTuple_SET_ITEM(positional.get(), i, new_reference(call.args[i]));
  const Owned named(PyDict_New());
  for (Py_ssize_t i = 0; i < call.keyword_count(); ++i)
    checked(PyDict_SetItem(named.get(), PyTuple_GET_ITEM(call.keywords, i),
                           call.args[call.positional + i]));
  return PyObject_CallFunction(handler.get(), "sOOO", entry.name.c_str(),
                               entry.method ? Py_True : Py_False, positional.get(), named.get());
}

PyObject* intercept_subscript(PyObject* self, PyObject* key, PyObject* value) {
  if (plain_calls || !(holds_batched(key) || (value && holds_batched(value)))) return nullptr;
  const Owned handler = Owned::borrow(call_handler);
  const Owned given(value ? PyTuple_Pack(3, self, key, value) : PyTuple_Pack(2, self, key));
  const Owned named(PyDict_New());
  return checked(PyObject_CallFunction(handler.get(), "sOOO", value ? "__setitem__" : "__getitem__",
                                       Py_True, given.get(), named.get()));
}

void add_interception(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
