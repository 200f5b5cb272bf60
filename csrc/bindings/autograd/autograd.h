// The tape as Python sees it.
#pragma once

#include <string_view>

#include "bindings/python.h"
#include "ops/registry.h"
#include "tape/node.h"

namespace steep::bindings {

// Tensor.backward(...), with self as first argument; and its free relatives.
PyObject* tensor_backward(PyObject* self, PyObject* const* args, Py_ssize_t count,
                          PyObject* keywords);
void add_autograd(PyObject* module);

// no_grad and the other grad modes: context managers and decorators.
void add_grad_modes(PyObject* module);

// steep.autograd's graph nodes, and Function's hold on the tape.
PyObject* wrap(const Ref<tape::Node>& node);
// "add" as "AddBackward0": how PyTorch spells a node of the graph.
std::string node_label(const char* name);
// Whether an operation is made of others, in place of which its result's node is shown.
bool is_composite(std::string_view operation);
void call_composite(const ops::Op& op, ops::AnyValue* arguments, ops::AnyValue& result);
void add_node_type(PyObject* module);
void add_nodes(PyObject* module);

// saved_tensors_hooks, and detect_anomaly.
void add_saved_hooks(PyObject* module);
void add_anomaly(PyObject* module);

}  // namespace steep::bindings
