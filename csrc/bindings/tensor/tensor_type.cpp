#include "bindings/tensor/tensor_type.h"

#include <new>

#include "bindings/autograd/hooks.h"
#include "bindings/tensor/slots.h"

namespace steep::bindings {

PyTypeObject* tensor_type = nullptr;

namespace {

// A free list of Tensor objects, linked through `weakrefs`. Only of Tensor itself, because a
// subclass has another layout. Guarded by the interpreter lock.
constexpr int kMostFree = 256;
PyObject* free_objects = nullptr;
int free_count = 0;

TensorObject* cast(PyObject* object) { return reinterpret_cast<TensorObject*>(object); }

PyObject* allocate_object() {
  if (!free_objects) return tensor_type->tp_alloc(tensor_type, 0);
  PyObject* object = free_objects;
  free_objects = cast(object)->weakrefs;
  --free_count;
  PyObject_Init(object, tensor_type);
  cast(object)->weakrefs = nullptr;
  PyObject_GC_Track(object);
  return object;
}

void tensor_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  TensorObject* object = cast(self);
  // From here on this object must not be found through the tensor: the callbacks below can run any
  // code.
  if (object->tensor.defined() && object->tensor->python == self) object->tensor->python = nullptr;
  if (object->weakrefs) PyObject_ClearWeakRefs(self);
  object->tensor.~Tensor();
  if (type == tensor_type && free_count < kMostFree) {
    object->weakrefs = free_objects;
    free_objects = self;
    ++free_count;
  } else {
    type->tp_free(self);
  }
  Py_DECREF(type);
}

// Hooks may be shown to the collector only while no graph holds the tensor: only then does the
// Python object own them.
int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return visit_hooks(cast(self)->tensor, visit, arg);
}

int tensor_clear(PyObject* self) {
  drop_hooks(cast(self)->tensor);
  return 0;
}

Py_hash_t tensor_hash(PyObject* self) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(self) >> 4);
}

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

constexpr char kDoc[] =
    "A multi-dimensional array of one dtype, which can record what is done to it.\n\n"
    "``Tensor(data)`` makes one of the default floating dtype from a (nested) sequence, "
    "``Tensor(2, 3)``\n"
    "an uninitialised one of that shape; prefer `steep.tensor` and `steep.empty`.\n\n"
    "Example:\n"
    "    >>> import steep\n"
    "    >>> steep.Tensor([[1, 2], [3, 4]]).sum(dim=0)\n"
    "    tensor([4., 6.])\n";

}  // namespace

PyObject* wrap_as(PyTypeObject* type, Tensor tensor) {
  PyObject* object = type == tensor_type ? allocate_object() : type->tp_alloc(type, 0);
  if (!object) throw PythonError();
  tensor->python = object;
  new (&cast(object)->tensor) Tensor(std::move(tensor));
  return object;
}

PyObject* wrap(Tensor tensor) {
  if (!tensor.defined()) Py_RETURN_NONE;
  PyObject* known = static_cast<PyObject*>(tensor->python);
  if (known && take_unless_dying(known)) return known;
  return wrap_as(tensor_type, std::move(tensor));
}

void add_tensor_type(PyObject* module) {
  std::vector<PyType_Slot> slots = {
      {Py_tp_doc, const_cast<char*>(kDoc)},
      {Py_tp_new, slot(tensor_new)},
      {Py_tp_dealloc, slot(tensor_dealloc)},
      {Py_tp_traverse, slot(tensor_traverse)},
      {Py_tp_clear, slot(tensor_clear)},
      {Py_tp_hash, slot(tensor_hash)},
      {Py_tp_members, members},
      {Py_tp_methods, tensor_methods()},
      {Py_tp_getset, tensor_attributes()},
  };
  add_number_slots(slots);
  add_index_slots(slots);
  add_buffer_slots(slots);
  add_text_slots(slots);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"steep.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)));
}

}  // namespace steep::bindings
