#include "bindings/programs/result_tree.h"

#include <algorithm>
#include <cstring>

#include "bindings/programs/numbers.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {
// A borrowed reference.
PyObject* part(PyObject* description, Py_ssize_t i) {
  return checked(PyTuple_GetItem(description, i));
}
}  // namespace

ResultTree::ResultTree(PyObject* description) {
  if (PyLong_Check(description)) {
    kind_ = Kind::tensor;
    output_ = static_cast<int>(PyLong_AsLong(description));
    if (PyErr_Occurred()) throw PythonError();
    return;
  }
  const char* what = utf8(part(description, 0));
  PyObject* items = nullptr;
  if (std::strcmp(what, "value") == 0) {
    kind_ = Kind::value;
    value_ = Owned::borrow(part(description, 1));
  } else if (std::strcmp(what, "argument") == 0) {
    kind_ = Kind::tensor;
    output_ = ~static_cast<int>(PyLong_AsLong(part(description, 1)));
    if (PyErr_Occurred()) throw PythonError();
  } else if (std::strcmp(what, "item") == 0 || std::strcmp(what, "array") == 0 ||
             std::strcmp(what, "given") == 0 || std::strcmp(what, "again") == 0) {
    kind_ = *what == 'i'     ? Kind::item
            : *what == 'g'   ? Kind::given
            : what[1] == 'r' ? Kind::array
                             : Kind::again;
    output_ = static_cast<int>(PyLong_AsLong(part(description, 1)));
    if (PyErr_Occurred()) throw PythonError();
    whole_ =
        kind_ == Kind::item && part(description, 2) == reinterpret_cast<PyObject*>(&PyLong_Type);
  } else if (std::strcmp(what, "tuple") == 0 || std::strcmp(what, "list") == 0) {
    kind_ = *what == 't' ? Kind::tuple : Kind::list;
    items = part(description, 1);
  } else if (std::strcmp(what, "made") == 0) {
    kind_ = Kind::made;
    value_ = Owned::borrow(part(description, 2));
    keys_ = Owned::borrow(part(description, 3));
    items = part(description, 4);
  } else {
    kind_ = *what == 'd' ? Kind::dict : Kind::named;
    whole_ = *what == 's';
    value_ = Owned::borrow(part(description, 1));
    items = part(description, 2);
  }
  if (items && !PyList_Check(items)) raise(PyExc_TypeError, "compile: expected a list of results");
  for (Py_ssize_t i = 0; items && i < PyList_GET_SIZE(items); ++i)
    items_.emplace_back(PyList_GET_ITEM(items, i));
}

int ResultTree::traverse(visitproc visit, void* arg) const {
  Py_VISIT(value_.get());
  Py_VISIT(keys_.get());
  for (const ResultTree& item : items_)
    if (const int stop = item.traverse(visit, arg)) return stop;
  return 0;
}

bool ResultTree::is_given_numbers() const {
  return kind_ == Kind::given || std::any_of(items_.begin(), items_.end(), [](const auto& item) {
           return item.is_given_numbers();
         });
}

PyObject* ResultTree::build_with(const Source& source, Numbers& numbers) const {
  if (kind_ == Kind::tensor) return source.tensor(source.context, output_);
  if (kind_ == Kind::value) return new_reference(value_.get());
  if (kind_ == Kind::item) {
    Owned number(number_to_be(whole_));
    numbers.emplace_back(Owned::borrow(number.get()), output_);
    return number.release();
  }
  if (kind_ == Kind::array) {
    const Owned tensor(source.tensor(source.context, output_));
    return array_of(tensor_of(tensor.get()));
  }
  if (kind_ == Kind::given) return new_reference(part(source.given, output_));
  if (kind_ == Kind::again) return new_reference((*source.containers)[output_].get());
  Owned made(build_container(source, numbers));
  source.containers->push_back(Owned::borrow(made.get()));
  return made.release();
}

PyObject* ResultTree::build_container(const Source& source, Numbers& numbers) const {
  const auto count = static_cast<Py_ssize_t>(items_.size());
  if (kind_ == Kind::list) {
    Owned list(PyList_New(count));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyList_SET_ITEM(list.get(), i, checked(items_[i].build_with(source, numbers)));
    return list.release();
  }
  if (kind_ == Kind::dict) {
    Owned dict(PyDict_New());
    for (Py_ssize_t i = 0; i < count; ++i) {
      const Owned item(items_[i].build_with(source, numbers));
      checked(PyDict_SetItem(dict.get(), part(value_.get(), i), item.get()));
    }
    return dict.release();
  }
  if (kind_ == Kind::made) return make_with(source, numbers);
  Owned tuple(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, checked(items_[i].build_with(source, numbers)));
  if (kind_ == Kind::tuple) return tuple.release();
  return whole_ ? PyObject_CallOneArg(value_.get(), tuple.get())
                : PyObject_CallObject(value_.get(), tuple.get());
}

PyObject* ResultTree::make_with(const Source& source, Numbers& numbers) const {
  Owned made(PyObject_CallObject(part(value_.get(), 0), part(value_.get(), 1)));
  const bool is_dict = PyDict_Check(made.get());
  const Owned values =
      is_dict ? Owned::borrow(made.get()) : Owned(PyObject_GenericGetDict(made.get(), nullptr));
  for (size_t i = 0; i < items_.size(); ++i) {
    const Owned item(items_[i].build_with(source, numbers));
    PyObject* const key = part(keys_.get(), static_cast<Py_ssize_t>(i));
    // Not PyDict_SetItem, by which an OrderedDict would not note the order.
    checked(PyObject_SetItem(values.get(), key, item.get()));
  }
  return made.release();
}

}  // namespace steep::bindings
