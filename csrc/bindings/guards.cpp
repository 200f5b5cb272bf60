#include "bindings/guards.h"

#include <algorithm>
#include <numeric>

#include "bindings/dict_version.h"
#include "bindings/tensor_type.h"
#include "program/recorder.h"

namespace steep::bindings {

Guards::Guards(PyObject* list) {
  if (!PyList_Check(list))
    raise(PyExc_TypeError, join("guards: expected a list, got ", type_name(list)));
  const Items items("guards", list);
  std::vector<Cell> given;
  for (Py_ssize_t i = 0; i < items.size(); ++i) given.push_back(cell_of(items[i].get()));
  places_.resize(given.size());
  std::iota(places_.begin(), places_.end(), 0);
  const auto order = [&](Py_ssize_t i) {
    const Cell& cell = given[static_cast<size_t>(i)];
    return std::make_pair(cell.holder.get(), cell.kind);
  };
  std::stable_sort(places_.begin(), places_.end(),
                   [&](Py_ssize_t a, Py_ssize_t b) { return order(a) < order(b); });
  cells_.reserve(given.size());
  for (const Py_ssize_t place : places_)
    cells_.push_back(std::move(given[static_cast<size_t>(place)]));
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
bool Guards::hold(std::vector<Group<Version>>& groups) const {
  for (Group<Version>& group : groups) {
    if (*group.now == group.then && group.then != 0) continue;
    const Version version = *group.now;  // before: comparing may run code that changes the holder
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

Py_ssize_t Guards::first_broken() const {
  Py_ssize_t place = -1;
  for (size_t i = 0; i < cells_.size(); ++i)
    if ((place < 0 || places_[i] < place) && !cells_[i].holds()) place = places_[i];
  return place;
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

// first_broken(cells): the place of a cell that holds something else now, or None.
PyObject* first_broken(PyObject*, PyObject* cells) {
  return guarded([&]() -> PyObject* {
    const Py_ssize_t place = Guards(cells).first_broken();
    if (place < 0) Py_RETURN_NONE;
    return PyLong_FromSsize_t(place);
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
    const Storage& storage = *tensor_of(object)->storage;
    const program::Recorder* const recorder = program::Recorder::active();
    if (recorder && storage.epoch() == recorder->epoch()) Py_RETURN_NONE;
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
    {"same_value", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(are_same)),
     METH_FASTCALL, "Whether two objects are one, or the same numbers, strings or tuples of such."},
    {"state_of", tensor_state, METH_O,
     "Which memory a tensor has, and how the tape sees it; None for what this recording made."},
    {"first_broken", first_broken, METH_O,
     "The place of a cell that holds something else now, or None."},
    {"found_in_type", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(look_up)),
     METH_FASTCALL, "What a type or one of its bases has under a name, or `absent`."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_guards(PyObject* module) {
  checked(PyModule_AddFunctions(module, functions));
  checked(PyModule_AddObjectRef(module, "absent", absent()));
}

}  // namespace steep::bindings
