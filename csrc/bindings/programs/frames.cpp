// _core.follow: calls a function while a listener is told which functions begin, what they return,
// which C functions they call, and which hooks are called. An event of code that the listener does
// not want costs one look into a table.
#include "bindings/programs/frames.h"

#include <frameobject.h>

#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bindings/programs/classes.h"
#include "bindings/programs/collector.h"
#include "bindings/programs/familiar.h"
#include "bindings/tensor/tensor_type.h"
#include "program/record/recorder.h"

namespace steep::bindings {

namespace {

// The listener is a Python object with these methods:
//   wants(code): whether it is to be told of this code; asked once for each.
//   entered(frame): wanted code begins, or goes on after a yield. Not called for a frame that the
//     listener's `familiar`, if it has one, knows.
//   returned(frame, value): a value that is neither plain nor a tensor is returned to wanted code.
//   called(frame, function): wanted code calls a C function; told once for each definition.
//   hooked(callable, number): see note_hook.
//   only_returns(frame, is_whole): a question; see frames.h.
struct Follower {
  explicit Follower(PyObject* listener) : listener(listener) {}

  PyObject* listener;            // borrowed: the caller holds it
  Familiar* familiar = nullptr;  // likewise
  std::unordered_map<PyCodeObject*, bool> wanted;
  std::unordered_map<const PyMethodDef*, bool> told;
  std::vector<Owned> codes;       // held, so that no other code gets the address of one
  const char* failure = nullptr;  // what went wrong; from then on nothing is told
  std::string error;              // the text of the listener's exception, if that went wrong
  bool lost = false;              // whether it was for lack of memory
  bool done = false;
  bool sends = false;  // whether something was sent to a generator
  bool busy = false;   // the listener is being called; what it does itself is not told

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
  void fail(const char* reason) {
    if (!failure) failure = reason;
  }
  void lose() {
    lost = true;
    fail("out of memory");
  }
};

thread_local Follower* t_follower = nullptr;  // of this thread's recording

Owned code_of(PyFrameObject* frame) {
  return Owned(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
}

// The listener's `familiar`, held.
Owned familiar_of(PyObject* listener) {
  PyObject* const found = PyObject_GetAttrString(listener, "familiar");
  if (!found && !PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
  if (found) return Owned(found);
  PyErr_Clear();
  return Owned::borrow(Py_None);
}

bool wants(Follower& follower, PyFrameObject* frame) {
  return follower.wants(reinterpret_cast<PyCodeObject*>(code_of(frame).get()));
}

void tell_return(Follower& follower, PyFrameObject* frame, PyObject* value) {
  if (!value || is_plain(value) || is_tensor(value)) return;
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
  if (!std::strcmp(kind->ml_name, "send")) follower.sends = true;
  if (follower.told.count(kind) || !wants(follower, frame)) return;
  follower.told[kind] = true;
  const Owned ignored(PyObject_CallMethod(follower.listener, "called", "OO",
                                          reinterpret_cast<PyObject*>(frame), function));
}

void tell_beginning(Follower& follower, PyFrameObject* frame) {
  const Owned code = code_of(frame);
  if (!follower.wants(reinterpret_cast<PyCodeObject*>(code.get()))) return;
  PyObject* const begun = reinterpret_cast<PyObject*>(frame);
  if (follower.familiar && follower.familiar->knows(begun, code.get())) return;
  const Owned ignored(PyObject_CallMethod(follower.listener, "entered", "O", begun));
}

// Whether it is the frame of a generator, which a return event leaves at a yield or at its end.
bool goes_on(PyFrameObject* frame) {
  const Owned code = code_of(frame);
  return reinterpret_cast<PyCodeObject*>(code.get())->co_flags &
         (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
}

void tell(Follower& follower, PyFrameObject* frame, int what, PyObject* value) {
  if (what == PyTrace_CALL) tell_beginning(follower, frame);
  if (what == PyTrace_C_CALL) tell_call(follower, frame, value);
  if (what != PyTrace_RETURN) return;
  // What was sent to a generator is in its variables only after it has gone on.
  if (follower.sends && goes_on(frame)) tell_beginning(follower, frame);
  tell_return(follower, frame, value);
}

// Whether the listener has said of a frame's code that it is not to be told of it.
bool is_unwanted(const Follower& follower, PyFrameObject* frame) {
  const Owned code = code_of(frame);
  const auto known = follower.wanted.find(reinterpret_cast<PyCodeObject*>(code.get()));
  return known != follower.wanted.end() && !known->second;
}

// Whether tell() would surely do nothing, as for most events.
bool tells_nothing(const Follower& follower, PyFrameObject* frame, int what, PyObject* value) {
  if (what == PyTrace_CALL) return is_unwanted(follower, frame);
  if (what == PyTrace_RETURN)
    return !follower.sends && (!value || is_plain(value) || is_tensor(value));
  if (what != PyTrace_C_CALL || !PyCFunction_Check(value)) return true;
  const PyMethodDef* const kind = reinterpret_cast<PyCFunctionObject*>(value)->m_ml;
  return follower.told.count(kind) ||
         (std::strcmp(kind->ml_name, "send") && is_unwanted(follower, frame));
}

// Makes the listener's exception the follower's failure. What is not an Exception, such as
// KeyboardInterrupt, stays raised: it is meant for the function.
void take_error(Follower& follower) {
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return follower.fail("interrupted");
  if (PyErr_ExceptionMatches(PyExc_MemoryError)) {
    PyErr_Clear();
    return follower.lose();
  }
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  const Owned kind(type);
  PyObject* const text = error ? PyObject_Str(error) : nullptr;
  const char* const characters = text ? PyUnicode_AsUTF8(text) : nullptr;
  try {
    follower.error = reinterpret_cast<PyTypeObject*>(type)->tp_name;
    if (characters && *characters) follower.error = characters;
    follower.fail(follower.error.c_str());
  } catch (const std::bad_alloc&) {
    follower.lose();
  }
  Py_XDECREF(text);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  PyErr_Clear();
}

// Calls the listener. The function goes on after an error in it. False, with an exception set, if
// the call was interrupted.
template <class Telling>
bool told(Follower& follower, const Telling& telling) {
  if (follower.done || follower.busy || follower.failure || collector_runs()) return true;
  WithoutError before;
  follower.busy = true;
  try {
    telling();
  } catch (const PythonError&) {
    take_error(follower);
    if (PyErr_Occurred()) {
      before.replace();
      return false;
    }
  } catch (const std::bad_alloc&) {
    follower.lose();
  }
  follower.busy = false;
  return true;
}

// What the interpreter has as the thread's profiler. Code inside the function may remove it and put
// it back by sys.setprofile.
struct FollowerObject {
  PyObject_HEAD
  Follower* follower;
};

PyTypeObject* follower_type = nullptr;

Follower& follower_in(PyObject* self) { return *reinterpret_cast<FollowerObject*>(self)->follower; }

// The interpreter calls it.
int on_event(PyObject* self, PyFrameObject* frame, int what, PyObject* value) {
  Follower& follower = follower_in(self);
  if (what >= PyTrace_C_CALL) note_c_call(value, what == PyTrace_C_CALL);
  if (tells_nothing(follower, frame, what, value)) return 0;
  return told(follower, [&] { tell(follower, frame, what, value); }) ? 0 : -1;
}

// Called if sys.setprofile has put it back, for that calls it as a Python function. What ran
// meanwhile is not known, so the recording fails. It is installed again only on its own thread, and
// only while the call lasts.
PyObject* put_back(PyObject* self, PyObject*, PyObject*) {
  Follower& follower = follower_in(self);
  follower.fail("a profiler was set during the call");
  const Owned held = Owned::borrow(self);
  const bool here = t_follower == &follower && !follower.done;
  PyEval_SetProfile(here ? on_event : nullptr, here ? self : nullptr);
  Py_RETURN_NONE;
}

// Follows as long as it exists, unless another profiler is set. One that is set meanwhile stays.
class Following {
 public:
  Following(PyObject* self, Follower& follower) : follower_(follower) {
    if (PyThreadState_Get()->c_profilefunc) {
      follower_.fail("a profiler is set");
      return;
    }
    watch_collector();
    PyEval_SetProfile(on_event, self);
    ours_ = is_ours();
    if (!ours_) follower_.fail("the interpreter refused a profiler");
    before_ = std::exchange(t_follower, &follower_);
  }
  ~Following() {
    if (t_follower == &follower_) t_follower = before_;
    if (is_being_ended()) stay_for_ever();
    follower_.done = true;
    if (!ours_) return;
    if (!saw_collections()) follower_.fail("gc.callbacks was changed during a collection");
    if (is_ours()) {
      const WithoutError kept;
      PyEval_SetProfile(nullptr, nullptr);
    } else {
      follower_.fail("a profiler was set during the call");
    }
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  static bool is_ours() { return PyThreadState_Get()->c_profilefunc == on_event; }

  Follower& follower_;
  Follower* before_ = nullptr;
  bool ours_ = false;
};

void follower_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  delete reinterpret_cast<FollowerObject*>(self)->follower;
  type->tp_free(self);
  Py_DECREF(type);
}

PyType_Slot slots[] = {
    {Py_tp_call, slot(put_back)},
    {Py_tp_dealloc, slot(follower_dealloc)},
    {Py_tp_doc, const_cast<char*>("The profiler of a thread that records a function.")},
    {0, nullptr}};
PyType_Spec spec = {"steep._core.Follower", sizeof(FollowerObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

// follow(listener, function, args, kwargs): (result, why the listener was not told all, or '',
// whether that was for lack of memory).
PyObject* follow(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 4 || !PyTuple_Check(args[2]) || !PyDict_Check(args[3]))
      raise(PyExc_TypeError, "follow: expected (listener, function, tuple, dict)");
    const Owned self(
        follower_type->tp_alloc(follower_type, 0));  // others may hold it beyond this call
    reinterpret_cast<FollowerObject*>(self.get())->follower = new Follower(args[0]);
    Follower& follower = follower_in(self.get());
    const Owned familiar = familiar_of(args[0]);
    follower.familiar = familiar_in(familiar.get());
    Owned result;
    {
      const Following on(self.get(), follower);
      result = Owned(PyObject_Call(args[1], args[2], args[3]));
    }
    const char* const failure = follower.failure ? follower.failure : "";
    const Owned why(
        PyUnicode_DecodeUTF8(failure, static_cast<Py_ssize_t>(std::strlen(failure)), "replace"));
    return PyTuple_Pack(3, result.get(), why.get(), follower.lost ? Py_True : Py_False);
  });
}

PyObject* hooked(PyObject*, PyObject* callable) {
  return guarded([&]() -> PyObject* {
    note_hook(callable, 0);
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {
    {"follow", as_method(follow), METH_FASTCALL,
     "Calls function(*args, **kwargs) while a listener is told which code runs."},
    {"note_hook", hooked, METH_O,
     "Tells a recording's listener, if there is one, that a hook is about to be called."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void note_hook(PyObject* callable, uint64_t number) {
  if (!program::Recorder::active()) return;
  if (!t_follower)
    return program::refuse_recording("it runs a hook, which a replay would not call");
  Follower& follower = *t_follower;
  const bool goes_on = told(follower, [&] {
    const Owned ignored(PyObject_CallMethod(follower.listener, "hooked", "OK", callable,
                                            static_cast<unsigned long long>(number)));
  });
  if (!goes_on) throw PythonError();
}

bool only_returns(bool whole) {
  PyFrameObject* const frame = PyEval_GetFrame();
  if (!t_follower || !frame) return false;
  int truth = 0;
  const bool goes_on = told(*t_follower, [&] {
    const Owned answer(PyObject_CallMethod(t_follower->listener, "only_returns", "OO",
                                           reinterpret_cast<PyObject*>(frame),
                                           whole ? Py_True : Py_False));
    truth = PyObject_IsTrue(answer.get());
    checked(truth);
  });
  if (!goes_on) throw PythonError();
  return truth == 1;
}

void add_frames(PyObject* module) {
  follower_type = make_type(spec);
  add_collector();
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
