// Methods of a Tensor that a registry signature cannot express: those on geometry, dtype, graph and
// copies.
#include <vector>

#include "bindings/autograd/autograd.h"
#include "bindings/autograd/hooks.h"
#include "bindings/calls/arguments.h"
#include "bindings/calls/convert.h"
#include "bindings/calls/intercept.h"
#include "bindings/tensor/dlpack.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/slots.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/tensor/to_python.h"
#include "bindings/types/dtype_type.h"
#include "bindings/types/format_type.h"
#include "ops/index/index.h"
#include "ops/memory_format.h"
#include "ops/ops.h"
#include "tape/history.h"
#include "tensor/shape.h"

namespace steep::bindings {

namespace {

// ---- geometry ----

// size() and stride(): all of them, or that of one dimension.
template <bool sizes>
PyObject* geometry(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {sizes ? "size" : "stride", 0, 1, {"dim"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensor& x = tensor_of(self);
    const Dims& numbers = sizes ? x.shape() : x.strides();
    if (!arguments.given(0)) {
      Owned all(wrap_size(numbers));
      return sizes ? all.release() : PyTuple_GetSlice(all.get(), 0, PyTuple_GET_SIZE(all.get()));
    }
    const int64_t dim = arguments.integer(0, 0);
    if (x.dim() == 0)
      raise(PyExc_IndexError,
            join(kNames.op, ": dimension specified as ", dim, " but tensor has no dimensions"));
    return PyLong_FromLongLong(numbers[wrap_dim(kNames.op, dim, x.dim())]);
  });
}

PyObject* dim(PyObject* self, PyObject*) { return PyLong_FromLong(tensor_of(self).dim()); }
PyObject* numel(PyObject* self, PyObject*) { return PyLong_FromLongLong(tensor_of(self).numel()); }
PyObject* bytes_of_element(PyObject* self, PyObject*) {
  return PyLong_FromLongLong(element_size(tensor_of(self).dtype()));
}
PyObject* storage_offset(PyObject* self, PyObject*) {
  return PyLong_FromLongLong(tensor_of(self)->offset);
}
PyObject* data_ptr(PyObject* self, PyObject*) {
  return PyLong_FromVoidPtr(tensor_of(self).data<void>());
}
PyObject* is_contiguous(PyObject* self, PyObject* const* args, Py_ssize_t count,
                        PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {"is_contiguous", 0, 0, {"memory_format"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensor& x = tensor_of(self);
    if (!arguments.given(0)) return PyBool_FromLong(x.is_contiguous());
    if (!is_memory_format(arguments[0]))
      raise(PyExc_TypeError, join("is_contiguous(): argument 'memory_format' must be a "
                                  "steep.memory_format, not ",
                                  type_name(arguments[0])));
    const std::string format = memory_format_name(arguments[0]);
    const bool last = format == "channels_last", last_3d = format == "channels_last_3d";
    if (!last && !last_3d) return PyBool_FromLong(x.is_contiguous());
    if (x.dim() != (last ? 4 : 5)) Py_RETURN_FALSE;
    const Dims order = last ? Dims{0, 2, 3, 1} : Dims{0, 2, 3, 4, 1};
    const tape::GradMode off(false);
    return PyBool_FromLong(ops::permute(x, order).is_contiguous());
  });
}
PyObject* is_floating_point(PyObject* self, PyObject*) {
  return PyBool_FromLong(is_floating(tensor_of(self).dtype()));
}
PyObject* is_complex(PyObject*, PyObject*) { Py_RETURN_FALSE; }

// ---- dtype ----

template <DType dtype>
PyObject* cast(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(ops::to(tensor_of(self), dtype)); });
}

PyObject* cpu(PyObject* self, PyObject*) { return new_reference(self); }

