#include "bindings/programs/symbolic.h"

#include <vector>

#include "bindings/programs/cells.h"
#include "bindings/programs/followed_math.h"
#include "bindings/programs/location.h"
#include "bindings/tensor/exchange.h"
#include "program/record/recorder.h"

namespace steep::bindings {

PyTypeObject* g_symbolic_float = nullptr;
PyTypeObject* g_symbolic_int = nullptr;

namespace {

// set_symbolic_types(float_type, int_type)
PyObject* set_types(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !PyType_Check(args[0]) || !PyType_Check(args[1]))
      raise(PyExc_TypeError, "set_symbolic_types: expected two types");
    Owned first = Owned::borrow(args[0]), second = Owned::borrow(args[1]);
    g_symbolic_float = reinterpret_cast<PyTypeObject*>(first.release());
    g_symbolic_int = reinterpret_cast<PyTypeObject*>(second.release());
    Py_RETURN_NONE;
  });
}

// Puts stand-ins where the numbers are, and takes them out again however the call ends. That runs
// no Python code, except that of dict keys of a user's class, so neither an error nor a
// KeyboardInterrupt leaves a stand-in behind.
class StandIns {
 public:
  StandIns(PyObject* entries, PyObject* left) : left_(left) {
    const Items items("call_with_stand_ins", entries);
    for (Py_ssize_t i = 0; i < items.size(); ++i) {
      PyObject* const entry = items[i].get();
      if (!PyTuple_CheckExact(entry) || PyTuple_GET_SIZE(entry) != 4 ||
          !Location(entry).is_valid() ||
          !(is_symbolic(PyTuple_GET_ITEM(entry, 2)) || PyTuple_Check(PyTuple_GET_ITEM(entry, 2))))
        raise(PyExc_TypeError, "call_with_stand_ins: expected (holder, key, stand-in, number)");
      entries_.push_back(Owned::borrow(entry));
    }
    checked(PyList_SetSlice(left, 0, PyList_GET_SIZE(left), entries));  // makes room for as many
  }
  // If not all can be put there, those that were are taken out at the end all the same.
  void put() {
    for (const Owned& entry : entries_) {
      if (!Location(entry.get()).set(PyTuple_GET_ITEM(entry.get(), 2))) throw PythonError();
      ++put_;
    }
  }
  // An exception that is set stays set, or is replaced by a later one.
  void take_out() {
    const auto count = static_cast<Py_ssize_t>(std::exchange(put_, 0));
    for (Py_ssize_t i = 0; i < count; ++i) {
      WithoutError earlier;
      take(i);
      if (PyErr_Occurred()) earlier.replace();
    }
  }
  ~StandIns() { take_out(); }
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;

 private:
  void take(Py_ssize_t i) {
    PyObject* const entry = entries_[static_cast<size_t>(i)].get();
    const Location location(entry);
    const Owned now = location.get();
    if (!now && PyErr_Occurred()) return;  // the caller puts the number back
    if (PyList_SetItem(left_, i, new_reference(now ? now.get() : absent())) < 0 || !now) return;
    PyObject* const stand_in = PyTuple_GET_ITEM(entry, 2);
    if (now.get() == stand_in) {
      location.set(PyTuple_GET_ITEM(entry, 3));
      return;
    }
    if (!is_symbolic(now.get())) return;
    static PyObject* const name = PyUnicode_InternFromString("_value");
    PyObject* const number = PyObject_GetAttr(now.get(), name);
    if (number) location.set(number);
    Py_XDECREF(number);
  }

  std::vector<Owned> entries_;
  PyObject* left_;
  size_t put_ = 0;
};

// call_with_stand_ins(entries, left, function, args): the function's result. Each entry is a tuple
// (holder, key, stand-in, number), or has a tuple that contains stand-ins and the original tuple in
// place of these two. The list `left` receives what each location holds at the end.
PyObject* call_with_stand_ins(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 4 || !PyList_Check(args[1]) || !PyTuple_Check(args[3]))
      raise(PyExc_TypeError, "call_with_stand_ins: expected (entries, left, function, args)");
    StandIns there(args[0], args[1]);
    const FollowedMath math;
    there.put();
    PyObject* const result = PyObject_Call(args[2], args[3], nullptr);
    there.take_out();
    if (!result || !PyErr_Occurred()) return result;
    Py_DECREF(result);
    return nullptr;
  });
}

