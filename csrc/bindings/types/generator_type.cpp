// steep.Generator: a heap type of our own, so that however one is made, Python never sees one
// without a generator in it.
#include <algorithm>
#include <memory>

#include "bindings/calls/arguments.h"
#include "bindings/calls/convert.h"
#include "bindings/host/runtime.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "program/record/recorder.h"

namespace steep::bindings {

namespace {

struct GeneratorObject {
  PyObject_HEAD
  PyObject* weakrefs;
  // Shared with the programs that draw from it. The process's own generator is not shared.
  std::shared_ptr<Generator> generator;
};

PyTypeObject* generator_type = nullptr;

GeneratorObject* cast(PyObject* object) { return reinterpret_cast<GeneratorObject*>(object); }
Generator& own(PyObject* self) { return *cast(self)->generator; }

// torch also takes negative seeds, by their 64 bits.
uint64_t read_seed(PyObject* seed) {
  const Owned number(PyNumber_Index(seed));
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (!overflow) return static_cast<uint64_t>(value);
  const uint64_t large = PyLong_AsUnsignedLongLong(number.get());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::runtime, "manual_seed", "a seed within 64 bits", digits_of(number.get()),
         "take it modulo 2**64");
  }
  return large;
}

PyObject* generator_object(PyTypeObject* type, std::shared_ptr<Generator> generator) {
  PyObject* const object = checked(type->tp_alloc(type, 0));
  new (&cast(object)->generator) std::shared_ptr<Generator>(std::move(generator));
  return object;
}

PyObject* generator_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"device", nullptr};
    PyObject* device = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:Generator", const_cast<char**>(names),
                                     &device))
      return nullptr;
    check_device("Generator", device);
    return generator_object(type, std::make_shared<Generator>());
  });
}

void generator_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (cast(self)->weakrefs) PyObject_ClearWeakRefs(self);
  cast(self)->generator.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

void note_state_read(const char* how) {
  if (program::Recorder::active())
    program::refuse_recording(
        join("it reads the state of a random generator (", how, "); read it outside"));
}

PyObject* seeded(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"Generator.manual_seed", 1, 1, {"seed"}};
    const Arguments arguments(kNames, args, count, keywords);
    seed_from(own(self), arguments[0]);
    return new_reference(self);
  });
}

PyObject* reseeded(PyObject* self, PyObject*) {
  return guarded([&] { return seed_anew(own(self)); });
}

PyObject* initial_seed(PyObject* self, PyObject*) {
  return guarded([&] {
    note_state_read("initial_seed");
    return PyLong_FromUnsignedLongLong(own(self).initial_seed());
  });
}

PyObject* get_state(PyObject* self, PyObject*) {
  return guarded([&] {
    note_state_read("get_state");
    return state_of(own(self));
  });
}

PyObject* put_state(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"Generator.set_state", 1, 1, {"new_state"}};
    const Arguments arguments(kNames, args, count, keywords);
    set_state("Generator.set_state", own(self), arguments[0]);
    return new_reference(self);
  });
}

// Made by the type's own tp_new, without __init__, whose arguments in a subclass are not known.
PyObject* clone_state(PyObject* self, PyObject*) {
  return guarded([&] {
    note_state_read("clone_state");
    const Owned nothing(PyTuple_New(0));
    Owned copy(generator_new(generator_type, nothing.get(), nullptr));
    const std::vector<uint8_t> bytes = own(self).get_state();
    own(copy.get()).set_state(bytes.data(), bytes.size());
    return copy.release();
  });
}

// For copy, deepcopy and pickle: a new one of the class, then __setstate__((state, attributes)).
PyObject* reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    note_state_read("a copy of a Generator");
    const Owned module(PyImport_ImportModule("copyreg"));
    const Owned make(PyObject_GetAttrString(module.get(), "__newobj__"));
    const Owned state(state_of(own(self)));
    PyObject* attributes = PyObject_GetAttrString(self, "__dict__");  // a subclass may have one
    if (!attributes) {
      if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
      PyErr_Clear();
      attributes = new_reference(Py_None);
    }
    return Py_BuildValue("O(O)(ON)", make.get(), Py_TYPE(self), state.get(), attributes);
  });
}

