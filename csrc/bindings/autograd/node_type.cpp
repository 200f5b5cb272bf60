// Nodes of the graph as Python objects.

#include <map>
#include <string>

#include "bindings/autograd/autograd.h"
#include "bindings/autograd/hooks.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "program/site.h"
#include "tape/backward.h"

namespace steep::bindings {

namespace {

// ---- a view of a node ----

struct NodeObject {
  PyObject_HEAD
  Ref<tape::Node> node;
};

PyTypeObject* node_type = nullptr;

const Ref<tape::Node>& node_of(PyObject* self) { return reinterpret_cast<NodeObject*>(self)->node; }

void node_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* type = Py_TYPE(self);
  tape::NodeExtras* const extras = node_of(self)->find_extras();
  if (extras && extras->python == self) extras->python = nullptr;
  reinterpret_cast<NodeObject*>(self)->node.~Ref();
  type->tp_free(self);
  Py_DECREF(type);
}
int node_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return visit_hooks(node_of(self), visit, arg);
}
int node_clear(PyObject* self) {
  drop_hooks(node_of(self));
  return 0;
}

PyObject* node_name(PyObject* self, PyObject*) {
  return guarded([&] { return PyUnicode_FromString(node_label(node_of(self)->shown).c_str()); });
}
PyObject* node_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<%s object at %p>", node_label(node_of(self)->shown).c_str(),
                                node_of(self).get());
  });
}
PyObject* node_compare(PyObject* self, PyObject* other, int operation) {
  if (!PyObject_TypeCheck(other, node_type) || (operation != Py_EQ && operation != Py_NE))
    Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((node_of(self) == node_of(other)) == (operation == Py_EQ));
}
Py_hash_t node_hash(PyObject* self) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(node_of(self).get()) >> 4);
}

PyObject* node_next(PyObject* self, void*) {
  return guarded([&] {
    const tape::Node& node = *node_of(self);
    Owned tuple(PyTuple_New(node.inputs.size()));
    for (int i = 0; i < node.inputs.size(); ++i) {
      const tape::Edge& edge = node.inputs[i];
      PyTuple_SET_ITEM(tuple.get(), i, checked(Py_BuildValue("(Ni)", wrap(edge.node), edge.index)));
    }
    return tuple.release();
  });
}

PyObject* node_input_shapes(PyObject* self, void*) {
  return guarded([&] {
    const tape::Node& node = *node_of(self);
    Owned tuple(PyTuple_New(node.inputs.size()));
    for (int i = 0; i < node.inputs.size(); ++i) {
      const tape::Edge& edge = node.inputs[i];
      PyTuple_SET_ITEM(tuple.get(), i, edge.node ? wrap_size(edge.shape) : new_reference(Py_None));
    }
    return tuple.release();
  });
}
PyObject* refuse_attribute(PyObject* self, const char* attribute) {
  PyErr_Format(PyExc_AttributeError, "Node %s has no attribute '%s'",
               node_label(node_of(self)->shown).c_str(), attribute);
  return nullptr;
}

PyObject* node_variable(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    TensorImpl* const leaf = node_of(self)->leaf();
    return leaf ? wrap(Tensor(leaf)) : refuse_attribute(self, "variable");
  });
}
PyObject* node_number(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_of(self)->number);
}
PyObject* node_operation(PyObject* self, void*) {
  return guarded([&] { return PyUnicode_FromString(node_of(self)->name); });
}
PyObject* node_requires_grad(PyObject*, void*) { Py_RETURN_TRUE; }

// Made when it is first asked for.
PyObject* node_metadata(PyObject* self, void*) {
  return guarded([&] {
    std::shared_ptr<void>& metadata = node_of(self)->extras().metadata;
    if (!metadata) {
      count_callables(1);
      metadata = std::shared_ptr<void>(checked(PyDict_New()), [](void* object) {
        if (!Py_IsInitialized()) return;
        const WithGil gil;
        count_callables(-1);
        Py_DECREF(static_cast<PyObject*>(object));
      });
    }
    return new_reference(static_cast<PyObject*>(metadata.get()));
  });
}

PyObject* node_register_hook(PyObject* self, PyObject* callable) {
  return guarded([&] { return register_node_hook(node_of(self), callable, true); });
}
PyObject* node_register_prehook(PyObject* self, PyObject* callable) {
  return guarded([&] { return register_node_hook(node_of(self), callable, false); });
}

// What Function's forward has set on ctx is found on the node as well.
PyObject* node_attribute(PyObject* self, PyObject* name) {
  PyObject* const found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  auto* const rule = static_cast<PyObject*>(node_of(self)->foreign());
  PyErr_Clear();
  PyObject* ctx = nullptr;
  if (rule) {
    ctx = PyObject_GetAttrString(new_reference(rule), "ctx");
    Py_DECREF(rule);
  }
  PyObject* const kept = ctx ? PyObject_GetAttr(ctx, name) : nullptr;
  Py_XDECREF(ctx);
  if (kept || (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_AttributeError))) return kept;
  PyErr_Clear();
  const char* const text = PyUnicode_AsUTF8(name);
  return text ? refuse_attribute(self, text) : nullptr;
}

PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The operation, as PyTorch spells it: 'AddBackward0'."},
    {"register_hook", node_register_hook, METH_O,
     "Calls hook(grad_inputs, grad_outputs) after the node's gradients are computed. A tuple that "
     "it returns replaces grad_inputs. Returns a handle with remove()."},
    {"register_prehook", node_register_prehook, METH_O,
     "Calls hook(grad_outputs) before the node's gradients are computed. A tuple that it returns "
     "replaces grad_outputs. Returns a handle with remove()."},
    {"_sequence_nr", node_number, METH_NOARGS,
     "A number higher than that of any node that it leads to."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef node_attributes[] = {
    {"next_functions", node_next, nullptr,
     "(node, output number) for each input; node is None where no gradient is wanted.", nullptr},
    {"input_shapes", node_input_shapes, nullptr,
     "The shape of each input; None where no gradient is wanted.", nullptr},
    {"variable", node_variable, nullptr,
     "Of an AccumulateGrad, the leaf whose .grad it adds to; others do not have it.", nullptr},
    {"operation", node_operation, nullptr, "The operation, as steep calls it: 'add'.", nullptr},
    {"metadata", node_metadata, nullptr, "A dictionary for what a program notes about the node.",
     nullptr},
    {"requires_grad", node_requires_grad, nullptr, "True.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot node_slots[] = {
    {Py_tp_dealloc, slot(node_dealloc)},
    {Py_tp_traverse, slot(node_traverse)},
    {Py_tp_clear, slot(node_clear)},
    {Py_tp_repr, slot(node_repr)},
    {Py_tp_getattro, slot(node_attribute)},
    {Py_tp_richcompare, slot(node_compare)},
    {Py_tp_hash, slot(node_hash)},
    {Py_tp_methods, node_methods},
    {Py_tp_getset, node_attributes},
    {Py_tp_doc, const_cast<char*>("An operation in the graph that backward walks.")},
    {0, nullptr}};
PyType_Spec node_spec = {"steep.autograd.Node", sizeof(NodeObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
                             Py_TPFLAGS_DISALLOW_INSTANTIATION,
                         node_slots};

// A type for each name, as in PyTorch: programs read type(node).__name__.
PyTypeObject* type_of(const tape::Node& node) {
  static auto* const types = new std::map<std::string, PyTypeObject*>();
  const auto [at, is_new] = types->try_emplace(node_label(node.shown), nullptr);
  if (!is_new && at->second) return at->second;
  const std::string name = "steep.autograd." + at->first;
  PyType_Slot again[] = {{Py_tp_dealloc, slot(node_dealloc)},
                         {Py_tp_traverse, slot(node_traverse)},
                         {Py_tp_clear, slot(node_clear)},
                         {0, nullptr}};
  PyType_Spec spec = {program::lasting(name), sizeof(NodeObject), 0, node_spec.flags, again};
  spec.flags &= ~static_cast<unsigned>(Py_TPFLAGS_BASETYPE);
  at->second = make_type(spec, reinterpret_cast<PyObject*>(node_type));
  return at->second;
}

// gradient_edge_tensor(node, output, shape, dtype): stands for a result of a node: backward may
// begin there, or end.
PyObject* edge_tensor(PyObject*, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *node, *shape, *dtype;
    int output;
    if (!PyArg_ParseTuple(arguments, "O!iOO", node_type, &node, &output, &shape, &dtype))
      return nullptr;
    const Ref<tape::Node>& of = node_of(node);
    if (output < 0 || output >= of->outputs)
      raise(PyExc_RuntimeError,
            join("GradientEdge: expected an output_nr from 0 to ", of->outputs - 1, " for ",
                 node_label(of->shown), ", got ", output));
    if (TensorImpl* const leaf = of->leaf()) return wrap(Tensor(leaf));
    Dims sizes;
    const Items items("GradientEdge", shape);
    for (Py_ssize_t i = 0; i < items.size(); ++i) {
      const long long size = PyLong_AsLongLong(items[i].get());
      if (size == -1 && PyErr_Occurred()) throw PythonError();
      sizes.push_back(size);
    }
    const Tensor number = tape::primitives.fill({}, dtype_of(dtype), 0.0);
    const Tensor out = alias(number, sizes, Dims(sizes.size(), 0), 0);
    tape::set_grad_fn(out, of, output);
    return wrap(out);
  });
}

PyObject* current_pass(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(tape::current_pass());
}

PyObject* visited_by_pass(PyObject*, PyObject* sequence) {
  return guarded([&] {
    const Items items("visited_by_pass", sequence);
    std::vector<Ref<tape::Node>> nodes;
    for (Py_ssize_t i = 0; i < items.size(); ++i) {
      const Owned item = items[i];
      if (!PyObject_TypeCheck(item.get(), node_type))
        raise(PyExc_TypeError,
              join("visited_by_pass: expected nodes, got ", type_name(item.get())));
      nodes.push_back(node_of(item.get()));
    }
    const std::vector<uint8_t> visited = tape::visited_by_pass(nodes);
    Owned list(PyList_New(items.size()));
    for (size_t i = 0; i < visited.size(); ++i)
      PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), PyBool_FromLong(visited[i]));
    return list.release();
  });
}

PyMethodDef functions[] = {
    {"current_pass", current_pass, METH_NOARGS,
     "A number of this thread's backward pass; 0 outside of one."},
    {"visited_by_pass", visited_by_pass, METH_O,
     "For each node, whether this thread's backward pass visits it."},
    {"gradient_edge_tensor", edge_tensor, METH_VARARGS,
     "A tensor that stands for output `output` of a node, in a gradient of backward or grad."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* wrap(const Ref<tape::Node>& node) {
  if (!node) Py_RETURN_NONE;
  auto* const known = static_cast<PyObject*>(node->extras().python);
  if (known && take_unless_dying(known)) return known;
  PyTypeObject* const type = type_of(*node);
  Owned object(type->tp_alloc(type, 0));
  new (&reinterpret_cast<NodeObject*>(object.get())->node) Ref<tape::Node>(node);
  node->extras().python = object.get();
  return object.release();
}

void add_node_type(PyObject* module) {
  node_type = make_type(node_spec);
  checked(PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type)));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
