// Tensors as Python's data: the buffer protocol, NumPy, lists, numbers, text.
#include "bindings/tensor/to_python.h"

#include <memory>

#include "bindings/calls/arguments.h"
#include "bindings/calls/convert.h"
#include "bindings/programs/numbers.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"
#include "tensor/sizes.h"

namespace steep::bindings {

namespace {

// Shape, strides in bytes and the memory itself, for as long as a buffer is exported: the tensor
// may be given other memory (.data = ...) in the meantime.
struct Exported {
  explicit Exported(const Tensor& x) : shape(x.shape()), strides(x.strides()), storage(x->storage) {
    for (int i = 0; i < strides.size(); ++i) {
      // What nothing steps along may be any number.
      strides[i] = shape[i] > 1 ? checked_multiply(strides[i], element_size(x.dtype()))
                                : element_size(x.dtype());
    }
  }
  Dims shape, strides;
  Ref<Storage> storage;
};

bool asks(int flags, int what) { return (flags & what) == what; }

// Whether the first dimension is the one whose elements lie side by side.
bool is_column_major(const Tensor& x) {
  int64_t step = 1;
  for (int i = 0; i < x.dim(); ++i) {
    if (x.size(i) != 1 && x.strides()[i] != step) return false;
    step *= x.size(i);
  }
  return true;
}

void check_layout(const Tensor& x, int flags) {
  const bool rows = x.is_contiguous(), columns = x.numel() == 0 || is_column_major(x);
  if (!rows && !asks(flags, PyBUF_STRIDES))
    raise(PyExc_BufferError,
          "Tensor: not contiguous, and strides were not asked for; use .contiguous() first");
  if (!rows && asks(flags, PyBUF_C_CONTIGUOUS))
    raise(PyExc_BufferError, "Tensor: not contiguous, as was asked for; use .contiguous() first");
  if (!columns && asks(flags, PyBUF_F_CONTIGUOUS))
    raise(PyExc_BufferError,
          "Tensor: not contiguous in column-major order, as was asked for; use "
          ".t().contiguous().t() first");
  if (!rows && !columns && asks(flags, PyBUF_ANY_CONTIGUOUS))
    raise(PyExc_BufferError,
          "Tensor: contiguous in neither order, as was asked for; use .contiguous() first");
}

thread_local bool t_shows_result = false;  // to whoever the function returns it to

void fill_buffer(const Tensor& x, Py_buffer* view, int flags) {
  if (tape::requires_grad(x))
    raise(PyExc_BufferError,
          "Tensor: cannot export the memory of a tensor that requires grad; use .detach() first");
  check_layout(x, flags);
  if (!t_shows_result) program::note_host_read("numpy, or another view of a tensor's memory");
  auto geometry = std::make_unique<Exported>(x);
  view->buf = x.data<void>();
  view->len = x.numel() * element_size(x.dtype());
  view->readonly = 0;
  view->itemsize = element_size(x.dtype());
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(format_of(x.dtype())) : nullptr;
  view->ndim = flags & PyBUF_ND ? x.dim() : 1;  // without a shape it is a plain sequence of bytes
  static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "sizes are 64-bit");
  view->shape = flags & PyBUF_ND ? reinterpret_cast<Py_ssize_t*>(geometry->shape.data()) : nullptr;
  const bool strided = asks(flags, PyBUF_STRIDES);
  view->strides = strided ? reinterpret_cast<Py_ssize_t*>(geometry->strides.data()) : nullptr;
  view->suboffsets = nullptr;
  view->internal = geometry.release();
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  return guarded_number([&]() -> int {
    view->obj = nullptr;
    fill_buffer(tensor_of(self), view, flags);
    view->obj = new_reference(self);
    return 0;
  });
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Exported*>(view->internal); }

PyObject* list_of(const Tensor& x, int dim, const char* at) {
  if (dim == x.dim()) return checked(wrap(number_at(at, x.dtype())));
  Owned list(PyList_New(x.size(dim)));
  // Without a second element a stride may be of any size.
  const int64_t step = x.size(dim) > 1 ? x.strides()[dim] * element_size(x.dtype()) : 0;
  for (int64_t i = 0; i < x.size(dim); ++i)
    PyList_SET_ITEM(list.get(), i, list_of(x, dim + 1, at + i * step));
  return list.release();
}

Owned module_attribute(const char* module, const char* name) {
  const Owned imported(PyImport_ImportModule(module));
  return Owned(PyObject_GetAttrString(imported.get(), name));
}

Owned view_of(PyObject* tensor, bool shows_result) {
  struct Shows {
    explicit Shows(bool result) : before(std::exchange(t_shows_result, result)) {}
    ~Shows() { t_shows_result = before; }
    const bool before;
  };
  const Shows shows(shows_result);
  return Owned(PyMemoryView_FromObject(tensor));
}

PyObject* printed(PyObject* self) {
  return guarded([&] {
    return PyObject_CallOneArg(module_attribute("steep._printing", "tensor_repr").get(), self);
  });
}

}  // namespace

