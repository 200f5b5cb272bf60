// What every file of the bindings needs from CPython: owned references, and exceptions that pass
// both ways.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <utility>

#include "tensor/error.h"

namespace steep::bindings {

// Thrown when the interpreter's error indicator is already set.
struct PythonError {};

// A daemon thread that asks for the interpreter lock while the interpreter ends does not get it.
// CPython ends such a thread by unwinding its stack, which C++ does not survive: destructors would
// touch Python without the lock, and noexcept functions would end the process. Code that catches
// the unwinding blocks the thread here instead, until the process has ended.
[[noreturn]] void stay_for_ever() noexcept;
// Whether this thread is being unwound in this way, or would be if it asked for the lock.
bool is_being_ended() noexcept;

// As long as it exists, no Python exception is set; afterwards the one that was set before is set
// again.
class WithoutError {
 public:
  WithoutError() { PyErr_Fetch(&type_, &value_, &trace_); }
  ~WithoutError() {
    if (!replaced_) {
      PyErr_Restore(type_, value_, trace_);
      return;
    }
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(trace_);
  }
  WithoutError(const WithoutError&) = delete;
  WithoutError& operator=(const WithoutError&) = delete;

  // Keeps an exception that was raised meanwhile.
  void replace() { replaced_ = true; }

 private:
  PyObject *type_, *value_, *trace_;
  bool replaced_ = false;
};

// Turns the C++ exception being handled into a Python exception. Always returns null.
PyObject* raise_current() noexcept;

// Runs the body of a slot or method; C++ exceptions become Python exceptions.
template <class Body>
PyObject* guarded(Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return raise_current();
  }
}
// The same for slots that return a number, where -1 means an error.
template <class Body>
auto guarded_number(Body&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    raise_current();
    return -1;
  }
}

// steep.OutOfMemoryError, which is both a RuntimeError, like PyTorch's, and a MemoryError, like
// Python's.
void add_exceptions(PyObject* module);

// Runs the body of a function that pybind11 calls. A thread that is being unwound stays here, for
// pybind11's frames would drop their references next, without the lock; what the body holds itself
// it holds as Owned.
template <class Body>
auto kept_from_unwinding(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    if (is_being_ended()) stay_for_ever();
    throw;
  }
}

// Raises a Python exception.
[[noreturn]] void raise(PyObject* exception, const std::string& text);

// Throws PythonError where a call of the C API has failed.
inline PyObject* checked(PyObject* object) {
  if (!object) throw PythonError();
  return object;
}
inline void checked(int result) {
  if (result < 0) throw PythonError();
}

// One reference to a Python object.
class Owned {
 public:
  Owned() = default;
  // Takes over a new reference; null means that the call which should have made it has failed.
  explicit Owned(PyObject* object) : object_(checked(object)) {}
  static Owned borrow(PyObject* object) {
    Py_INCREF(object);
    return Owned(object);
  }
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owned() {
    if (!object_) return;
    if (is_being_ended()) stay_for_ever();
    Py_DECREF(object_);
  }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// Adds a reference to an object that is known weakly, unless it is being deallocated.
inline bool take_unless_dying(PyObject* object) {
#if PY_VERSION_HEX >= 0x030E0000
  return PyUnstable_TryIncRef(object) != 0;
#else
  if (Py_REFCNT(object) == 0) return false;  // what that function does, in earlier versions
  Py_INCREF(object);
  return true;
#endif
}

// The items of a list, a tuple or another sequence, for a loop in which Python code may run: holds
// each item while it is looked at, and throws if the length of the sequence changes.
class Items {
 public:
  // `what` is named in messages: the operation, or the argument.
  Items(const char* what, PyObject* sequence)
      : what_(what),
        sequence_(PySequence_Fast(sequence, "expected a sequence")),
        size_(PySequence_Fast_GET_SIZE(sequence_.get())) {}

  Py_ssize_t size() const { return size_; }
  Owned operator[](Py_ssize_t i) const {
    if (PySequence_Fast_GET_SIZE(sequence_.get()) != size_) refuse();
    return Owned::borrow(PySequence_Fast_GET_ITEM(sequence_.get(), i));
  }

 private:
  [[noreturn]] void refuse() const;

  const char* what_;
  Owned sequence_;
  Py_ssize_t size_;
};

// Gives the interpreter lock up, and takes it again.
PyThreadState* leave_interpreter() noexcept;
void enter_interpreter(PyThreadState* state) noexcept;

// Holds the interpreter lock, on any thread.
class WithGil {
 public:
  WithGil() : state_(take()) {}
  ~WithGil() {
    if (is_being_ended()) stay_for_ever();
    PyGILState_Release(state_);
  }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  static PyGILState_STATE take() noexcept;

  PyGILState_STATE state_;
};

inline PyObject* new_reference(PyObject* object) {
  Py_INCREF(object);
  return object;
}

inline const char* type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

// The UTF-8 of a str; throws if the object is not one.
const char* utf8(PyObject* text);

// Makes a heap type of `spec` (over `base`, if any) that lives as long as the process.
PyTypeObject* make_type(PyType_Spec& spec, PyObject* base = nullptr);

// For METH_FASTCALL, with METH_KEYWORDS or without.
using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
using FastCallByPlace = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
inline PyCFunction as_method(FastCall function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}
inline PyCFunction as_method(FastCallByPlace function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}
template <class Function>
void* slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace steep::bindings
