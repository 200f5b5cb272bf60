// Attributes of a Tensor: its type and geometry, and its part in the graph.
#include "bindings/autograd/autograd.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "bindings/types/format_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

PyObject* get_shape(PyObject* self, void*) {
  return guarded([&] { return wrap_size(tensor_of(self).shape()); });
}
PyObject* get_dtype(PyObject* self, void*) { return wrap(tensor_of(self).dtype()); }
PyObject* get_device(PyObject*, void*) { return cpu_device(); }
PyObject* get_layout(PyObject*, void*) { return strided_layout(); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(tensor_of(self).dim()); }
PyObject* get_itemsize(PyObject* self, void*) {
  return PyLong_FromLongLong(element_size(tensor_of(self).dtype()));
}
PyObject* get_nbytes(PyObject* self, void*) {
  return PyLong_FromLongLong(tensor_of(self).numel() * element_size(tensor_of(self).dtype()));
}
PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_version(PyObject* self, void*) {
  return PyLong_FromUnsignedLong(tensor_of(self)->version());
}
PyObject* get_writes(PyObject* self, void*) {
  return PyLong_FromUnsignedLong(tensor_of(self)->storage->writes());
}
// NumPy leaves operators to the operand with the higher priority.
PyObject* get_priority(PyObject*, void*) { return PyLong_FromLong(1000); }

// ---- the graph ----

int refuse_deletion(const char* name) {
  PyErr_Format(PyExc_TypeError, "Tensor.%s cannot be deleted", name);
  return -1;
}

PyObject* get_requires_grad(PyObject* self, void*) {
  return PyBool_FromLong(tape::requires_grad(tensor_of(self)));
}
int set_requires_grad(PyObject* self, PyObject* value, void*) {
  if (!value) return refuse_deletion("requires_grad");
  return guarded_number([&]() -> int {
    if (!PyBool_Check(value))
      raise(PyExc_RuntimeError, join("requires_grad must be a bool, got ", type_name(value)));
    tape::set_requires_grad(tensor_of(self), value == Py_True);
    return 0;
  });
}

PyObject* get_is_leaf(PyObject* self, void*) {
  return guarded([&] { return PyBool_FromLong(tape::is_leaf(tensor_of(self))); });
}
PyObject* get_output_nr(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    const bool is_result = !tape::is_leaf(x);  // of a view, brought up to date
    return PyLong_FromLong(is_result ? tape::history(x)->output : 0);
  });
}
PyObject* get_retains_grad(PyObject* self, void*) {
  const tape::History* history = tape::history(tensor_of(self));
  return PyBool_FromLong(history && history->retains_grad);
}
PyObject* get_grad_fn(PyObject* self, void*) {
  return guarded([&] { return wrap(tape::grad_fn(tensor_of(self))); });
}
PyObject* get_base(PyObject* self, void*) {
  return guarded([&] {
    const tape::History* history = tape::history(tensor_of(self));
    return wrap(history ? history->base : Tensor());
  });
}

PyObject* get_grad(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    const tape::History* history = tape::history(x);
    const Tensor grad = history ? history->grad : Tensor();
    if (program::Recorder::active()) tape::ensure_history(x);  // .grad may come later
    program::note_gradient(x, grad, true);
    if (!grad.defined() && history && history->grad_fn && !history->retains_grad) {
      program::note_warning();
      checked(PyErr_WarnEx(PyExc_UserWarning,
                           "The .grad attribute of a Tensor that is not a leaf Tensor is being "
                           "accessed. Its .grad attribute won't "
                           "be populated during autograd.backward(). If you indeed want the .grad "
                           "field to be populated for a "
                           "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                           1));
    }
    return wrap(grad);
  });
}

void check_grad(const Tensor& x, const Tensor& grad) {
  const auto refuse = [](const std::string& text) {
    throw Error(ErrorKind::runtime, "Tensor.grad: " + text);
  };
  if (grad.same(x)) refuse("can't assign Variable as its own grad");
  if (grad.dtype() != x.dtype()) {
    refuse(join("assigned grad has data of a different type: expected ", name(x.dtype()), ", got ",
                name(grad.dtype()), "; convert it with .to(x.dtype)"));
  }
  if (grad.shape() != x.shape()) {
    refuse(join("assigned grad has data of a different size: expected ", to_string(x.shape()),
                ", got ", to_string(grad.shape())));
  }
}

