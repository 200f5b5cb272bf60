#include "bindings/tensor/dlpack.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bindings/calls/arguments.h"
#include "bindings/tensor/dlpack_abi.h"
#include "bindings/tensor/strided.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/tensor/widen.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"
#include "tensor/sizes.h"

namespace steep::bindings {

namespace {

using namespace dlpack;

// ---- to others ----

ElementType type_of(DType dtype) {
  return visit(dtype, [](auto type) {
    const Code code = type.kind == NumberKind::boolean ? kBool
                      : type.is_floating               ? kFloat
                      : type.is_signed                 ? kInt
                                                       : kUInt;
    return ElementType{code, static_cast<uint8_t>(8 * type.size), 1};
  });
}

// What a capsule refers to. It holds the memory rather than the tensor, which may be given other
// memory (.data = ...) or end before the capsule does.
template <class M>
struct Handed {
  explicit Handed(const Tensor& x) : storage(x->storage), shape(x.shape()), strides(x.strides()) {
    // What nothing steps along may be any number, and readers look for that of whole rows.
    const Dims whole = contiguous_strides(shape);
    for (int i = 0; i < shape.size(); ++i)
      if (shape[i] < 2 || x.numel() == 0) strides[i] = whole[i];
    managed.array = {x.data<void>(), {kCpu, 0},      x.dim(), type_of(x.dtype()),
                     shape.data(),   strides.data(), 0};
    managed.owner = this;
    // Whoever is done calls it, on any thread and without the interpreter.
    managed.deleter = [](M* self) { delete static_cast<Handed*>(self->owner); };
  }
  M managed{};
  Ref<Storage> storage;
  Dims shape, strides;
};

// Of a capsule that nobody has taken anything from.
template <class M>
void drop_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, Names<M>::kFull)) return;
  M* const managed = static_cast<M*>(PyCapsule_GetPointer(capsule, Names<M>::kFull));
  if (managed->deleter) managed->deleter(managed);
}

template <class M>
PyObject* capsule_of(std::unique_ptr<Handed<M>> handed) {
  PyObject* const capsule =
      checked(PyCapsule_New(&handed->managed, Names<M>::kFull, drop_capsule<M>));
  handed.release();
  return capsule;
}

// Whether a pair of ints given for an argument begins with `first`; refuses what is no such pair.
int64_t first_of_pair(const char* name, PyObject* pair) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2)
    fail(ErrorKind::type, "__dlpack__", join(name, " as a tuple of two ints"), type_name(pair));
  const long long first = PyLong_AsLongLong(PyTuple_GET_ITEM(pair, 0));
  if (first == -1 && PyErr_Occurred()) throw PythonError();
  return first;
}

void check_target(const Arguments& arguments) {
  if (arguments.given(0) && arguments.integer(0, -1) != -1)
    raise(PyExc_BufferError,
          "Tensor.__dlpack__: expected stream=None, because memory of the CPU has no streams");
  if (arguments.given(2) && first_of_pair("dl_device", arguments[2]) != kCpu)
    raise(PyExc_BufferError,
          "Tensor.__dlpack__: expected dl_device=(1, 0), the CPU, which is the only device");
}

// ---- from others ----

// Calls the deleter when the last tensor is gone.
template <class M>
void release_managed(void* owner) {
  if (!Py_IsInitialized()) return;  // the process is ending: the memory is not freed
  const WithGil gil;                // deleters of other libraries may touch Python's objects
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);  // of what is being refused
  M* const managed = static_cast<M*>(owner);
  if (managed->deleter) managed->deleter(managed);
  PyErr_Restore(type, value, traceback);
}

template <class M>
struct Release {
  void operator()(M* managed) const { release_managed<M>(managed); }
};

uint64_t flags_of(const Managed&) { return 0; }
uint64_t flags_of(const ManagedVersioned& managed) {
  if (managed.version.major != 1)
    raise(PyExc_BufferError, join("from_dlpack: expected version 1 of DLPack, got ",
                                  managed.version.major, ".", managed.version.minor));
  return managed.flags;
}

std::string text_of(const ElementType& type) {
  const char* const kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  const std::string kind =
      type.code < std::size(kinds) ? kinds[type.code] : join("type ", int{type.code}, " of ");
  return join(kind, int{type.bits}, type.lanes == 1 ? "" : join(" in lanes of ", type.lanes));
}

Element element_of(const ElementType& type) {
  char letter = '\0';
  if (type.code == kFloat) letter = type.bits == 16 ? 'e' : type.bits == 32 ? 'f' : 'd';
  if (type.code == kInt) letter = type.bits == 8 ? 'b' : type.bits == 16 ? 'h' : 'q';
  if (type.code == kUInt) letter = type.bits == 8 ? 'B' : 'H';
  if (type.code == kBool) letter = '?';
  Element element;
  if (type.lanes != 1 || !letter || type.bits % 8 || !read_element(letter, type.bits / 8, element))
    fail(ErrorKind::type, "from_dlpack",
         "elements of float16, float32, float64, int8, int16, int32, int64, uint8, uint16 or bool",
         text_of(type), "convert them first, to float32 say");
  return element;
}

