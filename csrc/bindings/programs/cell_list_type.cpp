// _core.CellList: an object of Python's around a CellList.
#include "bindings/programs/cell_list.h"
#include "bindings/programs/symbolic.h"
#include "bindings/references.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

struct ListObject {
  PyObject_HEAD
  CellList* cells;
};

PyTypeObject* list_type = nullptr;

CellList*& own(PyObject* self) { return reinterpret_cast<ListObject*>(self)->cells; }

size_t index_in(PyObject* self, PyObject* number) {
  const size_t index = PyLong_AsSize_t(number);
  if (PyErr_Occurred()) throw PythonError();
  if (index >= own(self)->size())
    raise(PyExc_IndexError,
          join("cells: expected an index below ", own(self)->size(), ", got ", index));
  return index;
}

PyObject* list_new(PyTypeObject* type, PyObject*, PyObject*) {
  return guarded([&]() -> PyObject* {
    Owned self(type->tp_alloc(type, 0));
    own(self.get()) = new CellList();
    return self.release();
  });
}

void list_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  delete std::exchange(own(self), nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

int list_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return own(self) ? own(self)->traverse(visit, arg) : 0;
}

int list_clear(PyObject* self) {
  if (own(self)) own(self)->clear();
  return 0;
}

// keep(cell, description, name=None)
PyObject* keep(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 2 || count > 3 || !PyTuple_CheckExact(args[0]) || PyTuple_GET_SIZE(args[0]) != 4)
      raise(PyExc_TypeError, "keep: expected (cell, description, name=None)");
    PyObject* const value = PyTuple_GET_ITEM(args[0], 3);
    own(self)->add(kind_of_cell(PyTuple_GET_ITEM(args[0], 0)), PyTuple_GET_ITEM(args[0], 1),
                   PyTuple_GET_ITEM(args[0], 2), value == absent() ? nullptr : value, args[1],
                   count == 3 ? args[2] : nullptr);
    Py_RETURN_NONE;
  });
}

// Making a tuple may collect garbage, which may run code: what goes into it is held by then.
Owned tuple_of(const Cell& cell) {
  const Owned holder = Owned::borrow(cell.holder.get()), key = Owned::borrow(cell.key.get());
  const Owned value = Owned::borrow(cell.value ? cell.value.get() : absent());
  const Owned kind(PyLong_FromLong(static_cast<long>(cell.kind)));
  return Owned(PyTuple_Pack(4, kind.get(), holder.get(), key.get(), value.get()));
}

// A list of what is said of each cell that is wanted.
template <class Wanted, class Said>
PyObject* listed(PyObject* self, const Wanted& wanted, const Said& said) {
  Owned found(PyList_New(0));
  for (size_t i = 0; i < own(self)->size(); ++i)
    if (wanted(i)) checked(PyList_Append(found.get(), said(i).get()));
  return found.release();
}

Owned number_of(size_t number) { return Owned(PyLong_FromSize_t(number)); }

PyObject* entries(PyObject* self, void*) {
  return guarded([&] {
    return listed(
        self, [](size_t) { return true; },
        [&](size_t i) { return tuple_of((*own(self))[i].cell); });
  });
}

PyObject* entry(PyObject* self, PyObject* index) {
  return guarded([&] { return tuple_of((*own(self))[index_in(self, index)].cell).release(); });
}

// (description, name)
PyObject* whence(PyObject* self, PyObject* index) {
  return guarded([&]() -> PyObject* {
    const CellList::DescribedCell& kept = (*own(self))[index_in(self, index)];
    const bool whole = kept.form == CellList::Form::whole;
    const Owned name = Owned::borrow(kept.name.get());
    Owned text = Owned::borrow(kept.description.get());
    if (!whole) text = Owned(PyUnicode_FromFormat("%U.%S", text.get(), name.get()));
    return PyTuple_Pack(2, text.get(), name.get());
  });
}

PyObject* replace(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "replace: expected (index, value)");
    const size_t index = index_in(self, args[0]);
    own(self)->replace(index, args[1] == absent() ? nullptr : args[1]);
    return number_of((*own(self))[index].number).release();
  });
}

// The index of the first of some numbers that is left, in their order.
PyObject* index_of(PyObject* self, PyObject* numbers) {
  return guarded([&]() -> PyObject* {
    const Items wanted("index_of", numbers);
    for (Py_ssize_t k = 0; k < wanted.size(); ++k) {
      const size_t number = PyLong_AsSize_t(wanted[k].get());
      if (PyErr_Occurred()) throw PythonError();
      for (size_t i = 0; i < own(self)->size(); ++i)
        if ((*own(self))[i].number == number) return number_of(i).release();
    }
    Py_RETURN_NONE;
  });
}

PyObject* first_broken(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    for (size_t i = 0; i < own(self)->size(); ++i)
      if (!own(self)->holds(i)) return number_of(i).release();
    Py_RETURN_NONE;
  });
}

