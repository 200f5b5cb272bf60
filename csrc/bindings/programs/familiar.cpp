// These are the steps of Traversal._go_on (python/steep/compiler/_traversal.py): an object is
// passed over only where those would have changed nothing but what is changed here.
#include "bindings/programs/familiar.h"

#include <frameobject.h>

#include <cstdio>

#include "bindings/programs/call_key.h"
#include "bindings/programs/classes.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

constexpr int kDeepest = 4;            // how deeply tuples in tuples are searched
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

// What a dict has under a name (borrowed); null if there is nothing.
PyObject* item_of(PyObject* dict, PyObject* name) {
  PyObject* const item = PyDict_GetItemWithError(dict, name);
  if (!item && PyErr_Occurred()) throw PythonError();
  return item;
}

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

bool has_weak_reference(PyObject* item) {
  return PyType_SUPPORTS_WEAKREFS(Py_TYPE(item)) && *PyObject_GET_WEAKREFS_LISTPTR(item);
}

// The dict of an object's attributes; empty if it cannot have one, None if it does not show it.
Owned attributes_of(PyObject* item) {
  if (Py_TYPE(item)->tp_dictoffset == 0) return Owned();
  static PyObject* const name = checked(PyUnicode_InternFromString("__dict__"));
  PyObject* const found = PyObject_GenericGetAttr(item, name);
  if (found) return Owned(found);
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
  PyErr_Clear();
  return Owned::borrow(Py_None);
}
bool are_none(const Owned& attributes) {
  return !attributes ||
         (PyDict_CheckExact(attributes.get()) && PyDict_GET_SIZE(attributes.get()) == 0);
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

// PyUnicode_FromFormat would take most of the time here.
Owned joined(PyObject* text, const char* end) {
  const Owned other(PyUnicode_FromString(end));
  return Owned(PyUnicode_Concat(text, other.get()));
}

// Adds something to be looked into to a traversal's list.
void push(PyObject* waiting, PyObject* item, PyObject* path, PyObject* holder, PyObject* names) {
  const Owned one(PyTuple_Pack(4, item, path, holder, names));
  checked(PyList_Append(waiting, one.get()));
}

// A tuple of key, value, key, value, ... if all keys are strings; else empty.
Owned items_of(PyObject* dict) {
  Owned items(PyTuple_New(2 * PyDict_GET_SIZE(dict)));  // which may run code
  const Py_ssize_t size = PyTuple_GET_SIZE(items.get());
  if (2 * PyDict_GET_SIZE(dict) != size) return Owned();
  PyObject *key, *part;
  bool are_strings = true;
  for (Py_ssize_t at = 0, i = 0; PyDict_Next(dict, &at, &key, &part);) {
    are_strings = are_strings && PyUnicode_CheckExact(key);
    PyTuple_SET_ITEM(items.get(), i++, new_reference(key));
    PyTuple_SET_ITEM(items.get(), i++, new_reference(part));
  }
  return are_strings ? std::move(items) : Owned();
}

PyObject* path_in(PyObject* text) { return PyUnicode_Check(text) ? text : nullptr; }

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

void Familiar::reach(PyObject* item, PyObject* holder) const {
  if (!PyLong_CheckExact(holder)) return;
  const bool is_weak = PyLong_AsLongLong(holder) == -1;
  if (PyErr_Occurred()) throw PythonError();
  if (is_weak) return;
  const Owned id = id_of(item);
  PyObject* const known = item_of(tables_.holders.get(), id.get());
  Owned set = known ? Owned::borrow(known) : Owned(PySet_New(nullptr));
  if (!known) checked(PyDict_SetItem(tables_.holders.get(), id.get(), set.get()));
  checked(PySet_Add(set.get(), holder));
}

Owned Familiar::next() const {
  PyObject* const waiting = tables_.waiting.get();
  while (const Py_ssize_t size = PyList_GET_SIZE(waiting)) {
    Owned one = Owned::borrow(PyList_GET_ITEM(waiting, size - 1));
    checked(PyList_SetSlice(waiting, size - 1, size, nullptr));
    if (!PyTuple_CheckExact(one.get()) || PyTuple_GET_SIZE(one.get()) != 4)
      raise(PyExc_TypeError, join("next: expected a tuple of four, got ", type_name(one.get())));
    PyObject* const item = PyTuple_GET_ITEM(one.get(), 0);
    if (is_plain(item)) continue;
    PyObject* const known = item_of(tables_.sets.get(), PyTuple_GET_ITEM(one.get(), 3));
    if (has_weak_reference(item)) reach(item, PyTuple_GET_ITEM(one.get(), 2));
    if (!known) return one;
    const Sets of_names = sets_in(known);
    const bool is_done = is_tensor(item) ? in_set(of_names.tensors, id_of(Py_TYPE(item)).get()) &&
                                               meet(item, path_in(PyTuple_GET_ITEM(one.get(), 1)))
                                         : has_seen(of_names, item, id_of(item).get());
    if (!is_done && !look_into(one.get(), of_names, waiting)) return one;
  }
  return Owned();
}

bool Familiar::look_into(PyObject* one, const Sets& sets, PyObject* waiting) const {
  PyObject* const item = PyTuple_GET_ITEM(one, 0);
  if (is_tensor(item) || in_dict(tables_.given, id_of(item).get()) ||
      !PyUnicode_CheckExact(PyTuple_GET_ITEM(one, 1)))
    return false;
  if (!PyTuple_CheckExact(item)) return look_into_instance(one, sets, waiting);
  look_into_tuple(one, sets, waiting);
  return true;
}

void Familiar::look_into_tuple(PyObject* one, const Sets& sets, PyObject* waiting) const {
  PyObject* const item = PyTuple_GET_ITEM(one, 0);
  const Owned id = id_of(item);
  take_in(sets, item, id.get());
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(item); ++i) {
    PyObject* const part = PyTuple_GET_ITEM(item, i);
    if (is_plain(part)) continue;
    char index[32];
    std::snprintf(index, sizeof index, "[%lld]", static_cast<long long>(i));
    const Owned path = joined(PyTuple_GET_ITEM(one, 1), index);
    push(waiting, part, path.get(), id.get(), PyTuple_GET_ITEM(one, 3));
  }
}

