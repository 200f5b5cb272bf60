#include "bindings/programs/stored.h"

#include "bindings/programs/cells.h"
#include "bindings/programs/location.h"

namespace steep::bindings {

namespace {

// What is at one of the places (a new reference), or `absent`.
Owned found_at(PyObject* places, Py_ssize_t i) {
  Owned now = Location(PyTuple_GET_ITEM(places, i)).get();
  if (now) return now;
  if (PyErr_Occurred()) throw PythonError();
  return Owned::borrow(absent());
}

}  // namespace

StoredPlaces::StoredPlaces(PyObject* made) {
  if (!PyTuple_CheckExact(made) || PyTuple_GET_SIZE(made) != 3 ||
      !are_locations(PyTuple_GET_ITEM(made, 0)) || !PyBytes_CheckExact(PyTuple_GET_ITEM(made, 1)) ||
      !PyTuple_CheckExact(PyTuple_GET_ITEM(made, 2)))
    raise(PyExc_TypeError, "insert: expected (places, key, written)");
  PyObject* const key = PyTuple_GET_ITEM(made, 1);
  places_ = Owned::borrow(PyTuple_GET_ITEM(made, 0));
  key_.assign(PyBytes_AS_STRING(key), static_cast<size_t>(PyBytes_GET_SIZE(key)));
  written_ = Owned::borrow(PyTuple_GET_ITEM(made, 2));
}

Owned StoredPlaces::read(CallKey& key, PyObject* namespaces) const {
  Owned contents(PyTuple_New(PyTuple_GET_SIZE(places_.get())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places_.get()); ++i)
    PyTuple_SET_ITEM(contents.get(), i, found_at(places_.get(), i).release());
  const bool read = read_more(contents.get(), namespaces, key);
  return read && key.bytes == key_ ? std::move(contents) : Owned();
}

bool StoredPlaces::hold(PyObject* contents) const {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(contents); ++i)
    if (found_at(places_.get(), i).get() != PyTuple_GET_ITEM(contents, i)) return false;
  return true;
}

void StoredPlaces::write(PyObject* results) const {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(written_.get()); ++i) {
    const Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GET_ITEM(written_.get(), i));
    PyObject* const location = checked(PyTuple_GetItem(places_.get(), place));
    if (!Location(location).set(checked(PyTuple_GetItem(results, i + 1)))) throw PythonError();
  }
}

int StoredPlaces::traverse(visitproc visit, void* arg) const {
  Py_VISIT(places_.get());
  return 0;
}

}  // namespace steep::bindings
