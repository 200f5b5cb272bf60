#include "bindings/result_tree.h"

#include <cstring>

namespace steep::bindings {

ResultTree::ResultTree(PyObject* description) {
  if (PyLong_Check(description)) {
    kind_ = Kind::tensor;
    output_ = static_cast<int>(PyLong_AsLong(description));
    return;
  }
  const char* what = utf8(PyTuple_GetItem(description, 0));
  PyObject* items = nullptr;
  if (std::strcmp(what, "value") == 0) {
    kind_ = Kind::value;
    value_ = Owned::borrow(PyTuple_GetItem(description, 1));
  } else if (std::strcmp(what, "tuple") == 0 || std::strcmp(what, "list") == 0) {
    kind_ = *what == 't' ? Kind::tuple : Kind::list;
    items = PyTuple_GetItem(description, 1);
  } else {
    kind_ = *what == 'd' ? Kind::dict : Kind::named;
    value_ = Owned::borrow(PyTuple_GetItem(description, 1));
    items = PyTuple_GetItem(description, 2);
  }
  for (Py_ssize_t i = 0; items && i < PyList_Size(items); ++i)
    items_.emplace_back(PyList_GetItem(items, i));
}

PyObject* ResultTree::build_with(Get get, const void* context) const {
  if (kind_ == Kind::tensor) return get(context, output_);
  if (kind_ == Kind::value) return new_reference(value_.get());
  const auto count = static_cast<Py_ssize_t>(items_.size());
  if (kind_ == Kind::list) {
    Owned list(PyList_New(count));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyList_SET_ITEM(list.get(), i, checked(items_[i].build_with(get, context)));
    return list.release();
  }
  if (kind_ == Kind::dict) {
    Owned dict(PyDict_New());
    for (Py_ssize_t i = 0; i < count; ++i) {
      const Owned item(items_[i].build_with(get, context));
      checked(PyDict_SetItem(dict.get(), PyTuple_GetItem(value_.get(), i), item.get()));
    }
    return dict.release();
  }
  Owned tuple(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, checked(items_[i].build_with(get, context)));
  if (kind_ == Kind::tuple) return tuple.release();
  return PyObject_CallObject(value_.get(), tuple.get());
}

}  // namespace steep::bindings
