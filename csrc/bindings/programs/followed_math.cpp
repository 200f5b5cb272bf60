#include "bindings/programs/followed_math.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "bindings/programs/symbolic.h"

namespace steep::bindings {

namespace {

constexpr const char* kNames[] = {
    "acos",    "acosh",     "asin",     "asinh",     "atan",    "atanh",     "atan2", "cbrt",
    "comb",    "copysign",  "cos",      "cosh",      "degrees", "erf",       "erfc",  "exp",
    "exp2",    "expm1",     "fabs",     "factorial", "fma",     "fmod",      "gamma", "gcd",
    "hypot",   "isclose",   "isfinite", "isinf",     "isnan",   "isqrt",     "lcm",   "ldexp",
    "lgamma",  "log",       "log10",    "log1p",     "log2",    "nextafter", "perm",  "pow",
    "radians", "remainder", "sin",      "sinh",      "sqrt",    "tan",       "tanh",  "ulp"};

// A function object of the module is called through its vectorcall pointer, which is replaced. Its
// PyMethodDef stays as it is, because the hash of the function is made from it.
struct Followed {
  PyCFunctionObject* function = nullptr;  // null if it is not a function in C
  vectorcallfunc before = nullptr;        // null for functions that want a tuple
};

std::array<Followed, std::size(kNames)> g_followed;
int g_recordings = 0;  // guarded, like all of this, by the interpreter lock

// Lets a stand-in among the arguments note the step; NotImplemented if one of them is not a number.
PyObject* note(const char* name, PyObject* symbol, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    static PyObject* const method = checked(PyUnicode_InternFromString("_through"));
    const Owned found(PyObject_GetAttr(symbol, method));
    const Owned call(PyTuple_New(count + 1));
    PyTuple_SET_ITEM(call.get(), 0, checked(PyUnicode_FromString(name)));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyTuple_SET_ITEM(call.get(), i + 1, new_reference(args[i]));
    return PyObject_Call(found.get(), call.get(), nullptr);
  });
}

// Calls a function that has no vectorcall as the interpreter does.
PyObject* call_with_tuple(PyObject* function, PyObject* const* args, Py_ssize_t count,
                          PyObject* names) {
  return guarded([&]() -> PyObject* {
    const Owned positional(PyTuple_New(count));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyTuple_SET_ITEM(positional.get(), i, new_reference(args[i]));
    Owned named;
    if (names && PyTuple_GET_SIZE(names) > 0) {
      named = Owned(PyDict_New());
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i)
        checked(PyDict_SetItem(named.get(), PyTuple_GET_ITEM(names, i), args[count + i]));
    }
    return Py_TYPE(function)->tp_call(function, positional.get(), named.get());
  });
}

PyObject* call(PyObject* function, PyObject* const* args, size_t flags, PyObject* names) {
  const auto found = std::find_if(g_followed.begin(), g_followed.end(), [&](const Followed& each) {
    return reinterpret_cast<PyObject*>(each.function) == function;
  });
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  PyObject* const* const symbol = std::find_if(args, args + count, is_symbolic);
  if (symbol != args + count && !names) {
    PyObject* const answer = note(kNames[found - g_followed.begin()], *symbol, args, count);
    if (answer != Py_NotImplemented) return answer;
    Py_DECREF(answer);
  }
  return found->before ? found->before(function, args, flags, names)
                       : call_with_tuple(function, args, count, names);
}

void find_all(PyObject* module) {
  for (size_t i = 0; i < g_followed.size(); ++i) {
    PyObject* const found = PyObject_GetAttrString(module, kNames[i]);
    if (!found) {
      PyErr_Clear();  // this Python does not have it
      continue;
    }
    if (PyCFunction_CheckExact(found) && PyCFunction_GET_SELF(found) == module) {
      auto* const function = reinterpret_cast<PyCFunctionObject*>(found);
      g_followed[i] = {function, function->vectorcall};  // the reference is kept for ever
    } else {
      Py_DECREF(found);
    }
  }
}

void find_all_once() {
  static const bool done = [] {
    const Owned module(PyImport_ImportModule("math"));
    find_all(module.get());
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

FollowedMath::FollowedMath() {
  find_all_once();
  if (g_recordings++ == 0)
    for (Followed& followed : g_followed)
      if (followed.function) followed.function->vectorcall = call;
}

FollowedMath::~FollowedMath() {
  if (--g_recordings == 0)
    for (Followed& followed : g_followed)
      if (followed.function) followed.function->vectorcall = followed.before;
}

PyObject* names_of_followed_math() {
  find_all_once();
  Owned names(PyList_New(0));
  for (size_t i = 0; i < g_followed.size(); ++i) {
    if (!g_followed[i].function) continue;
    const Owned name(PyUnicode_FromString(kNames[i]));
    checked(PyList_Append(names.get(), name.get()));
  }
  return names.release();
}

}  // namespace steep::bindings
