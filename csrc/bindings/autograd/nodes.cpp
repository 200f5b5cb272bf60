// Nodes of the graph as Python objects, and nodes whose rule is written in Python.

#include <cctype>
#include <set>
#include <string>

#include "bindings/autograd/autograd.h"
#include "bindings/autograd/hooks.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "tape/history.h"
#include "tape/saved.h"

namespace steep::bindings {

namespace {

// ---- a view of a node ----

struct NodeObject {
  PyObject_HEAD
  Ref<tape::Node> node;
};

PyTypeObject* node_type = nullptr;

const Ref<tape::Node>& node_of(PyObject* self) { return reinterpret_cast<NodeObject*>(self)->node; }

template <class Object, class Member, Member Object::* member>
void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  (reinterpret_cast<Object*>(self)->*member).~Member();
  type->tp_free(self);
  Py_DECREF(type);
}

void node_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  dealloc<NodeObject, Ref<tape::Node>, &NodeObject::node>(self);
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
  return guarded([&] { return PyUnicode_FromString(node_label(node_of(self)->name).c_str()); });
}
PyObject* node_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<%s object at %p>", node_label(node_of(self)->name).c_str(),
                                node_of(self).get());
  });
}
PyObject* node_compare(PyObject* self, PyObject* other, int operation) {
  if (Py_TYPE(other) != node_type || (operation != Py_EQ && operation != Py_NE))
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
PyObject* node_variable(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    TensorImpl* const leaf = node_of(self)->leaf();
    if (!leaf) Py_RETURN_NONE;
    return wrap(Tensor(leaf));
  });
}

// What Function's forward has set on ctx is found on the node as well.
PyObject* node_attribute(PyObject* self, PyObject* name) {
  PyObject* const found = PyObject_GenericGetAttr(self, name);
  auto* const rule = static_cast<PyObject*>(node_of(self)->foreign());
  if (found || !rule || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyObject* const ctx = PyObject_GetAttrString(new_reference(rule), "ctx");
  Py_DECREF(rule);
  PyObject* const kept = ctx ? PyObject_GetAttr(ctx, name) : nullptr;
  Py_XDECREF(ctx);
  if (!kept && PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Restore(type, error, trace);  // the first error, which names the node
    return nullptr;
  }
  Py_XDECREF(type), Py_XDECREF(error), Py_XDECREF(trace);
  return kept;
}

PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The operation, as PyTorch spells it: 'AddBackward0'."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef node_attributes[] = {
    {"next_functions", node_next, nullptr,
     "(node, output number) for each input; node is None where no gradient is wanted.", nullptr},
    {"input_shapes", node_input_shapes, nullptr,
     "The shape of each input; None where no gradient is wanted.", nullptr},
    {"variable", node_variable, nullptr,
     "Of an AccumulateGrad, the leaf whose .grad it adds to; else None.", nullptr},
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
PyType_Spec node_spec = {
    "steep.autograd.Node", sizeof(NodeObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, node_slots};

// ---- what a Function keeps ----

struct SavedObject {
  PyObject_HEAD
  tape::Saved saved;
};

PyObject* saved_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    PyObject* tensor;
    int output = -1;
    static const char* names[] = {"tensor", "output", nullptr};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!|i:SavedTensor",
                                     const_cast<char**>(names), tensor_type, &tensor, &output))
      return nullptr;
    Owned object(type->tp_alloc(type, 0));
    new (&reinterpret_cast<SavedObject*>(object.get())->saved)
        tape::Saved(output < 0 ? tape::Saved(tensor_of(tensor))
                               : tape::Saved::output(tensor_of(tensor), output));
    return object.release();
  });
}
PyObject* saved_get(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(reinterpret_cast<SavedObject*>(self)->saved.get()); });
}

