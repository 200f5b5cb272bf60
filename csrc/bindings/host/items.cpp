// Assignments to dicts and comparisons of them, during which no Python code runs.
#include "bindings/host/changes.h"

#include <algorithm>

#include "bindings/autograd/autograd.h"
#include "tensor/small_vector.h"

namespace steep::bindings {

namespace {

// The value under a key, borrowed; null where there is none.
PyObject* find(PyObject* dict, PyObject* key) {
  PyObject* const value = PyDict_GetItemWithError(dict, key);
  if (!value && PyErr_Occurred()) throw PythonError();
  return value;
}

}  // namespace

void Assignments::assign_one(PyObject* entry) {
  const bool sets = PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) == 3;
  if (!sets && !(PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) == 2))
    raise(PyExc_TypeError, "set_items: expected (dict, key, value) or (dict, key)");
  PyObject* const dict = PyTuple_GET_ITEM(entry, 0);
  PyObject* const key = PyTuple_GET_ITEM(entry, 1);
  if (!PyDict_Check(dict))
    raise(PyExc_TypeError, join("set_items: expected a dict, got ", type_name(dict)));
  PyObject* const old = find(dict, key);
  if (!old && !sets) return;
  Made made{Owned::borrow(dict), Owned::borrow(key), old ? Owned::borrow(old) : Owned()};
  checked(sets ? PyDict_SetItem(dict, key, PyTuple_GET_ITEM(entry, 2)) : PyDict_DelItem(dict, key));
  made_.push_back(std::move(made));  // room is reserved
}

void Assignments::assign(PyObject* entries) {
  if (!PyList_Check(entries)) raise(PyExc_TypeError, "set_items: expected a list");
  const Items list("set_items", entries);
  made_.reserve(made_.size() + static_cast<size_t>(list.size()));
  // A deleted key would come back at the end of its dict, so such a dict is restored as a whole, in
  // its order.
  for (Py_ssize_t i = 0; i < list.size(); ++i) {
    const Owned entry = list[i];
    if (!PyTuple_Check(entry.get()) || PyTuple_GET_SIZE(entry.get()) != 2) continue;
    PyObject* const dict = PyTuple_GET_ITEM(entry.get(), 0);
    const auto is_dict = [&](const Snapshot& snapshot) { return snapshot.dict.get() == dict; };
    if (PyDict_Check(dict) && std::none_of(snapshots_.begin(), snapshots_.end(), is_dict))
      snapshots_.push_back({Owned::borrow(dict), Owned(PyDict_Copy(dict))});
  }
  for (Py_ssize_t i = 0; i < list.size(); ++i) assign_one(list[i].get());
}

Assignments::~Assignments() {
  if (kept_ || made_.empty()) return;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  for (size_t i = made_.size(); i-- > 0;) {
    const Made& made = made_[i];
    const int result = made.old ? PyDict_SetItem(made.dict.get(), made.key.get(), made.old.get())
                                : PyDict_DelItem(made.dict.get(), made.key.get());
    if (result < 0) PyErr_WriteUnraisable(made.dict.get());
  }
  for (const Snapshot& snapshot : snapshots_) {
    PyDict_Clear(snapshot.dict.get());
    if (PyDict_Update(snapshot.dict.get(), snapshot.before.get()) < 0)
      PyErr_WriteUnraisable(snapshot.dict.get());
  }
  PyErr_Restore(type, value, trace);
}

namespace {

PyObject* set_items(PyObject*, PyObject* entries) {
  return guarded([&]() -> PyObject* {
    Assignments made;
    made.assign(entries);
    made.keep();
    Py_RETURN_NONE;
  });
}

// same_objects(a, b): whether two lists hold the same objects.
PyObject* same_objects(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !PyList_Check(args[0]) || !PyList_Check(args[1]))
      raise(PyExc_TypeError, "same_objects: expected two lists");
    const Py_ssize_t size = PyList_GET_SIZE(args[0]);
    bool same = size == PyList_GET_SIZE(args[1]);
    for (Py_ssize_t i = 0; same && i < size; ++i)
      same = PyList_GET_ITEM(args[0], i) == PyList_GET_ITEM(args[1], i);
    return PyBool_FromLong(same);
  });
}

