// Calls whose arguments hold objects that stand for several tensors at once, as `steep.func.vmap`
// gives them to a function. Such a call goes to a handler in Python instead of an operation. Only
// while a vmap runs is there a handler: otherwise a call reads one pointer.
#pragma once

#include "bindings/calls/bind.h"

namespace steep::bindings {

extern PyObject* call_handler;  // null unless a vmap runs

// Whether an object stands for tensors, as a Batched of steep.func does.
bool is_batched(PyObject* object);

// The result of its method of that name, without arguments.
PyObject* ask_batched(PyObject* object, const char* method);
DType dtype_of_batched(PyObject* object);

// Whether the handler is to take the call: an argument, or an item of one, is batched, or the
// operation draws random numbers, which a vmap may want drawn for each example.
bool is_intercepted(const Entry& entry, const CallArguments& call);
// Calls the handler with the entry's name, whether it is a method, the positional arguments and
// the others.
PyObject* intercept(const Entry& entry, const CallArguments& call);
// The same for a subscript, x[key] or x[key] = value; null without an error: it is an ordinary one.
PyObject* intercept_subscript(PyObject* self, PyObject* key, PyObject* value);

// Puts set_call_handler and call_plainly into the module.
void add_interception(PyObject* module);

}  // namespace steep::bindings
