// Each look that is passed over is one that would have changed nothing but what is changed here: see
// Traversal._go_on, whose steps these are.
#include "bindings/familiar.h"

#include <frameobject.h>

#include "bindings/call_key.h"
#include "bindings/cells.h"
#include "bindings/tensor_type.h"
#include "program/recorder.h"

namespace steep::bindings {

namespace {

constexpr int kDeepest = 4;            // tuples within tuples that are looked through
constexpr Py_ssize_t kMostItems = 16;  // of a dict or tuple

Owned id_of(const void* object) { return Owned(PyLong_FromVoidPtr(const_cast<void*>(object))); }

bool in_dict(const Owned& dict, PyObject* key) {
  const int found = PyDict_Contains(dict.get(), key);
  checked(found);
  return found == 1;
}
bool in_set(const Owned& set, PyObject* key) {
  const int found = PySet_Contains(set.get(), key);
  checked(found);
  return found == 1;
}

// What is under a name in a dict, borrowed; null for nothing.
PyObject* item_of(PyObject* dict, PyObject* name) {
  PyObject* const item = PyDict_GetItemWithError(dict, name);
  if (!item && PyErr_Occurred()) throw PythonError();
  return item;
}

bool is_plain(PyObject* item) {
  return item == Py_None || PyBool_Check(item) || PyLong_CheckExact(item) ||
         PyFloat_CheckExact(item) || PyUnicode_CheckExact(item) || PyBytes_CheckExact(item);
}

bool has_weak_reference(PyObject* item) {
  return PyType_SUPPORTS_WEAKREFS(Py_TYPE(item)) && *PyObject_GET_WEAKREFS_LISTPTR(item);
}

// Whether the recording made the memory that a tensor has.
bool is_made(PyObject* tensor) {
  const program::Recorder* const recorder = program::Recorder::active();
  return recorder && tensor_of(tensor)->storage->epoch() == recorder->epoch();
}

bool has_attributes(PyObject* tensor) {
  if (Py_TYPE(tensor)->tp_dictoffset == 0) return false;
  static PyObject* const name = checked(PyUnicode_InternFromString("__dict__"));
  const Owned values(PyObject_GenericGetAttr(tensor, name));
  return !PyDict_CheckExact(values.get()) || PyDict_GET_SIZE(values.get()) > 0;
}

// The variables of a frame that begins; none for one that does not begin with these names.
Owned variable_of([[maybe_unused]] PyObject* frame, [[maybe_unused]] PyObject* values,
                  PyObject* name) {
#if PY_VERSION_HEX >= 0x030C0000
  PyObject* const value = PyFrame_GetVar(reinterpret_cast<PyFrameObject*>(frame), name);
  if (!value && PyErr_ExceptionMatches(PyExc_NameError)) {
    PyErr_Clear();
    return Owned();
  }
  return Owned(value);
#else
  PyObject* const value = item_of(values, name);
  return value ? Owned::borrow(value) : Owned();
#endif
}

bool is_looked_at(PyObject* name) {
  return PyUnicode_GET_LENGTH(name) > 0 && PyUnicode_READ_CHAR(name, 0) != '.';
}

}  // namespace

void Familiar::remember(PyObject* frame, Owned variables, PyObject* globals, Sets sets,
                        bool passes) {
  Owned code(PyObject_GetAttrString(frame, "f_code"));
  Code known{std::move(code), std::move(variables), {}, {}, {}, std::move(sets), passes};
  const Py_ssize_t size = PyTuple_GET_SIZE(globals);
  if (size > 0) {
    known.globals = Owned(PyObject_GetAttrString(frame, "f_globals"));
    known.builtins = Owned(PyObject_GetAttrString(frame, "f_builtins"));
    if (!PyDict_CheckExact(known.globals.get()) || !PyDict_CheckExact(known.builtins.get())) return;
  }
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* const name = PyTuple_GET_ITEM(globals, i);
    PyObject* holder = known.globals.get();
    PyObject* value = item_of(holder, name);
    if (!value) value = item_of(holder = known.builtins.get(), name);
    known.names.push_back(
        {Owned::borrow(name), value, value ? holder : nullptr, value && has_weak_reference(value)});
  }
  PyObject* const key = known.code.get();
  codes_.erase(key);
  codes_.emplace(key, std::move(known));
}

