// Arrays of other libraries, through the buffer protocol: NumPy itself is never imported.
#include <cstring>
#include <memory>

#include "bindings/from_python.h"
#include "bindings/tensor_type.h"
#include "tensor/sizes.h"

namespace steep::bindings {

namespace {

constexpr char kSupported[] = "an array of dtype float32, float64, int64, int32, uint8 or bool";

// An exported buffer, given back at the end.
class Buffer {
 public:
  Buffer(const char* op, PyObject* exporter, int flags) {
    if (PyObject_GetBuffer(exporter, &view_, flags) == 0) return;
    // Arrays of dates or objects have no buffer at all; what they raise is of many kinds.
    PyErr_Clear();
    fail(ErrorKind::type, op, kSupported, join(type_name(exporter), " of ", dtype_text(exporter)),
         "convert it first, with .astype('float32') say");
  }
  ~Buffer() { PyBuffer_Release(&view_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  const Py_buffer& operator*() const { return view_; }
  const Py_buffer* operator->() const { return &view_; }

  static std::string dtype_text(PyObject* exporter) {
    PyObject* dtype = PyObject_GetAttrString(exporter, "dtype");
    PyObject* text = dtype ? PyObject_Str(dtype) : nullptr;
    const char* characters = text ? PyUnicode_AsUTF8(text) : nullptr;
    std::string out = characters ? join("dtype ", characters) : "an unknown element type";
    Py_XDECREF(dtype);
    Py_XDECREF(text);
    PyErr_Clear();
    return out;
  }

 private:
  Py_buffer view_;
};

bool parse_format(const Py_buffer& view, DType& dtype) {
  const char* format = view.format ? view.format : "B";
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (*format == '\0' || format[1] != '\0') return false;
  switch (*format) {
    case 'f':
      dtype = DType::float32;
      break;
    case 'd':
      dtype = DType::float64;
      break;
    case '?':
      dtype = DType::boolean;
      break;
    case 'B':
      dtype = DType::uint8;
      break;
    case 'i':
    case 'l':
    case 'q':
      dtype = view.itemsize == 8 ? DType::int64 : DType::int32;
      break;
    default:
      return false;
  }
  return element_size(dtype) == view.itemsize;
}

DType dtype_in(const char* op, PyObject* array, const Py_buffer& view) {
  DType dtype;
  if (!parse_format(view, dtype)) {
    fail(ErrorKind::type, op, kSupported, Buffer::dtype_text(array),
         "convert it first, with .astype('float32') say");
  }
  return dtype;
}

Dims shape_of(const Py_buffer& view) {
  Dims shape;
  for (int i = 0; i < view.ndim; ++i) shape.push_back(view.shape[i]);
  return shape;
}

// Copies dimension `dim` and those inside it to consecutive memory at `out`; returns where it ends.
char* copy_strided(const Py_buffer& view, int dim, const char* from, char* out) {
  if (dim == view.ndim) {
    std::memcpy(out, from, static_cast<size_t>(view.itemsize));
    return out + view.itemsize;
  }
  const bool packed = dim == view.ndim - 1 && view.strides[dim] == view.itemsize;
  if (packed) {
    const size_t bytes = static_cast<size_t>(view.shape[dim] * view.itemsize);
    std::memcpy(out, from, bytes);
    return out + bytes;
  }
  for (Py_ssize_t i = 0; i < view.shape[dim]; ++i)
    out = copy_strided(view, dim + 1, from + i * view.strides[dim], out);
  return out;
}

void release_exporter(void* owner) {
  if (!Py_IsInitialized()) return;  // the process is ending; the memory goes with it
  const WithGil gil;
  auto* view = static_cast<Py_buffer*>(owner);
  PyBuffer_Release(view);
  delete view;
}

// The array itself, or what its __array__ gives where it exports no buffer.
Owned with_buffer(PyObject* array) {
  if (PyObject_CheckBuffer(array)) return Owned::borrow(array);
  return Owned(PyObject_CallMethod(array, "__array__", nullptr));
}

}  // namespace

bool is_array_like(PyObject* object) {
  if (PyList_Check(object) || PyTuple_Check(object) || PyUnicode_Check(object) ||
      PyBytes_Check(object) || PyByteArray_Check(object) || PyType_Check(object))
    return false;
  return PyObject_CheckBuffer(object) || PyObject_HasAttrString(object, "__array__");
}

Tensor copy_array(const char* op, PyObject* array) {
  const Owned exporter = with_buffer(array);
  const Buffer view(op, exporter.get(), PyBUF_FULL_RO);
  const Tensor out = empty(shape_of(*view), dtype_in(op, exporter.get(), *view));
  if (out.numel() > 0)
    copy_strided(*view, 0, static_cast<const char*>(view->buf), out.data<char>());
  return out;
}

bool can_share(PyObject* array) {
  if (!PyObject_CheckBuffer(array)) return false;
  Py_buffer view;
  if (PyObject_GetBuffer(array, &view, PyBUF_FULL) < 0) {
    PyErr_Clear();
    return false;
  }
  bool plain = reinterpret_cast<uintptr_t>(view.buf) % static_cast<size_t>(view.itemsize) == 0;
  for (int i = 0; i < view.ndim; ++i)
    plain &= view.strides[i] >= 0 && view.strides[i] % view.itemsize == 0;
  PyBuffer_Release(&view);
  return plain;
}

Tensor share_array(const char* op, PyObject* array) {
  if (!is_array_like(array) || !PyObject_CheckBuffer(array))
    fail(ErrorKind::type, op, "a numpy.ndarray", type_name(array),
         "use steep.tensor(data) for other data");
  const Buffer view(op, array, PyBUF_FULL_RO);
  const DType dtype = dtype_in(op, array, *view);
  if (view->readonly)
    fail(ErrorKind::value, op, "a writable array", "a read-only one", "pass a copy: array.copy()");
  Dims strides;
  for (int i = 0; i < view->ndim; ++i) {
    if (view->strides[i] < 0)
      fail(ErrorKind::value, op, "an array without negative strides", "one",
           "pass a copy: array.copy()");
    if (view->strides[i] % view->itemsize)
      fail(ErrorKind::value, op, "strides of whole elements", "a field of a record array",
           "pass a copy: array.copy()");
    strides.push_back(view->strides[i] / view->itemsize);
  }
  if (reinterpret_cast<uintptr_t>(view->buf) % static_cast<size_t>(view->itemsize))
    fail(ErrorKind::value, op, "aligned memory", "an unaligned array", "pass a copy: array.copy()");
  const Dims shape = shape_of(*view);
  auto kept = std::make_unique<Py_buffer>();
  checked(PyObject_GetBuffer(array, kept.get(), PyBUF_FULL));
  const auto bytes = static_cast<size_t>(checked_multiply(extent(shape, strides), view->itemsize));
  Ref<Storage> storage = Storage::borrow(view->buf, bytes, kept.release(), release_exporter);
  return Tensor(new TensorImpl(std::move(storage), dtype, shape, strides, 0));
}

}  // namespace steep::bindings
