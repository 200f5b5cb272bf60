// Nodes whose rule is written in Python, and what such a rule keeps.

#include <set>
#include <string>

#include "bindings/autograd/autograd.h"
#include "bindings/autograd/hooks.h"
#include "bindings/tensor/tensor_type.h"
#include "tape/history.h"
#include "tape/saved_hooks.h"

namespace steep::bindings {

namespace {

// ---- what a Function keeps ----

struct SavedObject {
  PyObject_HEAD
  tape::Saved saved;
};

void saved_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<SavedObject*>(self)->saved.~Saved();
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* saved_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    PyObject* tensor;
    int output = -1;
    static const char* names[] = {"tensor", "output", nullptr};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!|i:SavedTensor",
                                     const_cast<char**>(names), tensor_type, &tensor, &output))
      return nullptr;
    tape::Saved saved = output < 0 ? tape::Saved(tensor_of(tensor))
                                   : tape::Saved::output(tensor_of(tensor), output);
    if (const tape::PackingWatch* const watch = tape::packing_watch()) saved = watch->packed(saved);
    Owned object(type->tp_alloc(type, 0));
    new (&reinterpret_cast<SavedObject*>(object.get())->saved) tape::Saved(std::move(saved));
    return object.release();
  });
}
PyObject* saved_get(PyObject* self, PyObject*) {
  return guarded([&] {
    // With its place in the graph in any pass, as in PyTorch: rules written in Python ask whether
    // it requires a gradient.
    const tape::GradMode on(true);
    return wrap(reinterpret_cast<SavedObject*>(self)->saved.get());
  });
}

PyMethodDef saved_methods[] = {
    {"get", saved_get, METH_NOARGS, "The tensor; refuses one that has been written to since."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot saved_slots[] = {{Py_tp_new, slot(saved_new)},
                             {Py_tp_dealloc, slot(saved_dealloc)},
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

void add_nodes(PyObject* module) {
  add_node_type(module);
  checked(PyModule_AddObjectRef(module, "SavedTensor",
                                reinterpret_cast<PyObject*>(make_type(saved_spec))));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
