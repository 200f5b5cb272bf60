#include "bindings/autograd/autograd.h"

#include <unordered_set>

#include "bindings/calls/arguments.h"
#include "bindings/tensor/tensor_type.h"
#include "program/profile.h"
#include "tape/backward.h"

namespace steep::bindings {

namespace {

// One tensor or a sequence of them. Items that are None stay undefined.
Tensors read_tensors(const char* op, const char* what, PyObject* object) {
  Tensors out;
  if (!object || object == Py_None) return out;
  if (is_tensor(object)) {
    out.push_back(tensor_of(object));
    return out;
  }
  const Owned items(PySequence_Fast(object, "expected a Tensor or a sequence of them"));
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    if (item != Py_None && !is_tensor(item))
      raise(PyExc_TypeError,
            join(op, ": expected ", what, " to hold Tensors, got ", type_name(item), " at ", i));
    out.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return out;
}

void check_roots(const char* op, const Tensors& roots) {
  for (int i = 0; i < roots.size(); ++i) {
    if (!roots[i].defined())
      raise(PyExc_TypeError, join(op, ": expected Tensors, got None at ", i));
    if (!tape::requires_grad(roots[i])) {
      throw Error(
          ErrorKind::runtime,
          join("element ", i, " of tensors does not require grad and does not have a grad_fn; ", op,
               " needs a result computed from tensors with requires_grad=True, outside of "
               "no_grad()"));
    }
  }
}

// A gradient for each root: the one given, or 1 for a single number.
Tensors seeds(const char* op, const Tensors& roots, Tensors grads) {
  if (grads.empty()) grads.resize(roots.size());
  if (grads.size() != roots.size())
    throw Error(ErrorKind::runtime, join(op, ": got ", roots.size(), " tensors and ", grads.size(),
                                         " gradients; give one for each"));
  for (int i = 0; i < roots.size(); ++i) {
    if (grads[i].defined()) continue;
    if (roots[i].numel() != 1) {
      throw Error(ErrorKind::runtime,
                  join("grad can be implicitly created only for scalar outputs; got shape ",
                       to_string(roots[i].shape()),
                       ": reduce it with .sum() or .mean(), or pass a gradient"));
    }
    grads[i] = tape::primitives.fill(roots[i].shape(), roots[i].dtype(), 1.0);
  }
  return grads;
}

// Launches in this scope belong to the backward pass, which a profile also shows as a range.
class BackwardPass {
 public:
  BackwardPass() : phase_(program::Phase::backward), start_(program::Profile::start_of_range()) {}
  ~BackwardPass() {
    program::Profile::end_range(program::ProfileEvent::Kind::phase, "backward", start_);
  }
  BackwardPass(const BackwardPass&) = delete;
  BackwardPass& operator=(const BackwardPass&) = delete;

