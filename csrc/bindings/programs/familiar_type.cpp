// _core.Familiar: an object of Python's around a Familiar.
#include "bindings/programs/familiar.h"

#include <frameobject.h>

#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

struct FamiliarObject {
  PyObject_HEAD
  Familiar* familiar;
};

PyTypeObject* familiar_type = nullptr;

Familiar*& own(PyObject* self) { return reinterpret_cast<FamiliarObject*>(self)->familiar; }

PyObject* familiar_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"cells", "given",   "tensors", "holders",
                                  "plain", "waiting", "sets",    nullptr};
    PyObject *cells, *given, *tensors, *holders, *plain, *waiting, *sets;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO!O!O!O!O!O!:Familiar",
                                     const_cast<char**>(names), &cells, &PyDict_Type, &given,
                                     &PyDict_Type, &tensors, &PyDict_Type, &holders, &PySet_Type,
                                     &plain, &PyList_Type, &waiting, &PyDict_Type, &sets))
      throw PythonError();
    if (!cell_list_in(cells))
      raise(PyExc_TypeError, join("Familiar: expected a CellList, got ", type_name(cells)));
    Owned self(type->tp_alloc(type, 0));
    own(self.get()) = new Familiar(
        {Owned::borrow(cells), Owned::borrow(given), Owned::borrow(tensors), Owned::borrow(holders),
         Owned::borrow(plain), Owned::borrow(waiting), Owned::borrow(sets)});
    return self.release();
  });
}

PyObject* familiar_remember(PyObject* self, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *frame, *variables, *globals, *names;
    int passes;
    if (!PyArg_ParseTuple(arguments, "O!O!O!Op:remember", &PyFrame_Type, &frame, &PyTuple_Type,
                          &variables, &PyTuple_Type, &globals, &names, &passes))
      throw PythonError();
    own(self)->remember(frame, Owned::borrow(variables), globals, Owned::borrow(names),
                        passes != 0);
    Py_RETURN_NONE;
  });
}

PyObject* familiar_meet(PyObject* self, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *tensor, *path;
    if (!PyArg_ParseTuple(arguments, "OU:meet", &tensor, &path)) throw PythonError();
    if (!is_tensor(tensor))
      raise(PyExc_TypeError, join("meet: expected a Tensor, got ", type_name(tensor)));
    return PyBool_FromLong(own(self)->meet(tensor, path));
  });
}

PyObject* familiar_next(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Owned found = own(self)->next();
    if (!found) Py_RETURN_NONE;
    return found.release();
  });
}

PyObject* familiar_look_for(PyObject* self, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *values, *names, *rare, *path, *sets;
    if (!PyArg_ParseTuple(arguments, "O!O!O!UO!:look_for", &PyDict_Type, &values, &PyTuple_Type,
                          &names, &PyTuple_Type, &rare, &path, &PyTuple_Type, &sets))
      throw PythonError();
    return own(self)->look_for(values, names, rare, path, Familiar::sets_in(sets));
  });
}

PyObject* familiar_clear(PyObject* self, PyObject*) {
  own(self)->clear();
  Py_RETURN_NONE;
}

int familiar_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return own(self) ? own(self)->traverse(visit, arg) : 0;
}

void familiar_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  delete std::exchange(own(self), nullptr);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"remember", familiar_remember, METH_VARARGS,
     "Note that what a frame begins with has been looked into."},
    {"meet", familiar_meet, METH_VARARGS,
     "Keep the state of a tensor; False if there is more to keep."},
    {"next", familiar_next, METH_NOARGS,
     "Work off what is waiting, from its end; returns the first object with something new in it, "
     "or None."},
    {"look_for", familiar_look_for, METH_VARARGS,
     "Keep cells of names in a dict; returns a list of what is to be looked into."},
    {"clear", familiar_clear, METH_NOARGS, "Forget everything."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, slot(familiar_new)},
                       {Py_tp_dealloc, slot(familiar_dealloc)},
                       {Py_tp_traverse, slot(familiar_traverse)},
                       {Py_tp_methods, methods},
                       {Py_tp_doc, const_cast<char*>("What a recording has looked into already.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.Familiar", sizeof(FamiliarObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

Familiar* familiar_in(PyObject* object) {
  return Py_TYPE(object) == familiar_type ? own(object) : nullptr;
}

void add_familiar(PyObject* module) {
  familiar_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "Familiar", reinterpret_cast<PyObject*>(familiar_type)));
}

}  // namespace steep::bindings