// What a capsule describes, checked.
struct Given {
  explicit Given(const Array& array) : element(element_of(array.type)), item(array.type.bits / 8) {
    if (array.device.kind != kCpu)
      raise(PyExc_BufferError,
            join("from_dlpack: expected memory of the CPU, which is device (1, 0), got (",
                 array.device.kind, ", ", array.device.number, "); move it there first"));
    if (array.dims < 0 || (array.dims > 0 && !array.shape))
      fail(ErrorKind::value, "from_dlpack", "a shape", join(array.dims, " dimensions"));
    for (int i = 0; i < array.dims; ++i) shape.push_back(array.shape[i]);
    numel = count(shape);
    strides = contiguous_strides(shape);
    for (int i = 0; i < array.dims; ++i) {
      if (array.strides && numel > 0) strides[i] = shape[i] > 1 ? array.strides[i] : 1;
      bytes.push_back(checked_multiply(strides[i], item));
    }
    if (numel > 0 && !array.data) fail(ErrorKind::value, "from_dlpack", "memory", "none");
    data = static_cast<char*>(array.data) + array.byte_offset;
  }

  // Why a tensor cannot share the memory; null if it can.
  const char* obstacle(uint64_t flags) const {
    if (flags & kReadOnly) return "read-only memory";
    if (element.widened) return "elements of a dtype that tensors do not have";
    if (reinterpret_cast<uintptr_t>(data) % static_cast<size_t>(item)) return "unaligned memory";
    for (const int64_t stride : strides)
      if (stride < 0) return "negative strides";
    return nullptr;
  }

  Tensor copy() const {
    const Tensor out = empty(shape, element.dtype);
    if (numel == 0) return out;
    const StridedMemory memory{shape, bytes, item};
    if (!element.widened) {
      pack(memory, 0, data, out.data<char>());
      return out;
    }
    std::vector<char> packed(static_cast<size_t>(numel * item));
    pack(memory, 0, data, packed.data());
    widen_into(out, packed.data(), element.widened);
    return out;
  }

  Element element;
  int64_t item, numel = 0;
  Dims shape, strides, bytes;
  char* data = nullptr;
};

// `copy`: None shares the memory where that is possible, True never, False always.
template <class M>
Tensor take(PyObject* capsule, PyObject* copy) {
  M* const managed = static_cast<M*>(PyCapsule_GetPointer(capsule, Names<M>::kFull));
  checked(PyCapsule_SetName(capsule, Names<M>::kEmpty));
  std::unique_ptr<M, Release<M>> owner(managed);  // from here on it is ours to release
  const uint64_t flags = flags_of(*managed);
  const Given given(managed->array);
  const char* const obstacle = given.obstacle(flags);
  if (obstacle && copy == Py_False)
    raise(PyExc_BufferError, join("from_dlpack: expected memory that a tensor can share, got ",
                                  obstacle, "; leave out copy=False for a copy of it"));
  const bool wished = copy == Py_True && !(flags & kCopied);
  if (obstacle || wished || given.numel == 0) return given.copy();
  const auto bytes =
      static_cast<size_t>(checked_multiply(extent(given.shape, given.strides), given.item));
  Ref<Storage> storage = Storage::borrow(given.data, bytes, owner.release(), release_managed<M>);
  return Tensor(
      new TensorImpl(std::move(storage), given.element.dtype, given.shape, given.strides, 0));
}

// take_capsule(capsule, copy)
PyObject* take_capsule(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "take_capsule: expected (capsule, copy)");
    program::note_host_read("from_dlpack");
    if (PyCapsule_IsValid(args[0], Names<ManagedVersioned>::kFull))
      return wrap(take<ManagedVersioned>(args[0], args[1]));
    if (PyCapsule_IsValid(args[0], Names<Managed>::kFull))
      return wrap(take<Managed>(args[0], args[1]));
    if (PyCapsule_CheckExact(args[0]))
      fail(ErrorKind::value, "from_dlpack", "a DLPack capsule that was not taken before",
           join("one named ", PyCapsule_GetName(args[0]) ? PyCapsule_GetName(args[0]) : "nothing"));
    fail(ErrorKind::type, "from_dlpack", "a DLPack capsule", type_name(args[0]));
  });
}

PyMethodDef functions[] = {
    {"take_capsule", as_method(take_capsule), METH_FASTCALL,
     "take_capsule(capsule, copy): the tensor on the memory of a DLPack capsule."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* tensor_dlpack(PyObject* self, PyObject* const* args, Py_ssize_t count,
                        PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {
        "__dlpack__", 0, 0, {"stream", "max_version", "dl_device", "copy"}};
    const Arguments arguments(kNames, args, count, keywords);
    check_target(arguments);
    Tensor x = tensor_of(self);
    if (tape::requires_grad(x))
      raise(PyExc_BufferError,
            "Tensor.__dlpack__: cannot hand out the memory of a tensor that requires grad; use "
            ".detach() first");
    program::note_host_read("__dlpack__");
    const bool copied = arguments.flag(3, false);
    if (copied) x = ops::clone(x);
    if (!arguments.given(1) || first_of_pair("max_version", arguments[1]) < 1)
      return capsule_of(std::make_unique<Handed<Managed>>(x));
    auto handed = std::make_unique<Handed<ManagedVersioned>>(x);
    handed->managed.version = {1, 0};
    handed->managed.flags = copied ? uint64_t{kCopied} : 0;
    return capsule_of(std::move(handed));
  });
}

PyObject* tensor_dlpack_device(PyObject*, PyObject*) { return Py_BuildValue("(ii)", kCpu, 0); }

void add_dlpack(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