PyObject* type_as(PyObject* self, PyObject* other) {
  return guarded([&] {
    if (is_batched(other)) return wrap(ops::to(tensor_of(self), dtype_of_batched(other)));
    if (!is_tensor(other))
      raise(PyExc_TypeError,
            join("type_as(): argument 'other' must be Tensor, not ", type_name(other)));
    return wrap(ops::to(tensor_of(self), tensor_of(other).dtype()));
  });
}

// to(dtype), to(device), to(device, dtype), to(other), each with non_blocking and copy.
PyObject* to(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {
        "to",
        0,
        4,
        {"other", "dtype_or_non_blocking", "non_blocking_or_copy", "copy_", "device", "dtype",
         "non_blocking", "copy", "memory_format"}};
    const Arguments arguments(kNames, args, count, keywords);
    const Tensor& x = tensor_of(self);
    std::optional<DType> dtype = arguments.dtype(5);
    arguments.device(4);
    for (int i = 0; i < 4; ++i) {
      if (!arguments.given(i) || PyBool_Check(arguments[i])) continue;
      if (is_dtype(arguments[i])) {
        dtype = dtype_of(arguments[i]);
      } else if (is_tensor(arguments[i])) {
        dtype = tensor_of(arguments[i]).dtype();
      } else if (is_batched(arguments[i])) {
        dtype = dtype_of_batched(arguments[i]);
      } else {
        check_device("to", arguments[i]);
      }
    }
    const ops::MemoryFormat format = arguments.memory_format(8);
    Tensor out = dtype ? ops::to(x, *dtype) : x;
    if (ops::is_row_major(format)) out = ops::contiguous(out);
    if (ops::is_channels_last(format)) out = ops::channels_last("to", out, format, false);
    return wrap(arguments.flag(7, false) && out.same(x) ? ops::clone(x) : out);
  });
}

PyObject* new_tensor(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {
        "new_tensor", 1, 1, {"data", "dtype", "device", "requires_grad", "layout", "pin_memory"}};
    const Arguments arguments(kNames, args, count, keywords);
    arguments.device(2);
    arguments.layout(4);
    arguments.pin_memory(5);
    const Tensor out = tensor_from("new_tensor", arguments[0],
                                   arguments.dtype(1).value_or(tensor_of(self).dtype()));
    if (arguments.flag(3, false)) tape::set_requires_grad(out, true);
    return wrap(out);
  });
}

// ---- order ----

// The rows from the last to the first; a single number is itself.
PyObject* reversed(PyObject* self, PyObject*) {
  return guarded([&] {
    const Tensor& x = tensor_of(self);
    return x.dim() == 0 ? new_reference(self) : wrap(ops::flip(x, {0}));
  });
}

// Names from before Python 3 had two divisions.
PyObject* divided(PyObject* self, PyObject* other) { return PyNumber_TrueDivide(self, other); }
PyObject* divided_by(PyObject* self, PyObject* other) { return PyNumber_TrueDivide(other, self); }
PyObject* divide_in_place(PyObject* self, PyObject* other) {
  return PyNumber_InPlaceTrueDivide(self, other);
}

// ---- the graph ----

PyObject* requires_grad_(PyObject* self, PyObject* const* args, Py_ssize_t count,
                         PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"requires_grad_", 0, 1, {"requires_grad"}};
    const Arguments arguments(kNames, args, count, keywords);
    tape::set_requires_grad(tensor_of(self), arguments.flag(0, true));
    return new_reference(self);
  });
}

PyObject* retain_grad(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    tape::retain_grad(tensor_of(self));
    Py_RETURN_NONE;
  });
}

PyObject* add_hook(PyObject* self, PyObject* callable) {
  return guarded([&] { return register_hook(tensor_of(self), callable); });
}

PyObject* add_post_hook(PyObject* self, PyObject* callable) {
  return guarded([&] { return register_post_hook(tensor_of(self), callable); });
}

// ---- copies and subclasses ----