PyObject* all_broken(PyObject* self, PyObject*) {
  return guarded(
      [&] { return listed(self, [&](size_t i) { return !own(self)->holds(i); }, number_of); });
}

bool holds_symbols(const Cell& cell) {
  PyObject* const value = cell.value.get();
  if (!value) return false;
  if (is_symbolic(value)) return true;
  for (Py_ssize_t i = 0; PyTuple_CheckExact(value) && i < PyTuple_GET_SIZE(value); ++i)
    if (is_symbolic(PyTuple_GET_ITEM(value, i))) return true;
  return false;
}

PyObject* symbolic(PyObject* self, PyObject*) {
  return guarded([&] {
    return listed(self, [&](size_t i) { return holds_symbols((*own(self))[i].cell); }, number_of);
  });
}

template <class Visit>
void each_value(PyObject* dict, const Visit& visit) {
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);) visit(key, value);
}

Counts counts_of(PyObject* self, PyObject* objects) {
  Counts counts(static_cast<size_t>(PyDict_GET_SIZE(objects)));
  each_value(objects, [&](PyObject*, PyObject* object) { counts.add(object); });
  own(self)->count(counts);
  return counts;
}

PyObject* count_held(PyObject* self, PyObject* objects) {
  return guarded([&]() -> PyObject* {
    if (!PyDict_Check(objects))
      raise(PyExc_TypeError, join("count_held: expected a dict, got ", type_name(objects)));
    const Counts counts = counts_of(self, objects);
    Owned found(PyList_New(0));
    std::vector<Py_ssize_t> numbers;
    each_value(objects, [&](PyObject*, PyObject* object) { numbers.push_back(counts[object]); });
    for (const Py_ssize_t number : numbers)
      checked(PyList_Append(found.get(), Owned(PyLong_FromSsize_t(number)).get()));
    return found.release();
  });
}

// The ids of the objects that nobody holds but the cells, and the dict of objects.
PyObject* dead(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    PyObject* const objects = own(self)->objects();
    const Counts counts = counts_of(self, objects);
    Owned found(PySet_New(nullptr));
    std::vector<Owned> ids;
    each_value(objects, [&](PyObject* id, PyObject* object) {
      if (references_to(object) == counts[object] + 1) ids.push_back(Owned::borrow(id));
    });
    for (const Owned& id : ids) checked(PySet_Add(found.get(), id.get()));
    return found.release();
  });
}

// drop(ids, kind=-1)
PyObject* drop(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 1 || count > 2) raise(PyExc_TypeError, "drop: expected (ids, kind=-1)");
    const long kind = count == 2 ? PyLong_AsLong(args[1]) : -1;
    if (PyErr_Occurred()) throw PythonError();
    std::unordered_set<const void*> holders;
    const Owned ids(PySequence_List(args[0]));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ids.get()); ++i) {
      holders.insert(PyLong_AsVoidPtr(PyList_GET_ITEM(ids.get(), i)));
      if (PyErr_Occurred()) throw PythonError();
    }
    own(self)->drop(holders, static_cast<int>(kind));
    Py_RETURN_NONE;
  });
}

constexpr const char* kOfTensors = "a tensor's memory or settings";

// Of all that the recording has not made.
PyObject* keep_states(PyObject* self, PyObject* tensors) {
  return guarded([&]() -> PyObject* {
    const Owned description(PyUnicode_FromString(kOfTensors));
    const Owned list(PySequence_List(tensors));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
      const Owned tensor = Owned::borrow(PyList_GET_ITEM(list.get(), i));
      if (!is_tensor(tensor.get()))
        raise(PyExc_TypeError,
              join("keep_states: expected tensors, got ", type_name(tensor.get())));
      if (is_made(tensor_of(tensor.get()))) continue;
      const Owned state(state_of(tensor_of(tensor.get())));
      own(self)->add(Cell::Kind::tensor, tensor.get(), nullptr, state.get(), description.get(),
                     nullptr);
    }
    Py_RETURN_NONE;
  });
}

void check_known(PyObject* known) {
  if (!PyTuple_CheckExact(known) || PyTuple_GET_SIZE(known) != 3 ||
      !is_tensor(PyTuple_GET_ITEM(known, 0)) || !PyTuple_CheckExact(PyTuple_GET_ITEM(known, 2)))
    raise(PyExc_TypeError,
          join("keep_tensors: expected a tensor, its state and hooks, got ", type_name(known)));
}

