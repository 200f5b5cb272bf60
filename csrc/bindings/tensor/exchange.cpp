#include "bindings/tensor/exchange.h"

#include <utility>
#include <vector>

namespace steep::bindings {

namespace {

using Pairs = std::vector<std::pair<Owned, Owned>>;

Owned other_than(PyObject* item, PyObject* news) {
  const Owned id(PyLong_FromVoidPtr(item));
  PyObject* const found = PyDict_GetItemWithError(news, id.get());
  if (!found && PyErr_Occurred()) throw PythonError();
  return Owned::borrow(found ? found : item);
}

Owned called(PyTypeObject& type, const char* method, PyObject* self) {
  return Owned(PyObject_CallMethod(reinterpret_cast<PyObject*>(&type), method, "O", self));
}

// What a class of a user's makes of its order nobody asks.
Owned items_of(PyObject* dict) {
  if (!PyODict_Check(dict)) return Owned(PyDict_Items(dict));
  const Owned view = called(PyODict_Type, "items", dict);
  return Owned(PySequence_List(view.get()));
}

Pairs pairs_of(PyObject* dict, PyObject* news) {
  Pairs pairs;
  const Owned list = items_of(dict);
  const Items items("exchange_keys", list.get());
  for (Py_ssize_t i = 0; i < items.size(); ++i) {
    const Owned pair = items[i];
    pairs.emplace_back(other_than(PyTuple_GET_ITEM(pair.get(), 0), news),
                       Owned::borrow(PyTuple_GET_ITEM(pair.get(), 1)));
  }
  return pairs;
}

// First another dict is filled with all keys, which asks for their hashes, before the container is
// touched. The old keys are held to the end, because destroying them may run code.
void exchange_in_dict(PyObject* dict, PyObject* news) {
  const Owned old = items_of(dict), fresh(PyDict_New());
  for (const auto& [key, value] : pairs_of(dict, news))
    checked(PyDict_SetItem(fresh.get(), key.get(), value.get()));
  PyDict_Clear(dict);
  checked(PyDict_Merge(dict, fresh.get(), 1));
}

// An OrderedDict gets one pair after the other, because it keeps an order of its own.
void exchange_in_order(PyObject* dict, PyObject* news) {
  const Owned old = items_of(dict);
  const Pairs pairs = pairs_of(dict, news);
  for (const auto& [key, _] : pairs)
    if (PyObject_Hash(key.get()) == -1) throw PythonError();
  const Owned none = called(PyODict_Type, "clear", dict);
  for (const auto& [key, value] : pairs) checked(PyODict_SetItem(dict, key.get(), value.get()));
}

void exchange_in_set(PyObject* set, PyObject* news) {
  const Owned all(PySet_Type.tp_iter(set)), old(PySequence_List(all.get()));
  const Owned fresh(PySet_New(nullptr));
  const Items items("exchange_keys", old.get());
  for (Py_ssize_t i = 0; i < items.size(); ++i)
    checked(PySet_Add(fresh.get(), other_than(items[i].get(), news).get()));
  checked(PySet_Clear(set));
  const Owned none(PyObject_CallMethod(reinterpret_cast<PyObject*>(&PySet_Type), "update", "OO",
                                       set, fresh.get()));
}

}  // namespace

PyObject* exchange_keys(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !(PyDict_Check(args[0]) || PySet_Check(args[0])) || !PyDict_Check(args[1]))
      raise(PyExc_TypeError, "exchange_keys: expected (dict or set, dict)");
    if (PySet_Check(args[0]))
      exchange_in_set(args[0], args[1]);
    else
      (PyODict_Check(args[0]) ? exchange_in_order : exchange_in_dict)(args[0], args[1]);
    Py_RETURN_NONE;
  });
}

}  // namespace steep::bindings