// _make_subclass(cls, data, requires_grad=False): a leaf of another class on the same memory.
PyObject* make_subclass(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {
        "_make_subclass", 2, 3, {"cls", "data", "require_grad"}};
    const Arguments arguments(kNames, args, count, keywords);
    if (!PyType_Check(arguments[0]) ||
        !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(arguments[0]), tensor_type))
      raise(PyExc_TypeError, "_make_subclass(): argument 'cls' must be a subclass of Tensor");
    if (!is_tensor(arguments[1]))
      raise(PyExc_TypeError, join("_make_subclass(): argument 'data' must be Tensor, not ",
                                  type_name(arguments[1])));
    const Tensor out = alias(tensor_of(arguments[1]));
    if (arguments.flag(2, false)) tape::set_requires_grad(out, true);
    return wrap_as(reinterpret_cast<PyTypeObject*>(arguments[0]), out);
  });
}

PyObject* shallow_copy(PyObject* self, PyObject*) {
  return guarded([&] {
    const Owned module(PyImport_ImportModule("steep._copying"));
    return PyObject_CallMethod(module.get(), "copy_tensor", "O", self);
  });
}

PyObject* deep_copy(PyObject* self, PyObject* memo) {
  return guarded([&] {
    const Owned module(PyImport_ImportModule("steep._copying"));
    return PyObject_CallMethod(module.get(), "deepcopy_tensor", "OO", self, memo);
  });
}

PyObject* reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    const Owned module(PyImport_ImportModule("steep._copying"));
    return PyObject_CallMethod(module.get(), "reduce_tensor", "O", self);
  });
}

// ---- what scripts written for other devices call ----

// A method that steep/_legacy.py defines under its name.
template <const char* kName>
PyObject* legacy(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    const Owned module(PyImport_ImportModule("steep._legacy"));
    const Owned function(checked(PyObject_GetAttrString(module.get(), kName)));
    const Py_ssize_t all = count + (keywords ? PyTuple_GET_SIZE(keywords) : 0);
    std::vector<PyObject*> given{self};
    given.insert(given.end(), args, args + all);
    return PyObject_Vectorcall(function.get(), given.data(), static_cast<size_t>(count) + 1,
                               keywords);
  });
}
constexpr char kCuda[] = "cuda", kType[] = "type_", kNew[] = "new", kPin[] = "pin_memory",
               kPinned[] = "is_pinned", kShare[] = "share_memory_", kShared[] = "is_shared",
               kGetDevice[] = "get_device", kHalf[] = "half", kBfloat16[] = "bfloat16",
               kShort[] = "short", kChar[] = "char";

constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;