PyObject* restore(PyObject* self, PyObject* state) {
  return guarded([&]() -> PyObject* {
    PyObject *bytes, *attributes;
    if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) != 2)
      raise(PyExc_TypeError,
            join("Generator.__setstate__: expected (state, attributes), got ", type_name(state)));
    bytes = PyTuple_GET_ITEM(state, 0);
    attributes = PyTuple_GET_ITEM(state, 1);
    set_state("Generator.__setstate__", own(self), bytes);
    if (attributes != Py_None) {
      const Owned names(PyObject_GetAttrString(self, "__dict__"));
      checked(PyDict_Update(names.get(), attributes));
    }
    Py_RETURN_NONE;
  });
}

PyObject* device(PyObject*, void*) { return cpu_device(); }

PyMethodDef methods[] = {
    {"manual_seed", as_method(seeded), METH_FASTCALL | METH_KEYWORDS,
     "manual_seed(seed): starts the stream of that seed. Returns the generator."},
    {"seed", reseeded, METH_NOARGS,
     "Starts a stream that the operating system chooses. Returns its seed."},
    {"initial_seed", initial_seed, METH_NOARGS, "The seed of the stream."},
    {"get_state", get_state, METH_NOARGS, "The state, as a uint8 Tensor."},
    {"set_state", as_method(put_state), METH_FASTCALL | METH_KEYWORDS,
     "set_state(new_state): goes on from a state of get_state(). Returns the generator."},
    {"clone_state", clone_state, METH_NOARGS, "Another generator in the same state."},
    {"__reduce__", reduce, METH_NOARGS, "Copied and pickled with its state."},
    {"__setstate__", restore, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {{"device", device, nullptr, "Always the CPU.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(GeneratorObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

constexpr char kDoc[] = R"(A stream of random numbers, the same as that of PyTorch's CPU generator.

Copies and pickles of one go on from its state, each for itself.

Args:
    device: None or 'cpu'.

Example:
    >>> import steep
    >>> generator = steep.Generator().manual_seed(7)
    >>> steep.randint(10, (3,), generator=generator)
    tensor([5, 2, 1]))";

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(kDoc)},
                       {Py_tp_new, slot(generator_new)},
                       {Py_tp_dealloc, slot(generator_dealloc)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_members, members},
                       {0, nullptr}};
PyType_Spec spec = {"steep.Generator", sizeof(GeneratorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

void seed_from(Generator& generator, PyObject* seed) {
  program::refuse_recording("it seeds a random generator (manual_seed); do so before the call");
  generator.manual_seed(read_seed(seed));
}

PyObject* seed_anew(Generator& generator) {
  program::refuse_recording("it seeds a random generator (seed); do so before the call");
  return PyLong_FromUnsignedLongLong(generator.seed());
}

PyObject* state_of(Generator& generator) {
  const std::vector<uint8_t> bytes = generator.get_state();
  const Tensor state = empty({static_cast<int64_t>(bytes.size())}, DType::uint8);
  std::copy(bytes.begin(), bytes.end(), state.data<uint8_t>());
  return wrap(state);
}

void set_state(const char* op, Generator& generator, PyObject* state) {
  program::refuse_recording("it sets the state of a random generator; do so before the call");
  if (!is_tensor(state)) fail(ErrorKind::type, op, "a uint8 Tensor", type_name(state));
  const Tensor& bytes = tensor_of(state);
  if (bytes.dtype() != DType::uint8 || bytes.dim() != 1 || !bytes.is_contiguous())
    fail(ErrorKind::type, op, "a contiguous uint8 Tensor of one dimension",
         join(name(bytes.dtype()), " of shape ", to_string(bytes.shape())));
  generator.set_state(bytes.data<uint8_t>(), static_cast<size_t>(bytes.numel()));
}

Generator* generator_of(PyObject* object) {
  return PyObject_TypeCheck(object, generator_type) ? cast(object)->generator.get() : nullptr;
}

PyObject* generator_of_python(const std::shared_ptr<Generator>& generator) {
  return generator_object(generator_type, generator);
}

void add_generator_type(PyObject* module) {
  generator_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(generator_type)));
  const Owned standard(generator_object(
      generator_type, std::shared_ptr<Generator>(&default_generator(), [](Generator*) {})));
  checked(PyModule_AddObjectRef(module, "default_generator", standard.get()));
}

}  // namespace steep::bindings
