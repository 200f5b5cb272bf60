// Python callables as hooks of the tape.
#pragma once

#include <memory>

#include "bindings/autograd/callable.h"
#include "bindings/python.h"
#include "tape/node.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// x.register_hook(callable): a new reference to a handle with remove().
PyObject* register_hook(const Tensor& x, PyObject* callable);
// x.register_post_accumulate_grad_hook(callable): the same for a hook that is called with a leaf
// after its .grad has been added to.
PyObject* register_post_hook(const Tensor& x, PyObject* callable);

// node.register_prehook(callable) and node.register_hook(callable): the same for one that is called
// before the node's rule runs, or after it.
PyObject* register_node_hook(const Ref<tape::Node>& node, PyObject* callable, bool after);

// Whether a tensor's hooks are those in a tuple from hooks_of().
bool has_hooks_of(const Tensor& x, PyObject* callables);

// For the collector: visits or drops the callables that only a tensor keeps alive which only its
// Python object owns: the tensor's own, and those of the graph behind it.
int visit_hooks(const Tensor& x, visitproc visit, void* arg);
void drop_hooks(const Tensor& x);
// The same for a node whose only owner is its Python object.
int visit_hooks(const Ref<tape::Node>& node, visitproc visit, void* arg);
void drop_hooks(const Ref<tape::Node>& node);
// Adds the handle's type, hooks_of and next_hook.
void add_hook_handle(PyObject* module);

}  // namespace steep::bindings