PyMethodDef methods[] = {
    {"size", as_method(geometry<true>), kFast,
     "size(dim=None): the shape, or the size of one dimension."},
    {"stride", as_method(geometry<false>), kFast,
     "stride(dim=None): elements from one item to the next, by dimension."},
    {"dim", dim, METH_NOARGS, "How many dimensions there are."},
    {"ndimension", dim, METH_NOARGS, "Another name of dim."},
    {"numel", numel, METH_NOARGS, "How many elements there are."},
    {"nelement", numel, METH_NOARGS, "Another name of numel."},
    {"element_size", bytes_of_element, METH_NOARGS, "Bytes of one element."},
    {"storage_offset", storage_offset, METH_NOARGS,
     "Elements from the start of the memory to the first."},
    {"data_ptr", data_ptr, METH_NOARGS, "The address of the first element."},
    {"is_contiguous", as_method(is_contiguous), kFast,
     "Whether the elements lie in row-major order without gaps."},
    {"is_floating_point", is_floating_point, METH_NOARGS,
     "Whether the dtype is float32 or float64."},
    {"is_complex", is_complex, METH_NOARGS, "Always False."},
    {"to", as_method(to), kFast,
     "to(dtype), to(device) or to(other): the tensor itself where nothing changes, else a copy."},
    {"float", cast<DType::float32>, METH_NOARGS, "The same as to(float32)."},
    {"double", cast<DType::float64>, METH_NOARGS, "The same as to(float64)."},
    {"long", cast<DType::int64>, METH_NOARGS, "The same as to(int64)."},
    {"int", cast<DType::int32>, METH_NOARGS, "The same as to(int32)."},
    {"byte", cast<DType::uint8>, METH_NOARGS, "The same as to(uint8)."},
    {"bool", cast<DType::boolean>, METH_NOARGS, "The same as to(bool)."},
    {"cpu", cpu, METH_NOARGS, "The tensor itself."},
    {"cuda", as_method(legacy<kCuda>), kFast, "Refused: the CPU is the only device there is."},
    {"get_device", as_method(legacy<kGetDevice>), kFast, "-1: that of the CPU."},
    {"pin_memory", as_method(legacy<kPin>), kFast, "The tensor itself."},
    {"is_pinned", as_method(legacy<kPinned>), kFast, "False."},
    {"share_memory_", as_method(legacy<kShare>), kFast,
     "The tensor itself: threads share its memory, and processes do not."},
    {"is_shared", as_method(legacy<kShared>), kFast, "False."},
    {"half", as_method(legacy<kHalf>), kFast, "Refused: there is no float16."},
    {"bfloat16", as_method(legacy<kBfloat16>), kFast, "Refused: there is no bfloat16."},
    {"short", as_method(legacy<kShort>), kFast, "Refused: there is no int16."},
    {"char", as_method(legacy<kChar>), kFast, "Refused: there is no int8."},
    {"type", as_method(legacy<kType>), kFast,
     "type(dtype=None): PyTorch's name of its class, or the same as to(dtype)."},
    {"new", as_method(legacy<kNew>), kFast,
     "new(*sizes) or new(data): a new tensor of this one's dtype."},
    {"type_as", type_as, METH_O, "type_as(other): the same as to(other.dtype)."},
    {"new_tensor", as_method(new_tensor), kFast,
     "new_tensor(data): a new tensor of this one's dtype."},
    {"backward", as_method(tensor_backward), kFast,
     "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None): see "
     "steep.autograd.backward."},
    {"requires_grad_", as_method(requires_grad_), kFast,
     "requires_grad_(requires_grad=True): sets it on a leaf; returns the tensor."},
    {"retain_grad", retain_grad, METH_NOARGS,
     "Makes backward keep the .grad of a tensor that is not a leaf."},
    {"register_hook", add_hook, METH_O,
     "register_hook(hook): calls hook(grad) when the gradient is known; what it returns, if not "
     "None, takes its place."},
    {"register_post_accumulate_grad_hook", add_post_hook, METH_O,
     "register_post_accumulate_grad_hook(hook): calls hook(tensor) when backward has added to the "
     ".grad of this leaf."},
    {"numpy", as_method(tensor_numpy), kFast,
     "numpy(*, force=False): an array on the same memory."},
    {"tolist", tensor_tolist, METH_NOARGS, "The elements as nested lists of Python numbers."},
    {"item", tensor_item, METH_NOARGS, "The only element as a Python number."},
    {"__array__", as_method(tensor_array), kFast, nullptr},
    {"__dlpack__", as_method(tensor_dlpack), kFast,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None): a capsule that "
     "hands the memory to another library; see steep.from_dlpack."},
    {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS, "(1, 0): the CPU."},
    {"__array_wrap__", as_method(tensor_array_wrap), METH_FASTCALL, nullptr},
    {"__reversed__", reversed, METH_NOARGS, nullptr},
    {"__div__", divided, METH_O, nullptr},
    {"__rdiv__", divided_by, METH_O, nullptr},
    {"__idiv__", divide_in_place, METH_O, nullptr},
    {"__format__", tensor_format, METH_O, nullptr},
    {"__copy__", shallow_copy, METH_NOARGS, nullptr},
    {"__deepcopy__", deep_copy, METH_O, nullptr},
    {"__reduce_ex__", reduce, METH_O, nullptr},
    {"_make_subclass", as_method(make_subclass), kFast | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyMethodDef* tensor_methods() { return methods; }

}  // namespace steep::bindings
