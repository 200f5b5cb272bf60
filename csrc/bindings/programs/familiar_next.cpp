// Looking into objects of known kinds: the list of a traversal is worked off as far as no Python code
// is needed for it.
#include <cstdio>

#include "bindings/programs/classes.h"
#include "bindings/programs/lookups.h"

namespace steep::bindings {

namespace {

// PyUnicode_FromFormat would take most of the time here.
Owned joined(PyObject* text, const char* end) {
  const Owned other(PyUnicode_FromString(end));
  return Owned(PyUnicode_Concat(text, other.get()));
}

PyObject* path_in(PyObject* text) { return PyUnicode_Check(text) ? text : nullptr; }

}  // namespace

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

}  // namespace steep::bindings
