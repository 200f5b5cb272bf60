// Python callables as hooks of the tape.
#pragma once

#include <memory>

#include "bindings/python.h"
#include "tape/node.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// x.register_hook(callable): a new reference to a handle with remove().
PyObject* register_hook(const Tensor& x, PyObject* callable);
// x.register_post_accumulate_grad_hook(callable): the same for one called with a leaf whose .grad
// has been added to.
PyObject* register_post_hook(const Tensor& x, PyObject* callable);

// Whether a tensor's hooks are those that hooks_of() has told: a tuple.
bool has_hooks_of(const Tensor& x, PyObject* callables);

// For the collector: visits, or gives up, the callables that live by a tensor alone whose only
// owner is its Python object: the tensor's own and those of the graph behind it.
int visit_hooks(const Tensor& x, visitproc visit, void* arg);
void drop_hooks(const Tensor& x);
// The same for a node whose only owner is its Python object.
int visit_hooks(const Ref<tape::Node>& node, visitproc visit, void* arg);
void drop_hooks(const Ref<tape::Node>& node);
// Counts the callables that the graph keeps: while there are none, nothing is looked for.
void count_callables(int more);

// Adds the handle's type, hooks_of and next_hook.
void add_hook_handle(PyObject* module);

}  // namespace steep::bindings
