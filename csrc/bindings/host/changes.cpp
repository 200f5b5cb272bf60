// Changes to several tensors that belong together. Each function checks everything and allocates
// all it needs before it changes anything, and no Python code runs in between: neither a failed
// allocation nor a KeyboardInterrupt leaves only some of them changed.
#include "bindings/host/changes.h"

#include <unordered_set>

#include "bindings/autograd/autograd.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/optim/optim.h"
#include "ops/shape/strided_view.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

Tensors tensors_of(const char* op, PyObject* list) {
  if (!PyList_Check(list)) raise(PyExc_TypeError, join(op, ": expected a list of Tensors"));
  const Py_ssize_t count = PyList_GET_SIZE(list);
  Tensors out;
  out.reserve(static_cast<int>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = PyList_GET_ITEM(list, i);
    if (item != Py_None && !is_tensor(item))
      raise(PyExc_TypeError, join(op, ": expected a Tensor, got ", type_name(item)));
    out.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return out;
}

void need(bool right, const char* usage) {
  if (!right) raise(PyExc_TypeError, usage);
}

// ---- gradients ----

// What replaces each .grad, to be filled with zeros: the .grad itself or, if it has a graph, a
// tensor on the same memory without one.
Tensors detached_gradients(const Tensors& tensors) {
  const tape::GradMode off(false);
  Tensors fresh;
  fresh.reserve(tensors.size());
  for (const Tensor& x : tensors) {
    const tape::History* history = tape::history(x);
    const Tensor grad = history ? history->grad : Tensor();
    const bool there = grad.defined();
    fresh.push_back(there && tape::requires_grad(grad) ? alias(grad) : grad);
    if (there) tape::check_writable("zero_grad", fresh.back());
  }
  return fresh;
}

// clear_gradients(tensors, set_to_none)
PyObject* clear_gradients(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 2, "clear_gradients: expected (tensors, set_to_none)");
    const int to_none = PyObject_IsTrue(args[1]);
    checked(to_none);
    const Tensors tensors = tensors_of("zero_grad", args[0]);
    Tensors fresh;  // swapped with what was there, which is destroyed at the end: that may run code
    if (to_none) {
      fresh.resize(tensors.size());
    } else {
      fresh = detached_gradients(tensors);
    }
    if (program::Recorder::active())
      for (const Tensor& x : tensors) {
        program::note_gradient(x, tape::ensure_history(x).grad, !to_none);
        if (to_none) program::note_new_gradient(x, Tensor());
      }
    for (int i = 0; i < tensors.size(); ++i) {
      tape::History* history = tape::history(tensors[i]);
      if (history && (to_none || fresh[i].defined())) std::swap(history->grad, fresh[i]);
    }
    if (to_none) Py_RETURN_NONE;
    const tape::GradMode off(false);
    for (const Tensor& x : tensors) {
      const tape::History* history = tape::history(x);
      const Tensor grad = history ? history->grad : Tensor();  // another thread may drop it
      if (grad.defined()) ops::zero_memory(grad);
    }
    Py_RETURN_NONE;
  });
}

// ---- values ----

// The sources, in dtypes that are only copied, and apart from all memory that is written.
Tensors prepared_sources(const Tensors& targets, const Tensors& sources) {
  std::unordered_set<const Storage*> written;
  for (const Tensor& x : targets) written.insert(x->storage.get());
  Tensors out;
  out.reserve(sources.size());
  for (int i = 0; i < targets.size(); ++i) {
    const Tensor& x = targets[i];
    tape::check_writable("copy_", x);
    if (sources[i].shape() != x.shape())
      fail(ErrorKind::runtime, "copy_values", join("shape ", to_string(x.shape())),
           to_string(sources[i].shape()));
    out.push_back(ops::to(sources[i], x.dtype()));
    const Tensor& source = out.back();
    const bool itself = source->storage == x->storage && source->offset == x->offset &&
                        source.strides() == x.strides();
    if (!itself && written.count(source->storage.get())) out.back() = ops::clone(source);
  }
  return out;
}