bool Familiar::knows(PyObject* frame, PyObject* code) {
  const auto found = codes_.find(code);
  if (found == codes_.end()) return false;
  const Code& known = found->second;
  if (!knows_globals(known, frame)) return false;
  PyObject* const names = known.variables.get();
  Owned values;
#if PY_VERSION_HEX < 0x030C0000
  values = Owned(PyObject_GetAttrString(frame, "f_locals"));
  if (!PyDict_CheckExact(values.get()) || PyDict_GET_SIZE(values.get()) != PyTuple_GET_SIZE(names))
    return false;
#endif
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject* const name = PyTuple_GET_ITEM(names, i);
    const Owned value = variable_of(frame, values.get(), name);
    if (!value || (is_looked_at(name) && !knows_variable(known, name, value.get()))) return false;
  }
  return true;
}

// Each is what it was, lies where it lay, and no weak reference leads to it that did not then.
bool Familiar::knows_globals(const Code& code, PyObject* frame) const {
  if (code.names.empty()) return true;
  const Owned globals(PyObject_GetAttrString(frame, "f_globals"));
  const Owned builtins(PyObject_GetAttrString(frame, "f_builtins"));
  if (globals.get() != code.globals.get() || builtins.get() != code.builtins.get()) return false;
  for (const Global& global : code.names) {
    PyObject* holder = globals.get();
    PyObject* found = item_of(holder, global.name.get());
    if (!found) found = item_of(holder = builtins.get(), global.name.get());
    if (found != global.value || (found && holder != global.holder)) return false;
    if (!found || is_plain(found)) continue;
    const Owned value = Owned::borrow(found);
    if (!global.has_weak_reference && has_weak_reference(found)) return false;
    if (!knows(code, found, kDeepest)) return false;
  }
  return true;
}

bool Familiar::knows_variable(const Code& code, PyObject* name, PyObject* value) const {
  if (code.passes && PyCFunction_Check(value)) return false;
  if (knows(code, value, 0)) return true;
  if (!PyDict_CheckExact(value) || PyDict_GET_SIZE(value) > kMostItems) return false;
  const Owned id = id_of(value);
  if (in_dict(tables_.given, id.get()) || in_set(code.sets.seen, id.get())) return false;
  const Owned items(PyTuple_New(2 * PyDict_GET_SIZE(value)));
  PyObject *key, *part;
  Py_ssize_t at = 0, i = 0;
  while (PyDict_Next(value, &at, &key, &part)) {
    PyTuple_SET_ITEM(items.get(), i++, new_reference(key));
    PyTuple_SET_ITEM(items.get(), i++, new_reference(part));
  }
  for (i = 0; i < PyTuple_GET_SIZE(items.get()); ++i)
    if (i % 2 == 0 && !PyUnicode_CheckExact(PyTuple_GET_ITEM(items.get(), i))) return false;
  if (!knows_parts(code, items.get(), kDeepest)) return false;
  take_in(code, value, id.get());
  const Owned ignored(
      PyObject_CallFunctionObjArgs(tables_.add_dict.get(), value, items.get(), name, nullptr));
  return true;
}

bool Familiar::knows(const Code& code, PyObject* item, int depth) const {
  if (is_plain(item)) return true;
  const Owned id = id_of(item);
  if (is_tensor(item)) return knows_tensor(code, item, id.get());
  if (in_dict(tables_.given, id.get())) return false;
  if (in_set(code.sets.seen, id.get())) return true;
  if (PyTuple_CheckExact(item)) {
    if (depth == kDeepest || !knows_parts(code, item, depth + 1)) return false;
    take_in(code, item, id.get());
    return true;
  }
  return in_set(tables_.plain, id_of(Py_TYPE(item)).get());
}

// One with attributes may have got others meanwhile; of the rest all is known, or no one's business.
bool Familiar::knows_tensor(const Code& code, PyObject* item, PyObject* id) const {
  if (!in_set(code.sets.tensors, id_of(Py_TYPE(item)).get()) || has_attributes(item)) return false;
  if (is_made(item) || in_dict(tables_.tensors, id) || in_dict(tables_.given, id)) return true;
  return meet(item, id);
}

