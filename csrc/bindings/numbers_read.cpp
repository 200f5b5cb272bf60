#include "bindings/numbers_read.h"

#include "bindings/tensor_type.h"
#include "ops/ops.h"
#include "program/recorder.h"

namespace steep::bindings {

namespace {

thread_local NumbersRead* t_numbers = nullptr;
PyTypeObject* number_type = nullptr;

// Its methods are steep's Python side's. Made here, for a class of Python's own would add a header
// for the collector: as it is, its instances lie in memory as floats do.
PyTypeObject* make_number_type() {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A float any use of which a recording notes.")}, {0, nullptr}};
  static PyType_Spec spec = {"steep.compiler.NumberRead", sizeof(PyFloatObject), 0,
                             Py_TPFLAGS_DEFAULT, slots};
  const Owned bases(PyTuple_Pack(1, reinterpret_cast<PyObject*>(&PyFloat_Type)));
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpecWithBases(&spec, bases.get())));
}

void make_plain(PyObject* item) {
  if (Py_TYPE(item) != number_type) return;
  Py_SET_TYPE(item, &PyFloat_Type);
  Py_DECREF(number_type);
}

PyObject* are_there(PyObject*, PyObject*) { return PyBool_FromLong(has_numbers_read()); }

// For code that asks for the very class of what it is given.
PyObject* make_numbers_plain(PyObject*, PyObject*) {
  if (t_numbers) t_numbers->stop();
  if (has_numbers_read()) program::note_host_read("item");
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"make_numbers_plain", make_numbers_plain, METH_NOARGS,
     "From now on item() makes plain floats in the recording that is going on."},
    {"has_numbers_read", are_there, METH_NOARGS,
     "Whether item() has made a number in the recording that is going on."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

NumbersRead::NumbersRead() : list_(PyList_New(0)), before_(std::exchange(t_numbers, this)) {}

NumbersRead::~NumbersRead() {
  t_numbers = before_;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list()); ++i)
    make_plain(PyTuple_GET_ITEM(PyList_GET_ITEM(list(), i), 0));
}

bool has_numbers_read() { return t_numbers && PyList_GET_SIZE(t_numbers->list()) > 0; }

PyObject* new_number_read(const Tensor& x) {
  const program::Recorder* const recorder = program::Recorder::active();
  if (!t_numbers || t_numbers->stopped() || !recorder || !number_type || x.numel() != 1 ||
      !is_floating(x.dtype()) || x->storage->epoch() != recorder->epoch())
    return nullptr;
  const Owned value(PyFloat_FromDouble(ops::only_element(x).to_double()));
  const Owned arguments(PyTuple_Pack(1, value.get()));
  Owned item(PyFloat_Type.tp_new(number_type, arguments.get(), nullptr));
  const Owned source(wrap(alias(x)));
  const Owned version(PyLong_FromUnsignedLong(x->storage->version()));
  const Owned known(PyTuple_Pack(3, item.get(), source.get(), version.get()));
  checked(PyList_Append(t_numbers->list(), known.get()));
  return item.release();
}

bool is_python_float(PyObject* object) {
  return PyFloat_CheckExact(object) || Py_TYPE(object) == number_type;
}

void note_if_number_read(PyObject* object) {
  if (number_type && Py_TYPE(object) == number_type) program::note_host_read("item");
}

void add_numbers_read(PyObject* module) {
  number_type = make_number_type();  // for the life of the process
  checked(PyModule_AddObjectRef(module, "NumberRead", reinterpret_cast<PyObject*>(number_type)));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