int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded_number([&]() -> int {
    const Tensor& x = tensor_of(self);
    Tensor grad;
    if (value && value != Py_None) {
      if (!is_tensor(value))
        raise(PyExc_TypeError,
              join("assigned grad expected to be a Tensor or None but got grad of type ",
                   type_name(value)));
      grad = tensor_of(value);
      check_grad(x, grad);
    } else if (!tape::history(x) && !program::Recorder::active()) {
      return 0;  // there is no gradient; a recording still notes that it is set to None
    }
    Tensor& field = tape::ensure_history(x).grad;
    program::note_gradient(x, field, false);
    program::note_new_gradient(x, grad);
    std::swap(field, grad);  // the old one is destroyed last: that may run code
    return 0;
  });
}

// ---- data ----

PyObject* get_data(PyObject* self, void*) {
  return guarded([&] {
    const Tensor out = alias(tensor_of(self));
    out->own_versions = Ref<OwnVersions>(new OwnVersions);
    return wrap(out);
  });
}

int set_data(PyObject* self, PyObject* value, void*) {
  if (!value) return refuse_deletion("data");
  return guarded_number([&]() -> int {
    if (!is_tensor(value))
      raise(PyExc_TypeError, join("Variable data has to be a tensor, but got ", type_name(value)));
    const Tensor& x = tensor_of(self);
    const Tensor& from = tensor_of(value);
    if (tape::requires_grad(x) && !is_floating(from.dtype())) {
      throw Error(
          ErrorKind::runtime,
          join("Tensor.data: expected a floating dtype for a tensor that requires grad, got ",
               name(from.dtype())));
    }
    take_memory(x, from);
    return 0;
  });
}

// ---- transposed ----

PyObject* get_T(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    Dims reversed;
    for (int i = x.dim() - 1; i >= 0; --i) reversed.push_back(i);
    return wrap(x.dim() == 2 ? tape::shown_as("permute", ops::transpose(x, 0, 1))
                             : ops::permute(x, reversed));
  });
}
PyObject* get_mT(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    if (x.dim() < 2)
      fail(ErrorKind::runtime, "Tensor.mT", "a matrix or a batch of them",
           join(x.dim(), " dimension(s)"), "unsqueeze() it first");
    return wrap(ops::transpose(x, -2, -1));
  });
}

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "The sizes of the dimensions: a Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"device", get_device, nullptr, "Always the CPU.", nullptr},
    {"layout", get_layout, nullptr, "Always steep.strided.", nullptr},
    {"ndim", get_ndim, nullptr, "How many dimensions there are.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"is_cuda", get_false, nullptr, "Always False.", nullptr},
    {"is_sparse", get_false, nullptr, "Always False.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad,
     "Whether operations on it are recorded. May be set on a leaf.", nullptr},
    {"grad", get_grad, set_grad, "The gradient that backward has added up, or None. May be set.",
     nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node of the graph that made it; None on a leaf.",
     nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether no recorded operation made it.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which output of its grad_fn it is.", nullptr},
    {"retains_grad", get_retains_grad, nullptr,
     "Whether retain_grad() was called on it, if it is not a leaf.", nullptr},
    {"data", get_data, set_data,
     "The same memory without the graph, which is not told of writes through it; so prefer "
     "detach(). Setting it gives the tensor another memory.",
     nullptr},
    {"T", get_T, nullptr, "A view with the dimensions reversed.", nullptr},
    {"mT", get_mT, nullptr, "A view with the last two dimensions exchanged.", nullptr},
    {"_version", get_version, nullptr,
     "How often the memory has been written to in place, but not through .data.", nullptr},
    {"_writes", get_writes, nullptr, "The same, through .data as well.", nullptr},
    {"_base", get_base, nullptr, "The tensor this one is a view of, or None.", nullptr},
    {"__array_priority__", get_priority, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace

void take_memory(const Tensor& x, const Tensor& from) { tape::swap_memory(x, from); }

PyGetSetDef* tensor_attributes() { return attributes; }

}  // namespace steep::bindings
