#include "bindings/programs/stand_in.h"

#include <memory>
#include <vector>

namespace steep::bindings {

namespace {

struct StandIn {
  PyObject_HEAD
  bool* ended;  // set to true when the object is destroyed; may be null
};

PyTypeObject* stand_in_type = nullptr;

void stand_in_dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  if (bool* const ended = reinterpret_cast<StandIn*>(self)->ended) *ended = true;
  type->tp_free(self);
  Py_DECREF(type);
}

// Observes the destruction of the stand-ins in a list, as long as it exists.
class Watched {
 public:
  explicit Watched(PyObject* list)
      : ended_(std::make_unique<bool[]>(static_cast<size_t>(PyList_GET_SIZE(list)))) {
    known_.reserve(static_cast<size_t>(PyList_GET_SIZE(list)));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
      PyObject* const item = PyList_GET_ITEM(list, i);
      auto* const one = reinterpret_cast<StandIn*>(item);
      if (!PyObject_TypeCheck(item, stand_in_type) || one->ended) continue;  // or seen before
      one->ended = &ended_[known_.size()];
      known_.push_back(one);
    }
  }
  ~Watched() {
    for (size_t i = 0; i < known_.size(); ++i)
      if (!ended_[i]) known_[i]->ended = nullptr;
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  std::vector<Owned> left() const {
    std::vector<Owned> found;
    found.reserve(known_.size());
    for (size_t i = 0; i < known_.size(); ++i) {
      auto* const object = reinterpret_cast<PyObject*>(known_[i]);
      // Python may put the deallocation of an object off while deallocations are deeply nested.
      if (!ended_[i] && take_unless_dying(object)) found.push_back(Owned(object));
    }
    return found;
  }

 private:
  std::unique_ptr<bool[]> ended_;
  std::vector<StandIn*> known_;
};

// drop_unheld(stand_ins): drops all of them and puts those back that still exist. Destroying other
// objects in the list may run code.
PyObject* drop_unheld(PyObject*, PyObject* list) {
  return guarded([&]() -> PyObject* {
    if (!PyList_CheckExact(list))
      raise(PyExc_TypeError, join("drop_unheld: expected a list, got ", type_name(list)));
    const Owned items(PyList_GetSlice(list, 0, PyList_GET_SIZE(list)));
    checked(PyList_SetSlice(list, 0, PyList_GET_SIZE(list), nullptr));
    const Watched watched(items.get());
    // One by one: while deallocations are deeply nested, destroying the list would be put off.
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i)
      checked(PyList_SetItem(items.get(), i, new_reference(Py_None)));
    for (const Owned& one : watched.left()) checked(PyList_Append(list, one.get()));
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