PyObject* array_of(const Tensor& x) {
  const bool is_result = reads_result(false);
  const Owned source(wrap(is_result ? alias(x) : x));
  const Owned view = view_of(source.get(), is_result);
  Owned array(PyObject_CallOneArg(module_attribute("numpy", "asarray").get(), view.get()));
  if (is_result) note_result(array.get(), source.get());
  return array.release();
}

PyObject* tensor_tolist(PyObject* self, PyObject*) {
  return guarded([&] {
    program::note_host_read("tolist");
    // Holds the memory: making a list may run the collector, whose finalisers may give the tensor
    // other memory.
    const Tensor x = alias(tensor_of(self));
    return list_of(x, 0, x.data<char>());
  });
}

PyObject* tensor_item(PyObject* self, PyObject*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    if (PyObject* const number = returned_number(x, false)) return number;
    return wrap(ops::item(x));
  });
}

PyObject* tensor_numpy(PyObject* self, PyObject* const* args, Py_ssize_t count,
                       PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"numpy", 0, 0, {"force"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensor& x = tensor_of(self);
    if (!tape::requires_grad(x)) return array_of(x);
    if (!arguments.flag(0, false)) {
      raise(
          PyExc_RuntimeError,
          "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
    }
    return array_of(ops::detach(x));
  });
}

PyObject* tensor_array(PyObject* self, PyObject* const* args, Py_ssize_t count,
                       PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {"__array__", 0, 2, {"dtype", "copy"}};
    const Arguments arguments(kNames, args, count, keywords);
    Owned array(tensor_numpy(self, nullptr, 0, nullptr));
    if (arguments.given(0))
      array = Owned(PyObject_CallMethod(array.get(), "astype", "O", arguments[0]));
    if (arguments.flag(1, false)) array = Owned(PyObject_CallMethod(array.get(), "copy", nullptr));
    return array.release();
  });
}

// NumPy passes its results through this if an operand was a Tensor.
PyObject* tensor_array_wrap(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 1) raise(PyExc_TypeError, "__array_wrap__ takes an array");
    return wrap(tensor_from("__array_wrap__", args[0], std::nullopt));
  });
}

PyObject* tensor_format(PyObject* self, PyObject* specification) {
  return guarded([&]() -> PyObject* {
    if (!PyUnicode_Check(specification))
      raise(PyExc_TypeError,
            join("__format__() argument must be str, not ", type_name(specification)));
    // A single number is formatted like a Python number; anything else, including subclasses, like
    // any object.
    if (tensor_of(self).dim() == 0 && Py_TYPE(self) == tensor_type) {
      const Owned number(tensor_item(self, nullptr));
      return PyObject_Format(number.get(), specification);
    }
    return PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyBaseObject_Type), "__format__", "OO",
                               self, specification);
  });
}

void add_buffer_slots(std::vector<PyType_Slot>& slots) {
  slots.push_back({Py_bf_getbuffer, slot(get_buffer)});
  slots.push_back({Py_bf_releasebuffer, slot(release_buffer)});
}

void add_text_slots(std::vector<PyType_Slot>& slots) {
  slots.push_back({Py_tp_repr, slot(printed)});
}

}  // namespace steep::bindings
