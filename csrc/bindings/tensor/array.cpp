// Arrays of other libraries, by the buffer protocol: NumPy itself is never imported.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "bindings/programs/given_arrays.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/strided.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/tensor/widen.h"
#include "tensor/sizes.h"

namespace steep::bindings {

namespace {

constexpr char kSupported[] =
    "an array of dtype float16, float32, float64, int8, int16, int32, int64, uint8, uint16 or bool";
constexpr char kConvert[] = "convert it first, with .astype('float32') say";
constexpr char kCopy[] = "pass a copy: array.copy()";

// An object that raises when it is asked for its buffer has none: arrays of dates or objects raise
// various exceptions. Interrupts and lack of memory are passed on.
void forgive_refusal() {
  if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
    throw PythonError();
  PyErr_Clear();
}

std::string dtype_text(PyObject* exporter) {
  try {
    const Owned dtype(PyObject_GetAttrString(exporter, "dtype"));
    const Owned text(PyObject_Str(dtype.get()));
    return join("dtype ", utf8(text.get()));
  } catch (const PythonError&) {
    forgive_refusal();
    return "an unknown element type";
  }
}

// Formats are those of the struct module: "<f" is native on a little-endian machine.
bool is_native_order(char order) {
  const uint16_t one = 1;
  const bool little = *reinterpret_cast<const uint8_t*>(&one) == 1;
  return order == '@' || order == '=' || order == (little ? '<' : '>');
}

bool parse_format(const Py_buffer& view, Element& element) {
  const char* format = view.format ? view.format : "B";
  if (is_native_order(*format)) ++format;
  return *format != '\0' && format[1] == '\0' && read_element(*format, view.itemsize, element);
}

struct ReleaseBuffer {
  void operator()(Py_buffer* view) const {
    if (is_being_ended()) stay_for_ever();
    PyBuffer_Release(view);
    delete view;
  }
};

// An exported buffer, released at the end, and what it says of its elements. All of it comes from a
// single export, because the next one may be different.
class Buffer {
 public:
  // False if the object does not export what is asked for.
  bool open(PyObject* exporter, int flags) {
    auto view = std::make_unique<Py_buffer>();
    if (PyObject_GetBuffer(exporter, view.get(), flags) < 0) {
      forgive_refusal();
      return false;
    }
    view_.reset(view.release());
    known_ = parse_format(*view_, element_);
    read_geometry();
    return true;
  }

  const Py_buffer& operator*() const { return *view_; }
  const Py_buffer* operator->() const { return view_.get(); }
  bool has_dtype() const { return known_; }  // whether one of the six dtypes can hold the elements
  DType dtype() const { return element_.dtype; }
  char widened() const { return element_.widened; }  // see Element
  const Dims& shape() const { return shape_; }
  const Dims& strides() const { return strides_; }  // in bytes
  // Whether dimension i holds pointers to what follows instead of the elements themselves.
  bool is_indirect(int i) const { return memory().is_indirect(i); }
  StridedMemory memory() const { return {shape_, strides_, view_->itemsize, view_->suboffsets}; }
  // Gives up the buffer, which the caller then owns; shape and the like stay readable.
  Py_buffer* release() { return view_.release(); }

 private:
  // If an exporter leaves out strides, even when asked for them (as ctypes does), the memory is
  // row-major.
  void read_geometry() {
    const bool shaped = view_->ndim == 0 || view_->shape;
    const int rank = shaped ? view_->ndim : 1;
    for (int i = 0; i < rank; ++i)
      shape_.push_back(shaped ? view_->shape[i]
                              : view_->len / std::max<Py_ssize_t>(1, view_->itemsize));
    strides_ = contiguous_strides(shape_);
    for (int i = 0; i < rank; ++i)
      strides_[i] =
          view_->strides ? view_->strides[i] : checked_multiply(strides_[i], view_->itemsize);
  }

