#include "bindings/python.h"

#include <cxxabi.h>
#include <unistd.h>

#include <new>

namespace steep::bindings {

namespace {
PyObject* exception_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::value:
      return PyExc_ValueError;
    case ErrorKind::type:
      return PyExc_TypeError;
    case ErrorKind::index:
      return PyExc_IndexError;
    case ErrorKind::not_implemented:
      return PyExc_NotImplementedError;
    case ErrorKind::overflow:
      return PyExc_OverflowError;
    case ErrorKind::runtime:
      break;
  }
  return PyExc_RuntimeError;
}

PyObject* out_of_memory = nullptr;
}  // namespace

void stay_for_ever() noexcept {
  for (;;) pause();
}

bool is_being_ended() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  const bool ends = Py_IsFinalizing();
#else
  const bool ends = _Py_IsFinalizing();
#endif
  return ends && !PyGILState_Check();
}

PyThreadState* leave_interpreter() noexcept { return PyEval_SaveThread(); }

void enter_interpreter(PyThreadState* state) noexcept {
  try {
    PyEval_RestoreThread(state);
  } catch (...) {  // not an exception: the thread is being ended
    stay_for_ever();
  }
}

PyGILState_STATE WithGil::take() noexcept {
  if (is_being_ended()) stay_for_ever();  // Python's state of this thread may be gone
  try {
    return PyGILState_Ensure();
  } catch (...) {
    stay_for_ever();
  }
}

void Items::refuse() const {
  raise(PyExc_RuntimeError,
        join(what_, ": expected a sequence that keeps its length while it is read, got ",
             PySequence_Fast_GET_SIZE(sequence_.get()), " items after ", size_,
             "; pass a copy of it, as in list(x)"));
}

void add_exceptions(PyObject* module) {
  const Owned bases(PyTuple_Pack(2, PyExc_RuntimeError, PyExc_MemoryError));
  out_of_memory = checked(PyErr_NewExceptionWithDoc(
      "steep.OutOfMemoryError", "No memory is left for a tensor.", bases.get(), nullptr));
  checked(PyModule_AddObjectRef(module, "OutOfMemoryError", out_of_memory));
}

PyObject* raise_current() noexcept {
  try {
    throw;
#ifdef __GLIBCXX__
  } catch (const abi::__forced_unwind&) {
    stay_for_ever();
#endif
  } catch (const PythonError&) {
    // The error indicator is already set.
  } catch (const Error& error) {
    PyErr_SetString(exception_of(error.kind), error.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(out_of_memory ? out_of_memory : PyExc_MemoryError, "steep: out of memory");
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "steep: an exception of unknown type");
  }
  return nullptr;
}

void raise(PyObject* exception, const std::string& text) {
  PyErr_SetString(exception, text.c_str());
  throw PythonError();
}

const char* utf8(PyObject* text) {
  const char* characters = PyUnicode_AsUTF8(text);
  if (!characters) throw PythonError();
  return characters;
}

PyTypeObject* make_type(PyType_Spec& spec, PyObject* base) {
  PyObject* type = base ? PyType_FromSpecWithBases(&spec, Owned(PyTuple_Pack(1, base)).get())
                        : PyType_FromSpec(&spec);
  return reinterpret_cast<PyTypeObject*>(checked(type));
}

}  // namespace steep::bindings
