#include "bindings/programs/stand_in.h"

#include <memory>
#include <vector>

#include "bindings/references.h"

namespace steep::bindings {

namespace {

struct StandIn {
  PyObject_HEAD
  bool* ended;  // who wants to know when it ends, if anybody does
};

PyTypeObject* stand_in_type = nullptr;

void stand_in_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  if (bool* const ended = reinterpret_cast<StandIn*>(self)->ended) *ended = true;
  type->tp_free(self);
  Py_DECREF(type);
}

// drop_unheld(stand_ins): lets go of all of them, and puts back those that are still there. No code
// of Python's runs meanwhile: the end of one frees numbers, and no more.
PyObject* drop_unheld(PyObject*, PyObject* list) {
  return guarded([&]() -> PyObject* {
    if (!PyList_CheckExact(list))
      raise(PyExc_TypeError, join("drop_unheld: expected a list, got ", type_name(list)));
    const Py_ssize_t size = PyList_GET_SIZE(list);
    const auto ended = std::make_unique<bool[]>(static_cast<size_t>(size));
    std::vector<StandIn*> known;
    known.reserve(static_cast<size_t>(size));
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* const item = PyList_GET_ITEM(list, i);
      auto* const one = reinterpret_cast<StandIn*>(item);
      if (!PyObject_TypeCheck(item, stand_in_type) || one->ended) continue;  // or met before
      one->ended = &ended[known.size()];
      known.push_back(one);
    }
    for (Py_ssize_t i = 0; i < size; ++i) checked(PyList_SetItem(list, i, new_reference(Py_None)));
    Py_ssize_t left = 0;
    for (size_t i = 0; i < known.size(); ++i) {
      if (ended[i]) continue;
      auto* const object = reinterpret_cast<PyObject*>(known[i]);
      known[i]->ended = nullptr;
      // One that was dropped in the midst of many nested deallocations ends after them.
      if (take_unless_dying(object)) checked(PyList_SetItem(list, left++, object));
    }
    checked(PyList_SetSlice(list, left, size, nullptr));
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {{"drop_unheld", drop_unheld, METH_O,
                            "Removes from a list of stand-ins those that nobody else holds."},
                           {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {
    {Py_tp_dealloc, slot(stand_in_dealloc)},
    {Py_tp_doc, const_cast<char*>("What stands in for a number while a function is recorded.")},
    {0, nullptr}};
PyType_Spec spec = {"steep._core.StandIn", sizeof(StandIn), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

void add_stand_in(PyObject* module) {
  stand_in_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "StandIn", reinterpret_cast<PyObject*>(stand_in_type)));
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
