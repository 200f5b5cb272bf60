#include "bindings/programs/precondition.h"

#include "bindings/programs/dict_version.h"

namespace steep::bindings {

Precondition::Precondition(PyObject* item) {
  if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 2 ||
      !PyCallable_Check(PyTuple_GET_ITEM(item, 0)) ||
      !PyTuple_CheckExact(PyTuple_GET_ITEM(item, 1)))
    raise(PyExc_TypeError, "insert: expected tuples of a callable and a tuple of dicts");
  call_ = Owned::borrow(PyTuple_GET_ITEM(item, 0));
  dicts_ = Owned::borrow(PyTuple_GET_ITEM(item, 1));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dicts_.get()); ++i) {
    PyObject* const dict = PyTuple_GET_ITEM(dicts_.get(), i);
    if (!PyDict_Check(dict)) raise(PyExc_TypeError, "insert: expected dicts to look at");
    if (const uint64_t* const version = version_of_dict(dict)) now_.push_back(version);
  }
  then_.resize(now_.size());
}

bool Precondition::is_unchanged() const {
  if (!said_true_) return false;
  for (size_t i = 0; i < now_.size(); ++i)
    if (*now_[i] != then_[i]) return false;
  return true;
}

bool Precondition::holds() {
  if (is_unchanged()) return true;
  said_true_ = false;
  const unsigned asked = ++asked_;
  // Taken before the call, which may run any code, even call this function.
  for (size_t i = 0; i < now_.size(); ++i) then_[i] = *now_[i];
  const Owned answer(PyObject_CallNoArgs(call_.get()));
  said_true_ = answer.get() == Py_True && !now_.empty() && asked == asked_;
  return answer.get() != Py_False;
}

int Precondition::traverse(visitproc visit, void* arg) const {
  Py_VISIT(call_.get());
  Py_VISIT(dicts_.get());
  return 0;
}

}  // namespace steep::bindings
