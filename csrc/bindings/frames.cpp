// _core.follow: a call during which someone is told which functions begin, what they return, which
// functions of C they call, and which hooks are called. Of code that is not wanted each event costs
// a look into a table.
#include "bindings/frames.h"

#include <frameobject.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bindings/tensor_type.h"
#include "program/recorder.h"

namespace steep::bindings {

namespace {

// What is told, to methods of an object of Python's:
//   wants(code): whether anything of this code is to be told; asked once for each.
//   entered(frame): code that is wanted begins, or goes on after a yield.
//   returned(frame, value): something that is no plain value comes back to wanted code.
//   called(frame, function): wanted code calls a function of C; told once for each kind of it.
//   hooked(callable, number): see note_hook.
//   only_returns(frame): asked, not told; see below.
struct Follower {
  explicit Follower(PyObject* listener) : listener(listener) {}

  PyObject* listener;  // borrowed: it lives as long as the call
  std::unordered_map<PyCodeObject*, bool> wanted;
  std::unordered_map<const PyMethodDef*, bool> told;
  std::vector<Owned> codes;  // held, so that none takes another's address
  std::string failure;       // what went wrong in the listener; nothing is told any more
  bool done = false;
  bool busy = false;  // telling; what the listener itself does is no one's business

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

thread_local Follower* t_follower = nullptr;  // of the thread's recording

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

// What the listener has raised, as text; empty, and still raised, where it is no Exception, such as an
// interrupt, which is for the function.
std::string text_of_error() {
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return "";
  const bool memory = PyErr_ExceptionMatches(PyExc_MemoryError);
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyObject* const text = memory || !error ? nullptr : PyObject_Str(error);
  const char* const characters = text ? PyUnicode_AsUTF8(text) : nullptr;
  const std::string found = characters ? characters : "out of memory";
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  PyErr_Clear();
  return found.empty() ? "an error without words" : found;
}

// An error of the listener's is its own: the function goes on. False, with an exception set, where
// it is interrupted.
template <class Telling>
bool told(Follower& follower, const Telling& telling) {
  if (follower.done || follower.busy || !follower.failure.empty()) return true;
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  follower.busy = true;
  try {
    telling();
  } catch (const PythonError&) {
    follower.failure = text_of_error();
    if (PyErr_Occurred()) {
      follower.failure = "interrupted";
      Py_XDECREF(type);
      Py_XDECREF(error);
      Py_XDECREF(trace);
      return false;
    }
  } catch (const std::bad_alloc&) {
    follower.failure = "out of memory";
  }
  follower.busy = false;
  PyErr_Restore(type, error, trace);
  return true;
}

// The interpreter calls it.
int on_event(PyObject* capsule, PyFrameObject* frame, int what, PyObject* value) {
  auto& follower = *static_cast<Follower*>(PyCapsule_GetPointer(capsule, nullptr));
  return told(follower, [&] { tell(follower, frame, what, value); }) ? 0 : -1;
}

// On while it lives, unless someone else is told already; whoever takes its place keeps it.
class Following {
 public:
  Following(PyObject* capsule, Follower& follower) : follower_(follower) {
    if (PyThreadState_Get()->c_profilefunc) {
      follower_.failure = "a profiler is set";
      return;
    }
    PyEval_SetProfile(on_event, capsule);
    ours_ = is_ours();
    if (!ours_) follower_.failure = "a profiler was refused";
    before_ = std::exchange(t_follower, &follower_);
  }
  ~Following() {
    if (t_follower == &follower_) t_follower = before_;
    if (is_being_ended()) stay_for_ever();
    follower_.done = true;
    if (!ours_) return;
    if (!is_ours()) {
      if (follower_.failure.empty()) follower_.failure = "a profiler was set meanwhile";
      return;
    }
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyEval_SetProfile(nullptr, nullptr);
    PyErr_Restore(type, error, trace);
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  static bool is_ours() { return PyThreadState_Get()->c_profilefunc == on_event; }

  Follower& follower_;
  Follower* before_ = nullptr;
  bool ours_ = false;
};

void delete_follower(PyObject* capsule) {
  delete static_cast<Follower*>(PyCapsule_GetPointer(capsule, nullptr));
}

// follow(listener, function, args, kwargs): (result, why the listener was not told all, or '').
PyObject* follow(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 4 || !PyTuple_Check(args[2]) || !PyDict_Check(args[3]))
      raise(PyExc_TypeError, "follow: expected (listener, function, tuple, dict)");
    auto made = std::make_unique<Follower>(args[0]);
    Follower& follower = *made;
    const Owned capsule(PyCapsule_New(&follower, nullptr, delete_follower));
    made.release();  // the capsule's now, which others may hold for longer
    Owned result;
    {
      const Following on(capsule.get(), follower);
      result = Owned(PyObject_Call(args[1], args[2], args[3]));
    }
    const Owned failure(PyUnicode_FromString(follower.failure.c_str()));
    return PyTuple_Pack(2, result.get(), failure.get());
  });
}

PyObject* hooked(PyObject*, PyObject* callable) {
  return guarded([&]() -> PyObject* {
    note_hook(callable, 0);
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {
    {"follow", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(follow)), METH_FASTCALL,
     "Calls function(*args, **kwargs) while a listener is told which code runs."},
    {"note_hook", hooked, METH_O,
     "Tells a recording's listener, if there is one, that a hook is about to be called."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void note_hook(PyObject* callable, uint64_t number) {
  if (!program::Recorder::active()) return;
  if (!t_follower) return program::refuse_recording("it runs a hook");
  Follower& follower = *t_follower;
  const bool goes_on = told(follower, [&] {
    const Owned ignored(PyObject_CallMethod(follower.listener, "hooked", "OK", callable,
                                            static_cast<unsigned long long>(number)));
  });
  if (!goes_on) throw PythonError();
}

bool only_returns() {
  PyFrameObject* const frame = PyEval_GetFrame();
  if (!t_follower || !frame) return false;
  int truth = 0;
  const bool goes_on = told(*t_follower, [&] {
    const Owned answer(PyObject_CallMethod(t_follower->listener, "only_returns", "O",
                                           reinterpret_cast<PyObject*>(frame)));
    truth = PyObject_IsTrue(answer.get());
    checked(truth);
  });
  if (!goes_on) throw PythonError();
  return truth == 1;
}

void add_frames(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