// A tensor that was not met before, such as a new view of an argument, where no more is to be kept
// of it than its state.
bool Familiar::meet(PyObject* tensor, PyObject* id) const {
  if (Py_TYPE(tensor)->tp_dictoffset != 0 || has_hooks(tensor_of(tensor))) return false;
  const Owned state(state_of(tensor_of(tensor)));
  const Owned no_hooks(PyTuple_New(0));
  const Owned known(PyTuple_Pack(3, tensor, state.get(), no_hooks.get()));
  checked(PyDict_SetItem(tables_.tensors.get(), id, known.get()));
  return true;
}

// What lies in a container is held by it, which weak references ask for.
bool Familiar::knows_parts(const Code& code, PyObject* tuple, int depth) const {
  if (PyTuple_GET_SIZE(tuple) > 2 * kMostItems) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* const part = PyTuple_GET_ITEM(tuple, i);
    if (is_plain(part)) continue;
    if (has_weak_reference(part) || !knows(code, part, depth)) return false;
  }
  return true;
}

// A container that holds nothing new is new itself.
void Familiar::take_in(const Code& code, PyObject* item, PyObject* id) const {
  checked(PySet_Add(code.sets.seen.get(), id));
  checked(PyDict_SetDefault(tables_.objects.get(), id, item) ? 0 : -1);
}

int Familiar::traverse(visitproc visit, void* arg) const {
  for (const Owned* table :
       {&tables_.objects, &tables_.given, &tables_.tensors, &tables_.plain, &tables_.add_dict})
    Py_VISIT(table->get());
  for (const auto& [_, code] : codes_) {
    for (const Owned* item : {&code.code, &code.variables, &code.globals, &code.builtins,
                              &code.sets.seen, &code.sets.tensors})
      Py_VISIT(item->get());
    for (const Global& global : code.names) Py_VISIT(global.name.get());
  }
  return 0;
}

namespace {

struct FamiliarObject {
  PyObject_HEAD
  Familiar* familiar;
};

PyTypeObject* familiar_type = nullptr;

Familiar*& own(PyObject* self) { return reinterpret_cast<FamiliarObject*>(self)->familiar; }

PyObject* familiar_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"objects", "given", "tensors", "plain", "add_dict", nullptr};
    PyObject *objects, *given, *tensors, *plain, *add_dict;
    if (!PyArg_ParseTupleAndKeywords(
            arguments, keywords, "O!O!O!O!O:Familiar", const_cast<char**>(names), &PyDict_Type,
            &objects, &PyDict_Type, &given, &PyDict_Type, &tensors, &PySet_Type, &plain, &add_dict))
      throw PythonError();
    Owned self(type->tp_alloc(type, 0));
    own(self.get()) =
        new Familiar({Owned::borrow(objects), Owned::borrow(given), Owned::borrow(tensors),
                      Owned::borrow(plain), Owned::borrow(add_dict)});
    return self.release();
  });
}

PyObject* familiar_remember(PyObject* self, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *frame, *variables, *globals, *seen, *tensors;
    int passes;
    if (!PyArg_ParseTuple(arguments, "O!O!O!O!O!p:remember", &PyFrame_Type, &frame, &PyTuple_Type,
                          &variables, &PyTuple_Type, &globals, &PySet_Type, &seen, &PySet_Type,
                          &tensors, &passes))
      throw PythonError();
    own(self)->remember(frame, Owned::borrow(variables), globals,
                        {Owned::borrow(seen), Owned::borrow(tensors)}, passes != 0);
    Py_RETURN_NONE;
  });
}

PyObject* familiar_clear(PyObject* self, PyObject*) {
  own(self)->clear();
  Py_RETURN_NONE;
}

int familiar_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return own(self) ? own(self)->traverse(visit, arg) : 0;
}

void familiar_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  delete std::exchange(own(self), nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"remember", familiar_remember, METH_VARARGS, "What a frame begins with has been looked into."},
    {"clear", familiar_clear, METH_NOARGS, "All code is to be told of again."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, slot(familiar_new)},
                       {Py_tp_dealloc, slot(familiar_dealloc)},
                       {Py_tp_traverse, slot(familiar_traverse)},
                       {Py_tp_methods, methods},
                       {Py_tp_doc, const_cast<char*>("What a recording has looked into already.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.Familiar", sizeof(FamiliarObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

Familiar* familiar_in(PyObject* object) {
  return Py_TYPE(object) == familiar_type ? own(object) : nullptr;
}

void add_familiar(PyObject* module) {
  familiar_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "Familiar", reinterpret_cast<PyObject*>(familiar_type)));
}

}  // namespace steep::bindings
