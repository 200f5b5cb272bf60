// These are the steps of Traversal._go_on (python/steep/compiler/_traversal.py): an object is
// passed over only where those would have changed nothing but what is changed here.
#include "bindings/programs/lookups.h"

#include <frameobject.h>

#include "bindings/programs/call_key.h"
#include "bindings/programs/classes.h"

namespace steep::bindings {

namespace {

constexpr int kDeepest = 4;  // how deeply tuples in tuples are searched

// "f_locals" or another of a frame.
Owned attribute_of(PyObject* frame, const char* name) {
#if PY_VERSION_HEX >= 0x030B0000
  auto* const object = reinterpret_cast<PyFrameObject*>(frame);
  if (name[2] == 'l') return Owned(PyFrame_GetLocals(object));
  return Owned(name[2] == 'g' ? PyFrame_GetGlobals(object) : PyFrame_GetBuiltins(object));
#else
  return Owned(PyObject_GetAttrString(frame, name));
#endif
}

// The value of a variable in a frame that begins; empty if the frame does not have it.
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

Familiar::Sets Familiar::sets_in(PyObject* tuple) {
  if (!PyTuple_CheckExact(tuple) || PyTuple_GET_SIZE(tuple) != 3 ||
      !PySet_Check(PyTuple_GET_ITEM(tuple, 0)) || !PySet_Check(PyTuple_GET_ITEM(tuple, 1)) ||
      !PyDict_Check(PyTuple_GET_ITEM(tuple, 2)))
    raise(PyExc_TypeError, join("familiar: expected two sets and a dict, got ", type_name(tuple)));
  return {Owned::borrow(PyTuple_GET_ITEM(tuple, 0)), Owned::borrow(PyTuple_GET_ITEM(tuple, 1)),
          Owned::borrow(PyTuple_GET_ITEM(tuple, 2))};
}

void Familiar::remember(PyObject* frame, Owned variables, PyObject* globals, Owned names,
                        bool passes) {
  PyObject* const sets = item_of(tables_.sets.get(), names.get());
  if (!sets) return;
  Owned code(PyObject_GetAttrString(frame, "f_code"));
  Code known{std::move(code),  std::move(variables), {},    {}, {},
             std::move(names), sets_in(sets),        passes};
  const Py_ssize_t size = PyTuple_GET_SIZE(globals);
  if (size > 0) {
    known.globals = attribute_of(frame, "f_globals");
    known.builtins = attribute_of(frame, "f_builtins");
    if (!PyDict_CheckExact(known.globals.get()) || !PyDict_CheckExact(known.builtins.get())) return;
  }
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* const name = PyTuple_GET_ITEM(globals, i);
    PyObject* holder = known.globals.get();
    PyObject* value = item_of(holder, name);
    if (!value) value = item_of(holder = known.builtins.get(), name);
    known.named.push_back(
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
  values = attribute_of(frame, "f_locals");
  if (!PyDict_CheckExact(values.get()) || PyDict_GET_SIZE(values.get()) != PyTuple_GET_SIZE(names))
    return false;
#endif
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject* const name = PyTuple_GET_ITEM(names, i);
    const Owned value = variable_of(frame, values.get(), name);
    if (!value) return false;
    if (is_looked_at(name) && !knows_variable(known, name, value.get()) &&
        !get_to_know(known, name, value.get()))
      return false;
  }
  return true;
}

bool Familiar::get_to_know(const Code& code, PyObject* name, PyObject* value) const {
  if (code.passes && PyCFunction_Check(value)) return false;
  PyObject* const waiting = tables_.waiting.get();
  push(waiting, value, name, Py_None, code.names.get());
  const Owned left = next();
  if (left) checked(PyList_Append(waiting, left.get()));
  return !left;
}

// Whether each is the same object in the same dict, and has not got its first weak reference since.
bool Familiar::knows_globals(const Code& code, PyObject* frame) const {
  if (code.named.empty()) return true;
  const Owned globals = attribute_of(frame, "f_globals");
  const Owned builtins = attribute_of(frame, "f_builtins");
  if (globals.get() != code.globals.get() || builtins.get() != code.builtins.get()) return false;
  for (const Global& global : code.named) {
    PyObject* holder = globals.get();
    PyObject* found = item_of(holder, global.name.get());
    if (!found) found = item_of(holder = builtins.get(), global.name.get());
    if (found != global.value || (found && holder != global.holder)) return false;
    if (!found || is_plain(found)) continue;
    const Owned value = Owned::borrow(found);
    if (!global.has_weak_reference && has_weak_reference(found)) return false;
    if (!knows(code, found, nullptr, kDeepest)) return false;
  }
  return true;
}

bool Familiar::knows_variable(const Code& code, PyObject* name, PyObject* value) const {
  if (code.passes && PyCFunction_Check(value)) return false;
  if (knows(code, value, name, 0)) return true;
  if (!PyDict_CheckExact(value) || PyDict_GET_SIZE(value) > kMostItems) return false;
  const Owned id = id_of(value);
  if (in_dict(tables_.given, id.get()) || in_set(code.sets.seen, id.get())) return false;
  const Owned items = items_of(value);
  if (!items) return false;
  if (!knows_parts(code, items.get(), kDeepest)) return false;
  take_in(code.sets, value, id.get());
  cells().add(Cell::Kind::dict, value, nullptr, items.get(), name, nullptr);
  return true;
}

bool Familiar::knows(const Code& code, PyObject* item, PyObject* path, int depth) const {
  if (is_plain(item)) return true;
  const Owned id = id_of(item);
  if (is_tensor(item))
    return in_set(code.sets.tensors, id_of(Py_TYPE(item)).get()) && meet(item, path);
  if (has_seen(code.sets, item, id.get())) return true;
  if (depth == kDeepest || !PyTuple_CheckExact(item) || in_dict(tables_.given, id.get()) ||
      !knows_parts(code, item, depth + 1))
    return false;
  take_in(code.sets, item, id.get());
  return true;
}

// For anything but a tensor.
bool Familiar::has_seen(const Sets& sets, PyObject* item, PyObject* id) const {
  if (in_dict(tables_.given, id)) return false;
  return in_set(sets.seen, id) || in_set(tables_.plain, id_of(Py_TYPE(item)).get());
}

// A tensor with attributes may have got others meanwhile. What the recording made, and what was met
// before, needs no further look.
bool Familiar::meet(PyObject* tensor, PyObject* path) const {
  const Owned attributes = attributes_of(tensor);
  const Owned id = id_of(tensor);
  if (!are_none(attributes)) return false;
  if (is_made(tensor_of(tensor)) || in_dict(tables_.tensors, id.get()) ||
      in_dict(tables_.given, id.get()))
    return true;
  if (has_hooks(tensor_of(tensor)) || (attributes && !path)) return false;
  const Owned state(state_of(tensor_of(tensor)));
  const Owned no_hooks(PyTuple_New(0));
  const Owned known(PyTuple_Pack(3, tensor, state.get(), no_hooks.get()));
  checked(PyDict_SetItem(tables_.tensors.get(), id.get(), known.get()));
  if (attributes)
    cells().add(Cell::Kind::dict, attributes.get(), nullptr, no_hooks.get(), path, nullptr);
  return true;
}

// A container holds its parts. For parts with weak references that has to be noted, so they are not
// passed over here.
bool Familiar::knows_parts(const Code& code, PyObject* tuple, int depth) const {
  if (PyTuple_GET_SIZE(tuple) > 2 * kMostItems) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* const part = PyTuple_GET_ITEM(tuple, i);
    if (is_plain(part)) continue;
    if (has_weak_reference(part) || !knows(code, part, nullptr, depth)) return false;
  }
  return true;
}

// The container itself is new, though nothing in it is.
void Familiar::take_in(const Sets& sets, PyObject* item, PyObject* id) const {
  checked(PySet_Add(sets.seen.get(), id));
  checked(PyDict_SetDefault(cells().objects(), id, item) ? 0 : -1);
}

int Familiar::traverse(visitproc visit, void* arg) const {
  for (const Owned* table : {&tables_.cells, &tables_.given, &tables_.tensors, &tables_.holders,
                             &tables_.plain, &tables_.waiting, &tables_.sets})
    Py_VISIT(table->get());
  for (const auto& [_, code] : codes_) {
    for (const Owned* item :
         {&code.code, &code.variables, &code.globals, &code.builtins, &code.names, &code.sets.seen,
          &code.sets.tensors, &code.sets.instances})
      Py_VISIT(item->get());
    for (const Global& global : code.named) Py_VISIT(global.name.get());
  }
  return 0;
}

}  // namespace steep::bindings
