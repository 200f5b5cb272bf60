#include "bindings/references.h"

namespace steep::bindings {

Py_ssize_t g_count_of_one = 1;

namespace {

// Measures the count of a list with one reference. False if adding or dropping a reference does not
// change the count by one.
bool measure() {
  const Owned list(PyList_New(0));
  g_count_of_one = Py_REFCNT(list.get());
  Owned holder(PyTuple_Pack(2, list.get(), list.get()));
  const bool rises = references_to(list.get()) == 3;
  holder = Owned();
  return rises && references_to(list.get()) == 1;
}

// references(items)
PyObject* references(PyObject*, PyObject* items) {
  return guarded([&]() -> PyObject* {
    if (!PyList_CheckExact(items))
      raise(PyExc_TypeError, join("references: expected a list, got ", type_name(items)));
    Owned found(PyList_New(0));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); ++i) {
      const Owned count(PyLong_FromSsize_t(references_to(PyList_GET_ITEM(items, i)) - 1));
      checked(PyList_Append(found.get(), count.get()));
    }
    return found.release();
  });
}

PyMethodDef functions[] = {{"references", references, METH_O,
                            "How many references there are to each item of a list, besides the "
                            "one in that place of the list."},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_references(PyObject* module) {
  checked(PyModule_AddFunctions(module, functions));
  checked(PyModule_AddObjectRef(module, "counts_references", measure() ? Py_True : Py_False));
}

}  // namespace steep::bindings
