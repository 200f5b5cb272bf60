// _core.CompiledCall: calls of a compiled function, without a Python frame where they are replayed.
// The rest is in the subclass in steep/compiler/function.py.
#include <cstddef>

#include "bindings/programs/program_replay.h"
#include "bindings/programs/program_table.h"
#include "bindings/tensor/tensor_type.h"
#include "tape/watch.h"

namespace steep::bindings {

namespace {

struct CallObject {
  PyObject_HEAD
  PyObject* table;     // the ProgramTable that calls are replayed from; null: none
  PyObject* function;  // the function that is compiled
};

PyObject*& table_in(PyObject* self) { return reinterpret_cast<CallObject*>(self)->table; }

PyObject* call_method(PyObject* self, PyObject* name, PyObject* args, PyObject* kwargs) {
  const Owned named = kwargs ? Owned::borrow(kwargs) : Owned(PyDict_New());
  return checked(PyObject_CallMethodObjArgs(self, name, args, named.get(), nullptr));
}

// Runs the function. As in a replay, results whose graph backward has used up are returned
// detached.
PyObject* run(PyObject* self, PyObject* args, PyObject* kwargs) {
  static PyObject* const detached = checked(PyUnicode_InternFromString("_detached"));
  PyObject* const function = reinterpret_cast<CallObject*>(self)->function;
  if (!function) raise(PyExc_AttributeError, "compile: expected _function to be set");
  const Owned held = Owned::borrow(function);
  Owned result(checked(PyObject_Call(function, args, kwargs)));
  bool holds =
      PyTuple_Check(result.get()) || PyList_Check(result.get()) || PyDict_Check(result.get());
  if (is_tensor(result.get())) {
    const Ref<tape::Node> node = tape::grad_fn(tensor_of(result.get()));
    holds = node && node->released;
  }
  if (!holds) return result.release();
  return checked(PyObject_CallMethodOneArg(self, detached, result.get()));
}

// Whether to let compiler/_newcomers.py look at this call, one of many that are each of a new kind.
bool may_be_looked_at(int64_t newcomers) {
  const auto is_power = [](int64_t n) { return (n & (n - 1)) == 0; };
  return is_power(newcomers) || is_power(newcomers + 1);
}

PyObject* run_new_kind(PyObject* self, Table& table, const NotReplayed& call, PyObject* args,
                       PyObject* kwargs) {
  static PyObject* const first = checked(PyUnicode_InternFromString("_call_first"));
  static PyObject* const plain = checked(PyUnicode_InternFromString("_call_plain"));
  table.count_newcomers(table.newcomers + 1);
  Owned made(call.has_numbers                    ? call_method(self, first, args, kwargs)
             : may_be_looked_at(table.newcomers) ? call_method(self, plain, args, kwargs)
                                                 : run(self, args, kwargs));
  table.met.add(call.new_kind);
  return made.release();
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static PyObject* const anew = checked(PyUnicode_InternFromString("_call_anew"));
    static PyObject* const endless = checked(PyUnicode_InternFromString("_call_endless"));
    if (!table_in(self) || tape::replays_forbidden()) return call_method(self, anew, args, kwargs);
    const Owned held = Owned::borrow(table_in(self));  // the call may replace it
    Table& table = programs_of(held.get());
    NotReplayed otherwise;
    PyObject* const result = replay_call(table, args, kwargs, otherwise);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
    if (otherwise.is_endless) return call_method(self, endless, args, kwargs);
    if (otherwise.only_run) return run(self, args, kwargs);
    if (otherwise.new_kind) return run_new_kind(self, table, otherwise, args, kwargs);
    return call_method(self, anew, args, kwargs);
  });
}

PyObject* get_table(PyObject* self, void*) {
  return new_reference(table_in(self) ? table_in(self) : Py_None);
}

int set_table(PyObject* self, PyObject* table, void*) {
  return guarded_number([&]() -> int {
    if (table && table != Py_None && !is_program_table(table))
      raise(PyExc_TypeError,
            join("_replays_from: expected a ProgramTable or None, got ", type_name(table)));
    PyObject* const now = table && table != Py_None ? new_reference(table) : nullptr;
    PyObject* const old = std::exchange(table_in(self), now);  // its end may run code
    Py_XDECREF(old);
    return 0;
  });
}

PyObject* get_function(PyObject* self, void*) {
  PyObject* const function = reinterpret_cast<CallObject*>(self)->function;
  return new_reference(function ? function : Py_None);
}

int set_function(PyObject* self, PyObject* function, void*) {
  PyObject*& mine = reinterpret_cast<CallObject*>(self)->function;
  PyObject* const old = std::exchange(mine, function ? new_reference(function) : nullptr);
  Py_XDECREF(old);  // its end may run code
  return 0;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_CLEAR(table_in(self));
  Py_CLEAR(reinterpret_cast<CallObject*>(self)->function);
  type->tp_free(self);
  Py_DECREF(type);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(table_in(self));
  Py_VISIT(reinterpret_cast<CallObject*>(self)->function);
  return 0;
}

int clear(PyObject* self) {
  Py_CLEAR(table_in(self));
  Py_CLEAR(reinterpret_cast<CallObject*>(self)->function);
  return 0;
}

PyGetSetDef attributes[] = {
    {"_replays_from", get_table, set_table, "The ProgramTable that calls are replayed from.",
     nullptr},
    {"_function", get_function, set_function, "The function that is compiled.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {
    {Py_tp_call, slot(call)},
    {Py_tp_dealloc, slot(dealloc)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_getset, attributes},
    {Py_tp_doc, const_cast<char*>(
                    "Replays calls or runs the function: through _call_anew(args, kwargs); "
                    "through _call_endless if arguments contain themselves; for a new kind of "
                    "call, through _call_first if it was met with other numbers, else "
                    "directly, and now and then through _call_plain, which reports what is new.")},
    {0, nullptr}};
PyType_Spec spec = {"steep._core.CompiledCall", sizeof(CallObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void add_compiled_call(PyObject* module) {
  PyTypeObject* type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "CompiledCall", reinterpret_cast<PyObject*>(type)));
}

}  // namespace steep::bindings
