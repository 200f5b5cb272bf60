// steep.Recorder: records the launches of a thread and runs them again.
#include <utility>
#include <vector>

#include "bindings/host/runtime.h"
#include "bindings/programs/given_arrays.h"
#include "bindings/programs/location.h"
#include "bindings/programs/numbers.h"
#include "bindings/programs/user_line.h"
#include "bindings/tensor/tensor_type.h"
#include "program/site.h"
#include "tape/node.h"

namespace steep::bindings {

namespace {

using program::Recorder;

struct RecorderObject {
  PyObject_HEAD
  PyObject* weakrefs;
  PyObject* numbers;   // see NumbersRead, of the last run; null before the first
  Recorder* recorder;  // owned
};

PyTypeObject* recorder_type = nullptr;

RecorderObject* cast(PyObject* object) { return reinterpret_cast<RecorderObject*>(object); }
Recorder& own(PyObject* self) { return *cast(self)->recorder; }

// Arguments are left to the __init__ of a subclass, if it has one.
PyObject* recorder_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&] {
    const bool given = PyTuple_GET_SIZE(arguments) > 0 || (keywords && PyDict_Size(keywords) > 0);
    if (given && type->tp_init == PyBaseObject_Type.tp_init)
      raise(PyExc_TypeError, "Recorder() takes no arguments; pass what is to be recorded to run()");
    Owned object(type->tp_alloc(type, 0));
    cast(object.get())->recorder = new Recorder();
    return object.release();
  });
}

void recorder_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (cast(self)->weakrefs) PyObject_ClearWeakRefs(self);
  delete cast(self)->recorder;
  Py_CLEAR(cast(self)->numbers);
  type->tp_free(self);
  Py_DECREF(type);
}

template <void (Recorder::*action)()>
PyObject* act(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    (own(self).*action)();
    Py_RETURN_NONE;
  });
}

// What is in some places, so that it can be told whether something else is there later.
class Contents {
 public:
  // From a list of tuples of a holder and a key, as Location takes them.
  explicit Contents(PyObject* places) : places_(Owned::borrow(places)) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); ++i) found_.push_back(now(i));
  }
  bool changed() const {
    if (!PyGILState_Check()) return true;
    for (size_t i = 0; i < found_.size(); ++i) {
      const auto& [object, swaps] = now(static_cast<Py_ssize_t>(i));
      if (object.get() != found_[i].first.get() || swaps != found_[i].second) return true;
    }
    return false;
  }

 private:
  // What is there, and how often it was given other memory if that is the place.
  std::pair<Owned, uint32_t> now(Py_ssize_t i) const {
    PyObject* const place = PyList_GET_ITEM(places_.get(), i);
    Owned object = Location(place).get();
    if (!object) PyErr_Clear();
    PyObject* const holder = PyTuple_GET_ITEM(place, 0);
    const bool is_memory = is_tensor(holder) && object.get() == holder;
    return {std::move(object), is_memory ? tensor_of(holder)->swaps : 0};
  }

  const Owned places_;
  std::vector<std::pair<Owned, uint32_t>> found_;
};

// Records, with sites followed, as long as it exists, and so ends however the call ends. (A
// `finally` in Python could itself be interrupted.)
class CallRecording {
 public:
  // `before`: what was where the function stores something.
  CallRecording(Recorder& recorder, PyObject* followers, const Contents& before)
      : recorder_(recorder), followers_(Owned::borrow(followers)) {
    checked(PyList_Append(followers, Py_None));
    recorder_.ask_for_stores([&before] { return before.changed(); });
    program::follow_sites();
    try {
      recorder_.set_first_node(tape::Node::take_numbers(1));
      recorder_.start();
    } catch (...) {
      leave();
      throw;
    }
  }
  ~CallRecording() {
    recorder_.stop();
    leave();
  }
  CallRecording(const CallRecording&) = delete;
  CallRecording& operator=(const CallRecording&) = delete;

 private:
  void leave() {
    recorder_.ask_for_stores({});
    program::unfollow_sites();
    const WithoutError kept;
    if (PySequence_DelItem(followers_.get(), -1) < 0) PyErr_WriteUnraisable(followers_.get());
  }
  Recorder& recorder_;
  const Owned followers_;
};