// Does what compiler/_ways.py does with a dict.
bool Familiar::look_into_dict(PyObject* one, const Sets& sets, PyObject* waiting) const {
  PyObject *const item = PyTuple_GET_ITEM(one, 0), *const path = PyTuple_GET_ITEM(one, 1);
  if (PyDict_GET_SIZE(item) > kMostItems || item == PyImport_GetModuleDict()) return false;
  const Owned items = items_of(item);
  if (!items) return false;
  const Owned id = id_of(item);
  take_in(sets, item, id.get());
  cells().add(Cell::Kind::dict, item, nullptr, items.get(), path, nullptr);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); i += 2) {
    PyObject* const part = PyTuple_GET_ITEM(items.get(), i + 1);
    if (is_plain(part)) continue;
    const Owned label(PyUnicode_FromFormat("%U[%R]", path, PyTuple_GET_ITEM(items.get(), i)));
    push(waiting, part, label.get(), id.get(), PyTuple_GET_ITEM(one, 3));
  }
  return true;
}

// Does what Traversal.own_part does, for instances that have no other part.
bool Familiar::look_into_instance(PyObject* one, const Sets& sets, PyObject* waiting) const {
  PyObject *const item = PyTuple_GET_ITEM(one, 0), *const path = PyTuple_GET_ITEM(one, 1);
  PyObject* const type = reinterpret_cast<PyObject*>(Py_TYPE(item));
  PyObject* const found = item_of(sets.instances.get(), id_of(type).get());
  if (found == Py_None) return look_into_dict(one, sets, waiting);
  if (!found || !PyTuple_CheckExact(found) || PyUnicode_GET_LENGTH(path) == 0) return false;
  const Owned known = Owned::borrow(found);
  PyObject *names, *rare;
  int stays;
  if (!PyArg_ParseTuple(known.get(), "O!O!p", &PyTuple_Type, &names, &PyTuple_Type, &rare, &stays))
    throw PythonError();
  const Owned values = attributes_of(item);
  if (are_none(values) || !PyDict_CheckExact(values.get())) return false;
  const Owned id = id_of(item);
  take_in(sets, item, id.get());
  const Owned kind(PyTuple_Pack(2, type, stays ? Py_None : values.get()));
  static PyObject* const of = checked(PyUnicode_FromString("the class of "));
  const Owned text(PyUnicode_Concat(of, path));
  cells().add(Cell::Kind::instance, item, nullptr, kind.get(), text.get(), nullptr);
  look_for_each(values.get(), names, rare, path, sets, [&](PyObject* value, PyObject* label) {
    push(waiting, value, label, id.get(), PyTuple_GET_ITEM(one, 3));
  });
  return true;
}

PyObject* Familiar::look_for(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                             const Sets& sets) const {
  Owned found(PyList_New(0));
  look_for_each(values, names, rare, path, sets, [&](PyObject* value, PyObject* label) {
    const Owned pair(PyTuple_Pack(2, value, label));
    checked(PyList_Append(found.get(), pair.get()));
  });
  return found.release();
}

template <class Found>
void Familiar::look_for_each(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                             const Sets& sets, const Found& found) const {
  const Py_ssize_t sure = PyTuple_GET_SIZE(names);
  Owned holder;
  for (Py_ssize_t i = 0; i < sure + PyTuple_GET_SIZE(rare); ++i) {
    PyObject* const name = i < sure ? PyTuple_GET_ITEM(names, i) : PyTuple_GET_ITEM(rare, i - sure);
    if (i >= sure && !item_of(values, name)) continue;
    const Owned value = look_for_one(values, name, path, sets);
    if (!value) continue;
    if (!holder) holder = joined(path, ".");
    const Owned label(PyUnicode_CheckExact(name)
                          ? PyUnicode_Concat(holder.get(), name)
                          : PyUnicode_FromFormat("%U%S", holder.get(), name));
    found(value.get(), label.get());
  }
}

Owned Familiar::look_for_one(PyObject* values, PyObject* name, PyObject* path,
                             const Sets& sets) const {
  PyObject* const item = item_of(values, name);
  Owned value = item ? Owned::borrow(item) : Owned();
  cells().add(Cell::Kind::item, values, name, value.get(), path, name, CellList::Form::dotted);
  if (!value || is_plain(value.get())) return Owned();
  const bool is_known = !is_tensor(value.get()) && !has_weak_reference(value.get()) &&
                        has_seen(sets, value.get(), id_of(value.get()).get());
  return is_known ? Owned() : std::move(value);
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
