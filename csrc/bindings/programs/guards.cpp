#include "bindings/programs/guards.h"

#include <algorithm>

#include "bindings/programs/cell_list.h"
#include "bindings/programs/dict_version.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

Guards::Guards(PyObject* list) {
  if (const CellList* const cells = cell_list_in(list)) {
    cells_.reserve(cells->size());
    for (size_t i = 0; i < cells->size(); ++i) cells_.push_back(cells->copy(i));
  } else if (PyList_Check(list)) {
    const Items items("guards", list);
    cells_.reserve(static_cast<size_t>(items.size()));
    for (Py_ssize_t i = 0; i < items.size(); ++i) cells_.push_back(cell_of(items[i].get()));
  } else {
    raise(PyExc_TypeError, join("guards: expected a list of cells, got ", type_name(list)));
  }
  std::stable_sort(cells_.begin(), cells_.end(), [](const Cell& a, const Cell& b) {
    return std::make_pair(a.holder.get(), a.kind) < std::make_pair(b.holder.get(), b.kind);
  });
  for (size_t first = 0, i = 1; i <= cells_.size(); ++i) {
    if (i < cells_.size() && cells_[i].holder.get() == cells_[first].holder.get() &&
        cells_[i].kind == cells_[first].kind)
      continue;
    add_group(first, i);
    first = i;
  }
}

void Guards::add_group(size_t begin, size_t end) {
  using Kind = Cell::Kind;
  PyObject* const holder = cells_[begin].holder.get();
  const Kind kind = cells_[begin].kind;
  const bool is_dict = kind == Kind::item || kind == Kind::dict;
  const uint64_t* const version = is_dict ? version_of_dict(holder) : nullptr;
  if (version) {
    dicts_.push_back({version, 0, begin, end});
  } else if (kind == Kind::type) {
    types_.push_back({&reinterpret_cast<PyTypeObject*>(holder)->tp_version_tag, 0, begin, end});
  } else {
    std::vector<size_t>& list = kind == Kind::tensor     ? tensors_
                                : kind == Kind::instance ? instances_
                                                         : others_;
    for (size_t i = begin; i < end; ++i) list.push_back(i);
  }
}

template <class Version>
bool Guards::hold(std::vector<HolderCells<Version>>& groups) const {
  for (HolderCells<Version>& group : groups) {
    if (*group.now == group.then && group.then != 0) continue;
    // Read first: comparing may run code that changes the holder.
    const Version version = *group.now;
    for (size_t i = group.begin; i < group.end; ++i)
      if (!cells_[i].holds()) return false;
    group.then = version;
  }
  return true;
}

bool Guards::hold() {
  const auto all = [this](const std::vector<size_t>& list, auto holds) {
    return std::all_of(list.begin(), list.end(), [&](size_t i) { return holds(cells_[i]); });
  };
  return hold(dicts_) && hold(types_) && all(tensors_, tensor_holds) &&
         all(instances_, instance_holds) && all(others_, [](const Cell& c) { return c.holds(); });
}

int Guards::traverse(visitproc visit, void* arg) const {
  for (const Cell& cell : cells_) {
    Py_VISIT(cell.holder.get());
    Py_VISIT(cell.key.get());
    Py_VISIT(cell.value.get());
  }
  return 0;
}

namespace {

// first_broken(cells): the index of the first cell that holds something else now, or None.
PyObject* first_broken(PyObject*, PyObject* list) {
  return guarded([&]() -> PyObject* {
    const Items cells("first_broken", list);
    for (Py_ssize_t i = 0; i < cells.size(); ++i)
      if (!cell_of(cells[i].get()).holds()) return PyLong_FromSsize_t(i);
    Py_RETURN_NONE;
  });
}

// found_in_type(type, name): what the type or one of its bases has there, or `absent`.
PyObject* look_up(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !PyType_Check(args[0]) || !PyUnicode_Check(args[1]))
      raise(PyExc_TypeError, "found_in_type: expected (type, name)");
    PyObject* const found = found_in_type(args[0], args[1]);
    return new_reference(found ? found : absent());
  });
}

// state_of(tensor): see cells.h; None for what this recording made.
PyObject* tensor_state(PyObject*, PyObject* object) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(object))
      raise(PyExc_TypeError, join("state_of: expected a Tensor, got ", type_name(object)));
    if (is_made(tensor_of(object))) Py_RETURN_NONE;
    return state_of(tensor_of(object));
  });
}

// same_value(a, b): see cells.h.
PyObject* are_same(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "same_value: expected two objects");
    return PyBool_FromLong(same_value(args[0], args[1]));
  });
}

PyMethodDef functions[] = {
    {"same_value", as_method(are_same), METH_FASTCALL,
     "Whether two objects are one, or the same numbers, strings or tuples of such."},
    {"state_of", tensor_state, METH_O,
     "Which memory a tensor has, and how the tape sees it; None for what this recording made."},
    {"first_broken", first_broken, METH_O,
     "The index of the first cell that holds something else now, or None."},
    {"found_in_type", as_method(look_up), METH_FASTCALL,
     "What a type or one of its bases has under a name, or `absent`."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_guards(PyObject* module) {
  checked(PyModule_AddFunctions(module, functions));
  checked(PyModule_AddObjectRef(module, "absent", absent()));
  checked(PyModule_AddObjectRef(module, "anything", anything()));
}

}  // namespace steep::bindings
