#include "bindings/programs/collector.h"

namespace steep::bindings {

namespace {

struct Seen {
  bool runs = false;    // the collector, by itself
  bool asked = false;   // gc.collect() is being called
  bool missed = false;  // the beginning or the end of a collection
};
thread_local Seen t_seen;

bool is_phase(PyObject* const* args, Py_ssize_t count, const char* phase) {
  return count > 0 && PyUnicode_Check(args[0]) &&
         PyUnicode_CompareWithASCIIString(args[0], phase) == 0;
}

PyObject* begins(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (is_phase(args, count, "start") && !t_seen.asked) {
    t_seen.missed |= t_seen.runs;
    t_seen.runs = true;
  }
  Py_RETURN_NONE;
}

PyObject* ends(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (is_phase(args, count, "stop")) t_seen.runs = false;
  Py_RETURN_NONE;
}

PyMethodDef begins_method = {"collection_begins", as_method(begins), METH_FASTCALL, nullptr};
PyMethodDef ends_method = {"collection_ends", as_method(ends), METH_FASTCALL, nullptr};

// These live as long as the process.
PyObject* callbacks = nullptr;  // gc.callbacks, called in turn at the beginning and at the end
PyObject* first = nullptr;      // what stands before all others
PyObject* last = nullptr;       // and what stands behind them
PyMethodDef* collect = nullptr;

// Takes a callback that was put there before out of its place. It throws if that fails.
void take_out(PyObject* callback) {
  for (Py_ssize_t i = PyList_GET_SIZE(callbacks) - 1; i >= 0; --i)
    if (i < PyList_GET_SIZE(callbacks) && PyList_GET_ITEM(callbacks, i) == callback)
      checked(PySequence_DelItem(callbacks, i));
}

// Puts the two where they belong, if others have come before or behind them. Otherwise the list
// stays as it is: another thread may be going through it, and would pass over a callback.
void put_in_place() {
  const Py_ssize_t size = PyList_GET_SIZE(callbacks);
  if (size == 0 || PyList_GET_ITEM(callbacks, 0) != first) {
    take_out(first);
    checked(PyList_Insert(callbacks, 0, first));
  }
  if (PyList_GET_ITEM(callbacks, PyList_GET_SIZE(callbacks) - 1) != last) {
    take_out(last);
    checked(PyList_Append(callbacks, last));
  }
}

}  // namespace

bool collector_runs() noexcept { return t_seen.runs; }

void note_c_call(PyObject* function, bool begins) noexcept {
  if (PyCFunction_Check(function) &&
      reinterpret_cast<PyCFunctionObject*>(function)->m_ml == collect)
    t_seen.asked = begins;
}

void watch_collector() {
  t_seen = Seen();
  put_in_place();
}

bool saw_collections() noexcept { return !t_seen.runs && !t_seen.missed; }

void add_collector() {
  const Owned gc(PyImport_ImportModule("gc"));
  callbacks = checked(PyObject_GetAttrString(gc.get(), "callbacks"));
  if (!PyList_Check(callbacks)) raise(PyExc_TypeError, "expected gc.callbacks to be a list");
  const Owned function(PyObject_GetAttrString(gc.get(), "collect"));
  if (PyCFunction_Check(function.get()))
    collect = reinterpret_cast<PyCFunctionObject*>(function.get())->m_ml;
  first = checked(PyCFunction_New(&begins_method, nullptr));
  last = checked(PyCFunction_New(&ends_method, nullptr));
}

}  // namespace steep::bindings