// Whether `evaluate` has returned what it is to return; see NumberSource.
bool is_answer(PyObject* answer, Py_ssize_t places) {
  if (!PyTuple_CheckExact(answer) || PyTuple_GET_SIZE(answer) != 3) return false;
  PyObject* const written = PyTuple_GET_ITEM(answer, 1);
  return PyTuple_CheckExact(written) && PyTuple_GET_SIZE(written) == places &&
         PyTuple_CheckExact(PyTuple_GET_ITEM(answer, 2));
}

PyMethodDef functions[] = {
    {"call_with_stand_ins", as_method(call_with_stand_ins), METH_FASTCALL,
     "Calls function(*args) while objects stand in for numbers in their places."},
    {"exchange_keys", as_method(exchange_keys), METH_FASTCALL,
     "Puts others in place of some keys of a dict, or items of a set."},
    {"set_symbolic_types", as_method(set_types), METH_FASTCALL,
     "Says which classes stand in for numbers while a function is recorded."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* value_of_symbolic(PyObject* object) {
  const program::Recorder* const recorder = program::Recorder::active();
  const auto launches = static_cast<Py_ssize_t>(recorder ? recorder->calls().size() : 0);
  return checked(PyObject_CallMethod(object, "_taken", "n", launches));
}

void name_taken(PyObject* object, const char* operation, const char* parameter) {
  const Owned none(PyObject_CallMethod(object, "_named", "ss", operation, parameter));
}

PyObject* any_number() {
  static PyObject* const object =
      checked(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyBaseObject_Type)));
  return object;
}

NumberSource::NumberSource(PyObject* pair) {
  if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 ||
      !PyCallable_Check(PyTuple_GET_ITEM(pair, 0)) || !are_locations(PyTuple_GET_ITEM(pair, 1)))
    raise(PyExc_TypeError, "insert: expected (evaluate, places)");
  evaluate_ = Owned::borrow(PyTuple_GET_ITEM(pair, 0));
  places_ = Owned::borrow(PyTuple_GET_ITEM(pair, 1));
}

bool NumberSource::give(program::Program& program, PyObject* given, Owned& answer) const {
  answer = Owned(PyObject_CallOneArg(evaluate_.get(), given));
  if (answer.get() == Py_None) return false;
  if (!is_answer(answer.get(), PyTuple_GET_SIZE(places_.get())))
    raise(PyExc_TypeError, "evaluate: expected a tuple of three, with a number for each location");
  PyObject* const values = PyTuple_GET_ITEM(answer.get(), 0);
  const Items items("evaluate", values);
  std::vector<double> numbers;
  for (Py_ssize_t i = 0; i < items.size(); ++i) {
    numbers.push_back(PyFloat_AsDouble(items[i].get()));
    if (PyErr_Occurred()) throw PythonError();
  }
  return program.give_numbers(numbers);
}

void NumberSource::write_back(PyObject* answer) const {
  PyObject* const values = PyTuple_GET_ITEM(answer, 1);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places_.get()); ++i)
    if (!Location(PyTuple_GET_ITEM(places_.get(), i)).set(PyTuple_GET_ITEM(values, i)))
      throw PythonError();
}

int NumberSource::traverse(visitproc visit, void* arg) const {
  Py_VISIT(evaluate_.get());
  Py_VISIT(places_.get());
  return 0;
}

void add_symbolic(PyObject* module) {
  checked(PyModule_AddFunctions(module, functions));
  checked(PyModule_AddObjectRef(module, "any_number", any_number()));
  const Owned names(names_of_followed_math());
  checked(PyModule_AddObjectRef(module, "followed_math", names.get()));
}

}  // namespace steep::bindings
