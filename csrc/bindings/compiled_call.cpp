// _core.CompiledCall: the call of a compiled function, without a frame of Python's where it is
// replayed. What else such a function does stands in the subclass, steep/compiler/function.py.
#include <cstddef>

#include "bindings/program_replay.h"
#include "bindings/program_table.h"

namespace steep::bindings {

namespace {

struct CallObject {
  PyObject_HEAD
  PyObject* table;  // which calls are replayed from; null: none is
};

PyObject*& table_in(PyObject* self) { return reinterpret_cast<CallObject*>(self)->table; }

PyObject* call_method(PyObject* self, PyObject* name, PyObject* args, PyObject* kwargs) {
  const Owned named = kwargs ? Owned::borrow(kwargs) : Owned(PyDict_New());
  return checked(PyObject_CallMethodObjArgs(self, name, args, named.get(), nullptr));
}

// Which method runs a call that is not replayed.
PyObject* method_for(const NotReplayed& call) {
  static PyObject* const anew = checked(PyUnicode_InternFromString("_call_anew"));
  static PyObject* const first = checked(PyUnicode_InternFromString("_call_first"));
  static PyObject* const plain = checked(PyUnicode_InternFromString("_call_plain"));
  return !call.new_kind ? anew : call.has_numbers ? first : plain;
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    NotReplayed otherwise;
    if (!table_in(self)) return call_method(self, method_for(otherwise), args, kwargs);
    const Owned table = Owned::borrow(table_in(self));  // the call may replace it
    PyObject* const result = replay_call(programs_of(table.get()), args, kwargs, otherwise);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
    Owned made(call_method(self, method_for(otherwise), args, kwargs));
    if (otherwise.new_kind) programs_of(table.get()).met.add(otherwise.new_kind);
    return made.release();
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

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_CLEAR(table_in(self));
  type->tp_free(self);
  Py_DECREF(type);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(table_in(self));
  return 0;
}

int clear(PyObject* self) {
  Py_CLEAR(table_in(self));
  return 0;
}

PyGetSetDef attributes[] = {{"_replays_from", get_table, set_table,
                             "The ProgramTable that calls are replayed from.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {
    {Py_tp_call, slot(call)},
    {Py_tp_dealloc, slot(dealloc)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_getset, attributes},
    {Py_tp_doc,
     const_cast<char*>(
         "Replays its calls, or hands them to _call_anew(args, kwargs),"
         " those of a kind not met before to _call_first, or to _call_plain where there are"
         " no numbers among their arguments.")},
    {0, nullptr}};
PyType_Spec spec = {"steep._core.CompiledCall", sizeof(CallObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void add_compiled_call(PyObject* module) {
  PyTypeObject* type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "CompiledCall", reinterpret_cast<PyObject*>(type)));
}

}  // namespace steep::bindings