// run(followers, function, args, kwargs, arrays, places): see GivenArrays; `places` are those
// in which the function stores something, as Contents takes them.
PyObject* run(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 6 || !PyList_Check(args[0]) || !PyTuple_Check(args[2]) || !PyDict_Check(args[3]) ||
        !PyList_Check(args[4]) || !PyList_Check(args[5]))
      raise(PyExc_TypeError, "Recorder.run: expected (list, function, tuple, dict, list, list)");
    const GivenArrays arrays(args[4]);
    const Contents before(args[5]);
    const CallRecording recording(own(self), args[0], before);
    const NumbersRead numbers;
    Py_XSETREF(cast(self)->numbers, new_reference(numbers.list()));
    return PyObject_Call(args[1], args[2], args[3]);
  });
}

PyObject* keep_out_of_arguments(PyObject* self, PyObject*) {
  own(self).keep_out_of_arguments();
  Py_RETURN_NONE;
}

PyObject* let_memory_go(PyObject* self, PyObject*) {
  own(self).let_memory_go();
  Py_RETURN_NONE;
}

PyObject* replay(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    own(self).replay();
    Py_RETURN_NONE;
  });
}

PyObject* launches(PyObject* self, PyObject*) {
  return guarded([&] {
    Owned names(PyList_New(0));
    for (const program::TracedCall& traced : own(self).calls()) {
      const Owned name(PyUnicode_FromString(traced.call.name()));
      checked(PyList_Append(names.get(), name.get()));
    }
    return names.release();
  });
}

PyObject* refusal(PyObject* self, void*) {
  const std::string& reason = own(self).refusal();
  if (reason.empty()) Py_RETURN_NONE;
  return PyUnicode_FromString(reason.c_str());
}

// take_numbers(): the list, which the recorder then no longer holds.
PyObject* take_numbers(PyObject* self, PyObject*) {
  return guarded([&] {
    PyObject* const list = std::exchange(cast(self)->numbers, nullptr);
    return list ? list : checked(PyList_New(0));
  });
}

PyObject* place(PyObject* self, void*) {
  const std::string& at = own(self).location();
  return PyUnicode_DecodeUTF8(at.data(), static_cast<Py_ssize_t>(at.size()), "replace");
}

PyMethodDef methods[] = {
    {"start", act<&Recorder::start>, METH_NOARGS, "Begins to record; recordings do not nest."},
    {"stop", act<&Recorder::stop>, METH_NOARGS, "Ends the recording."},
    {"run", as_method(run), METH_FASTCALL,
     "Records what function(*args, **kwargs) launches, and returns its result."},
    {"keep_out_of_arguments", keep_out_of_arguments, METH_NOARGS,
     "Says that arguments are part of a graph, into which no backward may go."},
    {"let_memory_go", let_memory_go, METH_NOARGS,
     "Says that the recording will be inspected, not replayed: it need not keep memory alive."},
    {"replay", replay, METH_NOARGS, "Runs the recorded launches again, in order."},
    {"take_numbers", take_numbers, METH_NOARGS,
     "Numbers that item() and float() have made, with the tensors they were read from and their "
     "versions."},
    {"launches", launches, METH_NOARGS, "The names of the recorded launches."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {
    {"refusal", refusal, nullptr, "Why the recording cannot be replayed, or None.", nullptr},
    {"place", place, nullptr, "Where that was, as 'file:line' in the user's code, or ''.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(RecorderObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Keeps every launch of this thread between start() and stop(), and runs them again.")},
    {Py_tp_new, slot(recorder_new)},
    {Py_tp_dealloc, slot(recorder_dealloc)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {0, nullptr}};
PyType_Spec spec = {"steep.Recorder", sizeof(RecorderObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

Recorder& recorder_of(const char* op, PyObject* object) {
  if (!PyObject_TypeCheck(object, recorder_type))
    fail(ErrorKind::type, op, "a Recorder", type_name(object));
  return own(object);
}

void add_recorder_type(PyObject* module) {
  recorder_type = make_type(spec);
  program::set_location_of_user(line_of_user);
  checked(PyModule_AddObjectRef(module, "Recorder", reinterpret_cast<PyObject*>(recorder_type)));
}

}  // namespace steep::bindings