// keep_tensors({id: (tensor, state, hooks)}, outputs): of those that someone else holds, who may
// change their settings, and which are not among the outputs. The dict is empty after it.
PyObject* keep_tensors(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !PyDict_CheckExact(args[0]) || !PySet_Check(args[1]))
      raise(PyExc_TypeError, "keep_tensors: expected (dict, set)");
    const Owned description(PyUnicode_FromString(kOfTensors));
    const Owned of_hooks(PyUnicode_FromString("the hooks of a tensor"));
    const Owned ids(PyDict_Keys(args[0]));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ids.get()); ++i) {
      PyObject* const id = PyList_GET_ITEM(ids.get(), i);
      Owned known = Owned::borrow(checked(PyDict_GetItemWithError(args[0], id)));
      checked(PyDict_DelItem(args[0], id));
      check_known(known.get());
      const Tensor tensor = tensor_of(PyTuple_GET_ITEM(known.get(), 0));
      const Owned state = Owned::borrow(PyTuple_GET_ITEM(known.get(), 1));
      const Owned hooks = Owned::borrow(PyTuple_GET_ITEM(known.get(), 2));
      const int returned = PySet_Contains(args[1], id);
      checked(returned);
      known = Owned();  // an object that nobody else holds ends with it
      if (returned || !tensor->python) continue;
      const Owned object(wrap(tensor));
      own(self)->add(Cell::Kind::tensor, object.get(), nullptr, state.get(), description.get(),
                     nullptr);
      if (PyTuple_GET_SIZE(hooks.get()) > 0)
        own(self)->add(Cell::Kind::hooks, object.get(), nullptr, hooks.get(), of_hooks.get(),
                       nullptr);
    }
    Py_RETURN_NONE;
  });
}

bool holds_tensors(const Cell& cell) {
  PyObject* const value = cell.value.get();
  if (!value) return false;
  if (is_tensor(value)) return true;
  for (Py_ssize_t i = 0; PyTuple_Check(value) && i < PyTuple_GET_SIZE(value); ++i)
    if (is_tensor(PyTuple_GET_ITEM(value, i))) return true;
  return false;
}

PyObject* tensors_met_before(PyObject* self, PyObject* other) {
  return guarded([&]() -> PyObject* {
    const CellList* const before = cell_list_in(other);
    if (!before)
      raise(PyExc_TypeError, join("cells: expected other cells, got ", type_name(other)));
    const auto wanted = [&](size_t i) {
      const Cell& cell = (*own(self))[i].cell;
      return holds_tensors(cell) && before->has_met(cell);
    };
    return listed(self, wanted, [&](size_t i) { return tuple_of((*own(self))[i].cell); });
  });
}

PyObject* objects(PyObject* self, void*) { return new_reference(own(self)->objects()); }

Py_ssize_t length(PyObject* self) { return static_cast<Py_ssize_t>(own(self)->size()); }

PyMethodDef methods[] = {
    {"keep", as_method(keep), METH_FASTCALL, "Keep a cell unless it is there already."},
    {"entry", entry, METH_O, "The cell at an index: (kind, holder, key, value)."},
    {"whence", whence, METH_O, "What messages call it: a description, and the name."},
    {"replace", as_method(replace), METH_FASTCALL,
     "Put another value into the cell at an index; returns its number."},
    {"index_of", index_of, METH_O, "The index of the first of some numbers that is left, or None."},
    {"first_broken", first_broken, METH_NOARGS,
     "The index of the first cell that holds something else now, or None."},
    {"all_broken", all_broken, METH_NOARGS, "The indices of all such cells."},
    {"symbolic", symbolic, METH_NOARGS,
     "The indices of cells with stand-ins for numbers, alone or in a tuple."},
    {"count_held", count_held, METH_O,
     "How often the cells hold each of the values of a dict, in their order."},
    {"dead", dead, METH_NOARGS, "Ids of the objects that nothing else holds any more."},
    {"drop", as_method(drop), METH_FASTCALL,
     "Drop the cells, of one kind or all, of some holders."},
    {"keep_states", keep_states, METH_O, "Keep the states of tensors that were not made here."},
    {"keep_tensors", as_method(keep_tensors), METH_FASTCALL,
     "Keep those of tensors by id that someone else holds, other than outputs; empties the dict."},
    {"tensors_met_before", tensors_met_before, METH_O,
     "Cells that hold tensors and that another recording has found too."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {
    {"entries", entries, nullptr, "All cells.", nullptr},
    {"objects", objects, nullptr, "Whatever has been looked into, by id.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, slot(list_new)},
                       {Py_tp_dealloc, slot(list_dealloc)},
                       {Py_tp_traverse, slot(list_traverse)},
                       {Py_tp_clear, slot(list_clear)},
                       {Py_sq_length, slot(length)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_doc, const_cast<char*>("The cells that one recording has found.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.CellList", sizeof(ListObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

CellList* cell_list_in(PyObject* object) {
  return PyObject_TypeCheck(object, list_type) ? own(object) : nullptr;
}

void add_cell_list(PyObject* module) {
  list_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "CellList", reinterpret_cast<PyObject*>(list_type)));
}

}  // namespace steep::bindings