void write_values(const Tensors& targets, const Tensors& sources) {
  for (int i = 0; i < targets.size(); ++i) {
    ops::copy_memory(targets[i], sources[i]);
    targets[i]->bump("copy_");
  }
}

// copy_values(targets, sources): copies the values of each source into its target, unrecorded.
PyObject* copy_values(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 2, "copy_values: expected (targets, sources)");
    const Tensors targets = tensors_of("copy_values", args[0]);
    const Tensors sources = tensors_of("copy_values", args[1]);
    need(targets.size() == sources.size(), "copy_values: expected as many sources as targets");
    const tape::GradMode off(false);
    write_values(targets, prepared_sources(targets, sources));
    Py_RETURN_NONE;
  });
}

void exchange_memory(TensorImpl& x, TensorImpl& other) {
  std::swap(x.storage, other.storage);
  std::swap(x.dtype, other.dtype);
  std::swap(x.contiguous, other.contiguous);
  std::swap(x.offset, other.offset);
  std::swap(x.numel, other.numel);
  std::swap(x.shape, other.shape);
  std::swap(x.strides, other.strides);
  ++x.swaps;
}

void check_replacement(const Tensor& x, const Tensor& data, const Tensor& grad) {
  if (tape::requires_grad(x) && !is_floating(data.dtype()))
    fail(ErrorKind::runtime, "Tensor.data", "a floating dtype for a tensor that requires grad",
         name(data.dtype()));
  if (grad.defined() && (grad.dtype() != data.dtype() || grad.shape() != data.shape()))
    fail(ErrorKind::runtime, "Tensor.grad", "the dtype and shape of its tensor",
         join(name(grad.dtype()), " of shape ", to_string(grad.shape())));
}

// replace_tensors(tensors, datas, gradients, entries): each tensor gets the memory of its data, and
// its gradient; then what set_items does.
PyObject* replace_tensors(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 4, "replace_tensors: expected (tensors, datas, gradients, entries)");
    const Tensors tensors = tensors_of("replace_tensors", args[0]);
    Tensors fresh = tensors_of("replace_tensors", args[1]);
    Tensors gradients = tensors_of("replace_tensors", args[2]);
    need(tensors.size() == fresh.size() && tensors.size() == gradients.size(),
         "replace_tensors: expected lists of one length");
    for (int i = 0; i < tensors.size(); ++i) {
      check_replacement(tensors[i], fresh[i], gradients[i]);
      fresh[i] = alias(fresh[i]);
      if (gradients[i].defined()) tape::ensure_history(tensors[i]);
    }
    Assignments made;
    made.assign(args[3]);
    for (int i = 0; i < tensors.size(); ++i) {
      exchange_memory(*tensors[i].impl(), *fresh[i].impl());
      if (tape::History* history = tape::history(tensors[i]))
        std::swap(history->grad, gradients[i]);
    }
    made.keep();
    Py_RETURN_NONE;
  });
}

// set_requires_grad(tensors, requires_grad)
PyObject* set_requires_grad(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 2, "set_requires_grad: expected (tensors, requires_grad)");
    const int wanted = PyObject_IsTrue(args[1]);
    checked(wanted);
    const Tensors tensors = tensors_of("requires_grad_", args[0]);
    std::vector<bool> before;
    before.reserve(static_cast<size_t>(tensors.size()));
    for (const Tensor& x : tensors) before.push_back(tape::ensure_history(x).requires_grad);
    try {
      for (const Tensor& x : tensors) tape::set_requires_grad(x, wanted);
    } catch (...) {
      for (int i = 0; i < tensors.size(); ++i)
        tape::history(tensors[i])->requires_grad = before[static_cast<size_t>(i)];
      throw;
    }
    Py_RETURN_NONE;
  });
}

// ---- calls ----