  std::unique_ptr<Py_buffer, ReleaseBuffer> view_;
  Element element_;
  bool known_ = false;
  Dims shape_, strides_;
};

// Raises the exception for a failed export.
[[noreturn]] void refuse_export(const char* op, PyObject* exporter) {
  fail(ErrorKind::type, op, kSupported, join(type_name(exporter), " of ", dtype_text(exporter)),
       kConvert);
}

// A single date of NumPy's exports its bytes, as numbers of them.
bool is_date(PyObject* exporter) {
  const char* const type = type_name(exporter);
  return !std::strcmp(type, "numpy.datetime64") || !std::strcmp(type, "numpy.timedelta64");
}

void check_dtype(const char* op, PyObject* exporter, const Buffer& buffer) {
  if (!buffer.has_dtype() || is_date(exporter))
    fail(ErrorKind::type, op, kSupported, dtype_text(exporter), kConvert);
}

Tensor copy_of(const Buffer& buffer) {
  const Tensor out = empty(buffer.shape(), buffer.dtype());
  if (out.numel() == 0) return out;
  const char* from = static_cast<const char*>(buffer->buf);
  const StridedMemory memory = buffer.memory();
  if (!buffer.widened()) {
    pack(memory, 0, from, out.data<char>());
    return out;
  }
  std::vector<char> packed(static_cast<size_t>(out.numel() * buffer->itemsize));
  pack(memory, 0, from, packed.data());
  widen_into(out, packed.data(), buffer.widened());
  return out;
}

// Whether it is an ndarray itself, or a memmap, which is one on a file.
bool is_plain_ndarray(PyObject* object) {
  if (!PyObject_CheckBuffer(object) || is_tensor(object)) return false;
  const PyTypeObject* type = Py_TYPE(object);
  if (std::strcmp(type->tp_name, "memmap") == 0) type = type->tp_base;
  return std::strcmp(type->tp_name, "numpy.ndarray") == 0;
}

void release_exporter(void* owner) {
  if (!Py_IsInitialized()) return;  // the process is ending: the memory is not freed
  const WithGil gil;
  ReleaseBuffer()(static_cast<Py_buffer*>(owner));
}

// Why a tensor cannot share the memory; empty if it can.
struct Obstacle {
  const char* expected = nullptr;
  std::string got;
};

Obstacle obstacle_in(const Buffer& buffer) {
  if (buffer->readonly) return {"a writable array", "a read-only one"};
  for (int i = 0; i < buffer.shape().size(); ++i) {
    if (buffer.is_indirect(i)) return {"memory in one piece", "an array of pointers to its rows"};
    if (buffer.strides()[i] < 0)
      return {"an array without negative strides",
              join("strides of ", to_string(buffer.strides()), " bytes")};
    if (buffer.strides()[i] % buffer->itemsize)
      return {"strides of whole elements", "a field of a record array"};
  }
  if (reinterpret_cast<uintptr_t>(buffer->buf) % static_cast<size_t>(buffer->itemsize))
    return {"aligned memory", "an unaligned array"};
  return {};
}

Tensor tensor_on(Buffer buffer) {
  Dims strides = buffer.strides();
  for (int64_t& stride : strides) stride /= buffer->itemsize;
  const auto bytes =
      static_cast<size_t>(checked_multiply(extent(buffer.shape(), strides), buffer->itemsize));
  void* data = buffer->buf;
  Ref<Storage> storage = Storage::borrow(data, bytes, buffer.release(), release_exporter);
  return Tensor(new TensorImpl(std::move(storage), buffer.dtype(), buffer.shape(), strides, 0));
}

// The array itself or, if it exports no buffer, what its __array__ returns.
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
  note_array_read(array);
  const Owned exporter = with_buffer(array);
  Buffer buffer;
  if (!buffer.open(exporter.get(), PyBUF_FULL_RO)) refuse_export(op, exporter.get());
  check_dtype(op, exporter.get(), buffer);
  return copy_of(buffer);
}

bool read_ndarray(PyObject* object, Tensor& x) {
  if (!is_plain_ndarray(object)) return false;
  note_array_read(object);
  Buffer buffer;
  if (!buffer.open(object, PyBUF_FULL_RO) || !buffer.has_dtype()) return false;
  x = copy_of(buffer);
  return true;
}

Tensor share_if_possible(const char* op, PyObject* array) {
  if (!is_array_like(array) || !PyObject_CheckBuffer(array)) return Tensor();
  Buffer buffer;
  // Read-only, or without a buffer: making a copy raises the right error, if there is one.
  if (!buffer.open(array, PyBUF_FULL)) return Tensor();
  check_dtype(op, array, buffer);
  if (buffer.widened()) return Tensor();
  if (const Tensor given = given_view(array); given.defined()) return given;
  return obstacle_in(buffer).expected ? Tensor() : tensor_on(std::move(buffer));
}

Tensor tensor_of_ndarray(PyObject* object) {
  if (std::strcmp(type_name(object), "numpy.ndarray") != 0) return Tensor();
  Buffer buffer;
  if (!buffer.open(object, PyBUF_FULL) || !buffer.has_dtype() || buffer.widened()) return Tensor();
  return obstacle_in(buffer).expected ? Tensor() : tensor_on(std::move(buffer));
}

Tensor share_array(const char* op, PyObject* array) {
  if (!is_array_like(array) || !PyObject_CheckBuffer(array))
    fail(ErrorKind::type, op, "a numpy.ndarray", type_name(array),
         "use steep.tensor(data) for other data");
  Buffer buffer;
  // It may be read-only; then the dtype is checked first.
  if (!buffer.open(array, PyBUF_FULL) && !buffer.open(array, PyBUF_FULL_RO))
    refuse_export(op, array);
  check_dtype(op, array, buffer);
  if (buffer.widened()) return copy_of(buffer);
  const Obstacle obstacle = obstacle_in(buffer);
  if (obstacle.expected) fail(ErrorKind::value, op, obstacle.expected, obstacle.got, kCopy);
  if (const Tensor given = given_view(array); given.defined()) return given;
  return tensor_on(std::move(buffer));
}

}  // namespace steep::bindings
