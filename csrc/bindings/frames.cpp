// _core.follow: a call during which someone is told which functions begin, what they return, and
// which functions of C they call. Of code that is not wanted each event costs a look into a table.
#include "bindings/frames.h"

#include <frameobject.h>

#include <unordered_map>
#include <vector>

#include "bindings/tensor_type.h"

namespace steep::bindings {

namespace {

// What is told, to methods of an object of Python's:
//   wants(code): whether anything of this code is to be told; asked once for each.
//   entered(frame): code that is wanted begins, or goes on after a yield.
//   returned(frame, value): something that is no plain value comes back to wanted code.
//   called(function): wanted code calls a function of C; told once for each kind of function.
struct Follower {
  explicit Follower(PyObject* listener) : listener(listener) {}

  PyObject* listener;  // borrowed: it lives as long as the call
  std::unordered_map<PyCodeObject*, bool> wanted;
  std::unordered_map<const PyMethodDef*, bool> told;
  std::vector<Owned> codes;  // held, so that none takes another's address
  bool failed = false;

  bool wants(PyCodeObject* code) {
    const auto known = wanted.find(code);
    if (known != wanted.end()) return known->second;
    PyObject* const object = reinterpret_cast<PyObject*>(code);
    const Owned answer(PyObject_CallMethod(listener, "wants", "O", object));
    const int truth = PyObject_IsTrue(answer.get());
    checked(truth);
    codes.push_back(Owned::borrow(object));
    return wanted[code] = truth == 1;
  }
};

Owned code_of(PyFrameObject* frame) {
  return Owned(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
}

bool wants(Follower& follower, PyFrameObject* frame) {
  return follower.wants(reinterpret_cast<PyCodeObject*>(code_of(frame).get()));
}

// What has nothing in it to be read.
bool is_plain(PyObject* value) {
  return value == Py_None || PyBool_Check(value) || PyLong_CheckExact(value) ||
         PyFloat_CheckExact(value) || PyUnicode_CheckExact(value) || is_tensor(value);
}

void tell_return(Follower& follower, PyFrameObject* frame, PyObject* value) {
  if (!value || is_plain(value)) return;
  PyFrameObject* const back = PyFrame_GetBack(frame);
  if (!back) return;
  const Owned caller(reinterpret_cast<PyObject*>(back));
  if (!wants(follower, back)) return;
  const Owned ignored(
      PyObject_CallMethod(follower.listener, "returned", "OO", caller.get(), value));
}

void tell_call(Follower& follower, PyFrameObject* frame, PyObject* function) {
  if (!PyCFunction_Check(function)) return;
  const PyMethodDef* const kind = reinterpret_cast<PyCFunctionObject*>(function)->m_ml;
  if (follower.told.count(kind) || !wants(follower, frame)) return;
  follower.told[kind] = true;
  const Owned ignored(PyObject_CallMethod(follower.listener, "called", "OO",
                                          reinterpret_cast<PyObject*>(frame), function));
}

void tell(Follower& follower, PyFrameObject* frame, int what, PyObject* value) {
  if (what == PyTrace_RETURN) return tell_return(follower, frame, value);
  if (what == PyTrace_C_CALL) return tell_call(follower, frame, value);
  if (what != PyTrace_CALL || !wants(follower, frame)) return;
  const Owned ignored(
      PyObject_CallMethod(follower.listener, "entered", "O", reinterpret_cast<PyObject*>(frame)));
}

// The interpreter calls it. An error of the listener's is its own: the function goes on.
int on_event(PyObject* capsule, PyFrameObject* frame, int what, PyObject* value) {
  auto& follower = *static_cast<Follower*>(PyCapsule_GetPointer(capsule, nullptr));
  if (follower.failed) return 0;
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  try {
    tell(follower, frame, what, value);
  } catch (const PythonError&) {
    PyErr_Clear();
    follower.failed = true;
  } catch (const std::bad_alloc&) {
    follower.failed = true;
  }
  PyErr_Restore(type, error, trace);
  return 0;
}

class Following {
 public:
  explicit Following(PyObject* capsule) { PyEval_SetProfile(on_event, capsule); }
  ~Following() { PyEval_SetProfile(nullptr, nullptr); }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;
};

// follow(listener, function, args, kwargs): (result, whether the listener was told all).
PyObject* follow(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 4 || !PyTuple_Check(args[2]) || !PyDict_Check(args[3]))
      raise(PyExc_TypeError, "follow: expected (listener, function, tuple, dict)");
    Follower follower(args[0]);
    const Owned capsule(PyCapsule_New(&follower, nullptr, nullptr));
    Owned result;
    {
      const Following on(capsule.get());
      result = Owned(PyObject_Call(args[1], args[2], args[3]));
    }
    return PyTuple_Pack(2, result.get(), follower.failed ? Py_False : Py_True);
  });
}

PyMethodDef functions[] = {
    {"follow", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(follow)), METH_FASTCALL,
     "Calls function(*args, **kwargs) while a listener is told which code runs."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_frames(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