PyMethodDef saved_methods[] = {
    {"get", saved_get, METH_NOARGS, "The tensor; refuses one that has been written to since."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot saved_slots[] = {
    {Py_tp_new, slot(saved_new)},
    {Py_tp_dealloc, slot(dealloc<SavedObject, tape::Saved, &SavedObject::saved>)},
    {Py_tp_methods, saved_methods},
    {0, nullptr}};
PyType_Spec saved_spec = {"steep._core.SavedTensor", sizeof(SavedObject), 0, Py_TPFLAGS_DEFAULT,
                          saved_slots};

// ---- a rule written in Python ----

// A copy of a name that lasts as long as the process, because nodes keep pointers.
const char* lasting(const char* name) {
  static auto* names = new std::set<std::string>();
  return names->insert(name).first->c_str();
}

class PythonNode final : public tape::Node {
 public:
  PythonNode(const char* name, int outputs, PyObject* rule)
      : Node(name, outputs), rule_(new_reference(rule)) {
    count_callables(1);
  }
  ~PythonNode() override { forget(); }
  void* foreign() const override { return rule_; }

  void apply(const Tensor* grads, tape::Grads& out) override {
    const WithGil gil;
    Owned arguments(PyTuple_New(outputs));
    for (int i = 0; i < outputs; ++i) PyTuple_SET_ITEM(arguments.get(), i, wrap(grads[i]));
    const Owned rule = Owned::borrow(rule_);  // a pass within it may release this node
    const Owned result(PyObject_Call(rule.get(), arguments.get(), nullptr));
    if (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) != inputs.size())
      raise(PyExc_RuntimeError, join(name, ": expected ", inputs.size(),
                                     " gradients from backward, one for each tensor of forward"));
    for (int i = 0; i < inputs.size(); ++i) {
      PyObject* grad = PyTuple_GET_ITEM(result.get(), i);
      if (is_tensor(grad)) out[i] = tensor_of(grad);
    }
  }

 protected:
  // A rule that backward has released drops what it has saved, even if something else holds the
  // rule.
  void give_up() override {
    if (!rule_ || !Py_IsInitialized()) return;
    const WithGil gil;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyObject* done = PyObject_CallMethod(rule_, "release", nullptr);
    if (!done) PyErr_WriteUnraisable(rule_);
    Py_XDECREF(done);
    PyErr_Restore(type, error, trace);
    forget();
  }

 private:
  void forget() {
    if (!rule_ || !Py_IsInitialized()) return;
    const WithGil gil;
    count_callables(-1);
    Py_CLEAR(rule_);
  }
  // Called with the outputs' gradients (None for zero); returns a tuple, one for each input. Has
  // release().
  PyObject* rule_;
};

Tensors tensors_in(PyObject* tuple) {
  Tensors tensors;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    if (!is_tensor(item))
      raise(PyExc_TypeError, join("record_function: expected Tensors, got ", type_name(item)));
    tensors.push_back(tensor_of(item));
  }
  return tensors;
}

// record_function(name, rule, inputs, outputs): gives newly made outputs a node that leads to
// inputs.
PyObject* record_function(PyObject*, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    const char* name;
    PyObject *rule, *inputs, *outputs;
    if (!PyArg_ParseTuple(arguments, "sOO!O!", &name, &rule, &PyTuple_Type, &inputs, &PyTuple_Type,
                          &outputs))
      return nullptr;
    const Ref<tape::Node> node(
        new PythonNode(lasting(name), static_cast<int>(PyTuple_GET_SIZE(outputs)), rule));
    const Tensors tensors = tensors_in(inputs), made = tensors_in(outputs);
    node->connect(tensors, tape::edge_of);
    for (int i = 0; i < made.size(); ++i)
      if (is_floating(made[i].dtype())) tape::set_grad_fn(made[i], node, i);
    Py_RETURN_NONE;
  });
}

PyObject* keep_results(PyObject*, PyObject*) {
  return guarded([]() -> PyObject* {
    tape::keep_results();
    Py_RETURN_NONE;
  });
}

PyObject* take_kept_results(PyObject*, PyObject*) {
  return guarded([] {
    const std::vector<tape::KeptResult> kept = tape::take_kept_results();
    Owned list(PyList_New(static_cast<Py_ssize_t>(kept.size())));
    for (size_t i = 0; i < kept.size(); ++i) {
      const tape::KeptResult& one = kept[i];
      Owned node(wrap(one.node)), result(wrap(one.result));
      PyList_SET_ITEM(
          list.get(), static_cast<Py_ssize_t>(i),
          checked(Py_BuildValue("(NiN)", node.release(), one.output, result.release())));
    }
    return list.release();
  });
}

PyMethodDef functions[] = {
    {"record_function", record_function, METH_VARARGS,
     "What steep.autograd.Function records with."},
    {"keep_results", keep_results, METH_NOARGS,
     "From here on, keep what this thread records, and retain its gradients."},
    {"take_kept_results", take_kept_results, METH_NOARGS,
     "The (node, output number, tensor) kept since the last keep_results(), which ends."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

std::string node_label(const char* name) {
  std::string label = name;
  if (!label.empty() && std::isupper(static_cast<unsigned char>(label[0])))
    return label;  // already in that form
  std::string out;
  bool start = true;
  for (char c : label) {
    if (c != '_') out += start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    start = c == '_';
  }
  return out + "Backward0";
}

PyObject* wrap(const Ref<tape::Node>& node) {
  if (!node) Py_RETURN_NONE;
  Owned object(node_type->tp_alloc(node_type, 0));
  new (&reinterpret_cast<NodeObject*>(object.get())->node) Ref<tape::Node>(node);
  return object.release();
}

void add_nodes(PyObject* module) {
  node_type = make_type(node_spec);
  checked(PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type)));
  checked(PyModule_AddObjectRef(module, "SavedTensor",
                                reinterpret_cast<PyObject*>(make_type(saved_spec))));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