 private:
  const program::AtSite phase_;
  const int64_t start_;
};

void run_backward(const Tensors& roots, const Tensors& grads, const Arguments& arguments, int first,
                  const Tensors& inputs) {
  tape::BackwardOptions options;
  options.create_graph = arguments.flag(first + 1, false);
  options.retain_graph = arguments.flag(first, options.create_graph);
  check_roots("backward", roots);
  const BackwardPass pass;
  tape::backward(roots, seeds("backward", roots, grads), options, inputs);
}

PyObject* backward(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {
        "backward", 1, 6, {"tensors", "grad_tensors", "retain_graph", "create_graph", "inputs"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensors inputs = read_tensors("backward", "inputs", arguments[4]);
    if (arguments.given(4) && inputs.empty())
      raise(PyExc_RuntimeError, "'inputs' argument to backward() cannot be empty.");
    run_backward(read_tensors("backward", "tensors", arguments[0]),
                 read_tensors("backward", "grad_tensors", arguments[1]), arguments, 2, inputs);
    Py_RETURN_NONE;
  });
}

Tensors gradients(const Tensors& roots, const Tensors& inputs, const Arguments& arguments) {
  tape::BackwardOptions options;
  options.create_graph = arguments.flag(4, false);
  options.retain_graph = arguments.flag(3, options.create_graph);
  check_roots("grad", roots);
  for (int i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined())
      raise(PyExc_TypeError, join("grad: expected inputs to hold Tensors, got None at ", i));
  const BackwardPass pass;
  const Tensors given = read_tensors("grad", "grad_outputs", arguments[2]);
  Tensors grads = tape::gradients(roots, seeds("grad", roots, given), inputs, options);
  const bool materialize = arguments.flag(6, false);
  for (int i = 0; i < grads.size(); ++i) {
    if (grads[i].defined()) continue;
    if (materialize) grads[i] = tape::primitives.fill(inputs[i].shape(), inputs[i].dtype(), 0.0);
    if (grads[i].defined() || arguments.flag(5, false)) continue;
    throw Error(
        ErrorKind::runtime,
        join("One of the differentiated Tensors appears to not have been used in the graph (input ",
             i, "). Set allow_unused=True if this is the desired behavior."));
  }
  return grads;
}

PyObject* grad(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {"grad",
                                             2,
                                             7,
                                             {"outputs", "inputs", "grad_outputs", "retain_graph",
                                              "create_graph", "allow_unused", "materialize_grads"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensors roots = read_tensors("grad", "outputs", arguments[0]);
    const Tensors inputs = read_tensors("grad", "inputs", arguments[1]);
    Tensors grads = gradients(roots, inputs, arguments);
    Owned tuple(PyTuple_New(grads.size()));
    for (int i = 0; i < grads.size(); ++i) PyTuple_SET_ITEM(tuple.get(), i, wrap(grads[i]));
    return tuple.release();
  });
}

// Whether the graph of `roots` leads to a leaf that is not among `inputs`.
bool leads_elsewhere(const Tensors& roots, const Tensors& inputs) {
  std::vector<tape::Node*> waiting;
  std::unordered_set<tape::Node*> seen;
  const auto meet = [&](const Ref<tape::Node>& node) {
    if (node && seen.insert(node.get()).second) waiting.push_back(node.get());
  };
  // Held, for a node of a leaf may be made for the question alone.
  std::vector<tape::Edge> edges;
  for (const Tensor& root : roots) edges.push_back(tape::edge_of(root));
  for (const tape::Edge& edge : edges) meet(edge.node);
  while (!waiting.empty()) {
    const tape::Node* const node = waiting.back();
    waiting.pop_back();
    TensorImpl* const leaf = node->leaf();
    bool is_input = false;
    for (const Tensor& input : inputs) is_input |= leaf && input.operator->() == leaf;
    if (leaf && !is_input) return true;
    for (const tape::Edge& edge : node->inputs) meet(edge.node);
  }
  return false;
}

PyObject* graph_leads_elsewhere(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "graph_leads_elsewhere: expected (outputs, inputs)");
    const char* const name = "graph_leads_elsewhere";
    return PyBool_FromLong(leads_elsewhere(read_tensors(name, "outputs", args[0]),
                                           read_tensors(name, "inputs", args[1])));
  });
}

PyMethodDef functions[] = {
    {"graph_leads_elsewhere", as_method(graph_leads_elsewhere), METH_FASTCALL,
     "Whether the graph of these tensors leads to a leaf beside these inputs."},
    {"autograd_backward", as_method(backward), METH_FASTCALL | METH_KEYWORDS,
     "See steep.autograd.backward."},
    {"autograd_grad", as_method(grad), METH_FASTCALL | METH_KEYWORDS, "See steep.autograd.grad."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* tensor_backward(PyObject* self, PyObject* const* args, Py_ssize_t count,
                          PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {
        "backward", 0, 4, {"gradient", "retain_graph", "create_graph", "inputs"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensors inputs = read_tensors("backward", "inputs", arguments[3]);
    if (arguments.given(3) && inputs.empty())
      raise(PyExc_RuntimeError, "'inputs' argument to backward() cannot be empty.");
    run_backward({tensor_of(self)}, read_tensors("backward", "gradient", arguments[0]), arguments,
                 1, inputs);
    Py_RETURN_NONE;
  });
}

void add_autograd(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