// Reads a dict in the order of its keys, in which the columns were laid out: as long as the keys
// come in that order, none needs to be looked up.
class InOrder {
 public:
  explicit InOrder(PyObject* dict) : dict_(dict) {}

  // The value under a key, borrowed; null where there is none.
  PyObject* next(PyObject* key) {
    PyObject *found, *value;
    while (PyDict_Next(dict_, &at_, &found, &value))
      if (found == key) return value;
    return find(dict_, key);
  }

 private:
  PyObject* dict_;
  Py_ssize_t at_ = 0;
};

struct Column {
  PyObject *name, *values;  // borrowed
};

// The lists that are not empty, of dict[str, list].
SmallVector<Column, 8> columns_of(PyObject* lists) {
  SmallVector<Column, 8> columns;
  Py_ssize_t at = 0;
  PyObject *name, *values;
  while (PyDict_Next(lists, &at, &name, &values))
    if (PyList_Check(values) && PyList_GET_SIZE(values) > 0) columns.push_back({name, values});
  return columns;
}

// Whether an owner's entry has, under the name of each column, the column's item i; nothing or None
// if that item is None.
bool entry_matches(PyObject* entry, const SmallVector<Column, 8>& columns, Py_ssize_t i) {
  InOrder values(entry);
  return std::all_of(columns.begin(), columns.end(), [&](const Column& column) {
    PyObject* const value = values.next(column.name);
    return i < PyList_GET_SIZE(column.values) &&
           (value ? value : Py_None) == PyList_GET_ITEM(column.values, i);
  });
}

// state_matches(state, owners, columns): whether each nonempty column holds, for each owner, what
// state has under the column's name, or None if it has nothing.
PyObject* state_matches(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 3 || !PyDict_Check(args[0]) || !PyList_Check(args[1]) || !PyDict_Check(args[2]))
      raise(PyExc_TypeError, "state_matches: expected (dict, list, dict of lists)");
    const SmallVector<Column, 8> columns = columns_of(args[2]);
    const Items owners("state_matches", args[1]);
    for (const Column& column : columns)
      if (PyList_GET_SIZE(column.values) != owners.size()) Py_RETURN_FALSE;
    InOrder entries(args[0]);
    for (Py_ssize_t i = 0; !columns.empty() && i < owners.size(); ++i) {
      PyObject* const found = entries.next(owners[i].get());
      if (!found || !PyDict_Check(found)) Py_RETURN_FALSE;
      const Owned entry = Owned::borrow(found);
      if (!entry_matches(entry.get(), columns, i)) Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
  });
}

// call_with_item(dict, key, value, function, args, kwargs): however the call ends, the dict then
// has what it had before. A `finally` in Python could itself be interrupted.
PyObject* call_with_item(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 6 || !PyTuple_Check(args[4]) || !PyDict_Check(args[5]))
      raise(PyExc_TypeError, "call_with_item: expected (dict, key, value, function, tuple, dict)");
    const Owned entry(PyTuple_Pack(3, args[0], args[1], args[2]));
    const Owned entries(PyList_New(1));
    PyList_SET_ITEM(entries.get(), 0, new_reference(entry.get()));
    Assignments made;
    made.assign(entries.get());
    return PyObject_Call(args[3], args[4], args[5]);
  });
}

PyMethodDef functions[] = {
    {"set_items", set_items, METH_O,
     "Assigns every (dict, key, value) of a list, deletes every (dict, key): all of them or none."},
    {"same_objects", as_method(same_objects), METH_FASTCALL,
     "Whether two lists hold the same objects."},
    {"state_matches", as_method(state_matches), METH_FASTCALL,
     "Whether an optimiser's state holds, for each owner, the tensors in lists by name."},
    {"call_with_item", as_method(call_with_item), METH_FASTCALL,
     "Calls function(*args, **kwargs) while dict[key] is value, and puts back what was there."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_items(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