// The writes of steps made of operations, which are done once nothing can fail any more.
class Values {
 public:
  // What a step has returned: None, or a pair of lists: the tensors to change and their new values.
  void add(PyObject* pair) {
    if (pair == Py_None) return;
    need(PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2,
         "take_steps: expected None or (targets, values) from a call");
    const Tensors targets = tensors_of("take_steps", PyTuple_GET_ITEM(pair, 0));
    const Tensors values = tensors_of("take_steps", PyTuple_GET_ITEM(pair, 1));
    need(targets.size() == values.size(), "take_steps: expected as many values as targets");
    for (int i = 0; i < targets.size(); ++i) {
      ops::check_like("take_steps", "values", values[i], targets[i], i);
      targets_.push_back(targets[i]);
      values_.push_back(values[i]);
    }
  }
  void prepare() {
    const tape::GradMode off(false);
    values_ = prepared_sources(targets_, values_);
  }
  void write() const {
    const tape::GradMode off(false);
    write_values(targets_, values_);
  }

 private:
  Tensors targets_, values_;
};

// check_step(name, params, what, list): raises unless the parameters can be written, and the list has
// a tensor of each one's shape and dtype.
PyObject* check_step(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 4 && PyUnicode_Check(args[0]) && PyUnicode_Check(args[2]),
         "check_step: expected (name, params, what, list)");
    const char *const name = PyUnicode_AsUTF8(args[0]), *const what = PyUnicode_AsUTF8(args[2]);
    if (!name || !what) return nullptr;
    const Tensors params = tensors_of(name, args[1]);
    ops::check_params(name, params);
    ops::check_list(name, what, tensors_of(name, args[3]), params);
    Py_RETURN_NONE;
  });
}

// take_steps(calls, entries): takes optimiser steps, each a function and its arguments, and puts
// the state that they have made into dicts as set_items does. A function takes a fused step, which
// waits for the others, or returns (targets, values) for a step that is written here.
PyObject* take_steps(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 2 && PyList_Check(args[0]), "take_steps: expected (calls, entries)");
    ops::StepsTogether steps;
    Values values;
    const Items calls("take_steps", args[0]);
    for (Py_ssize_t i = 0; i < calls.size(); ++i) {
      const Owned held = calls[i];
      PyObject* const call = held.get();
      need(PyTuple_Check(call) && PyTuple_GET_SIZE(call) == 2 &&
               PyTuple_Check(PyTuple_GET_ITEM(call, 1)),
           "take_steps: expected calls as (function, tuple)");
      const Owned result(
          PyObject_Call(PyTuple_GET_ITEM(call, 0), PyTuple_GET_ITEM(call, 1), nullptr));
      values.add(result.get());
    }
    values.prepare();
    Assignments made;
    made.assign(args[1]);
    steps.run();
    values.write();
    made.keep();
    Py_RETURN_NONE;
  });
}

// call_with_grad(enabled, function, args, kwargs)
PyObject* call_with_grad(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    need(count == 4 && PyTuple_Check(args[2]) && PyDict_Check(args[3]),
         "call_with_grad: expected (enabled, function, tuple, dict)");
    const int enabled = PyObject_IsTrue(args[0]);
    checked(enabled);
    const tape::GradMode mode(enabled);
    return PyObject_Call(args[1], args[2], args[3]);
  });
}

PyMethodDef functions[] = {
    {"clear_gradients", as_method(clear_gradients), METH_FASTCALL,
     "Sets the .grad of all tensors to None, or fills them with zeros."},
    {"copy_values", as_method(copy_values), METH_FASTCALL,
     "Copies the values of each source into its target, unrecorded: all of them or none."},
    {"replace_tensors", as_method(replace_tensors), METH_FASTCALL,
     "Gives each tensor other memory and another .grad, and does what set_items does: all or "
     "none."},
    {"set_requires_grad", as_method(set_requires_grad), METH_FASTCALL,
     "Sets requires_grad of all tensors or of none."},
    {"check_step", as_method(check_step), METH_FASTCALL,
     "Raises unless the tensors of a list have the shapes and dtypes of their parameters."},
    {"take_steps", as_method(take_steps), METH_FASTCALL,
     "Takes several optimiser steps and assigns the state they made: all or none."},
    {"call_with_grad", as_method(call_with_grad), METH_FASTCALL,
     "Calls function(*args, **kwargs) with recording on or off, and puts back what was."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_changes(PyObject* module) {
  add_items(module);
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
