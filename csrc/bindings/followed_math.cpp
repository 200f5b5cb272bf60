#include "bindings/followed_math.h"

#include <array>
#include <utility>

#include "bindings/symbolic.h"

namespace steep::bindings {

namespace {

constexpr const char* kNames[] = {
    "acos",  "acosh", "asin",     "asinh", "atan",  "atanh",  "atan2", "cbrt",  "copysign",
    "cos",   "cosh",  "erf",      "erfc",  "exp",   "exp2",   "expm1", "fabs",  "fmod",
    "gamma", "hypot", "isfinite", "isinf", "isnan", "lgamma", "log",   "log10", "log1p",
    "log2",  "pow",   "sin",      "sinh",  "sqrt",  "tan",    "tanh"};
constexpr size_t kCount = sizeof kNames / sizeof *kNames;

// A function object of the module says by a PyMethodDef what is called: the module's own or, while a
// recording lasts, one like it that leads here. Name, flags and text are the same in both, and so is
// the object itself, by whatever name code has got it.
struct Followed {
  PyCFunctionObject* function = nullptr;  // null where it is of another sort than expected
  PyMethodDef* before = nullptr;
  PyMethodDef ours{};
};

std::array<Followed, kCount> g_followed;
int g_recordings = 0;  // all of this is the interpreter lock's

// The step, noted by the first stand-in among the arguments; null, without an exception, where one
// of them is no number.
PyObject* note(size_t which, PyObject* const* args, Py_ssize_t count) {
  PyObject* symbol = nullptr;
  for (Py_ssize_t i = 0; i < count && !symbol; ++i)
    if (is_symbolic(args[i])) symbol = args[i];
  if (!symbol) return nullptr;
  return guarded([&]() -> PyObject* {
    static PyObject* const method = checked(PyUnicode_InternFromString("_through"));
    const Owned found(PyObject_GetAttr(symbol, method));
    const Owned call(PyTuple_New(count + 1));
    PyTuple_SET_ITEM(call.get(), 0, checked(PyUnicode_FromString(kNames[which])));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyTuple_SET_ITEM(call.get(), i + 1, new_reference(args[i]));
    PyObject* const answer = checked(PyObject_Call(found.get(), call.get(), nullptr));
    if (answer != Py_NotImplemented) return answer;
    Py_DECREF(answer);
    return nullptr;
  });
}

template <size_t I>
PyObject* call_with_one(PyObject* self, PyObject* arg) {
  PyObject* const noted = note(I, &arg, 1);
  return noted || PyErr_Occurred() ? noted : g_followed[I].before->ml_meth(self, arg);
}

template <size_t I>
PyObject* call_with_tuple(PyObject* self, PyObject* args) {
  PyObject* const noted = note(I, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args));
  return noted || PyErr_Occurred() ? noted : g_followed[I].before->ml_meth(self, args);
}

using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

template <size_t I>
PyObject* call_with_several(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyObject* const noted = note(I, args, count);
  if (noted || PyErr_Occurred()) return noted;
  const auto meth = reinterpret_cast<void (*)()>(g_followed[I].before->ml_meth);
  return reinterpret_cast<Fast>(meth)(self, args, count);
}

template <size_t I>
PyCFunction function_for(int flags) {
  if (flags == METH_O) return call_with_one<I>;
  if (flags == METH_VARARGS) return call_with_tuple<I>;
  if (flags != METH_FASTCALL) return nullptr;
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call_with_several<I>));
}

template <size_t I>
void find(PyObject* module) {
  PyObject* const found = PyObject_GetAttrString(module, kNames[I]);
  if (!found) return PyErr_Clear();  // of a later Python
  Followed& followed = g_followed[I];
  if (PyCFunction_CheckExact(found) && PyCFunction_GET_SELF(found) == module) {
    auto* const function = reinterpret_cast<PyCFunctionObject*>(found);
    followed.ours = *function->m_ml;
    followed.ours.ml_meth = function_for<I>(function->m_ml->ml_flags);
    if (followed.ours.ml_meth) {
      followed.before = function->m_ml;
      followed.function = function;  // held for good
      return;
    }
  }
  Py_DECREF(found);
}

template <size_t... I>
void find_all(PyObject* module, std::index_sequence<I...>) {
  (find<I>(module), ...);
}

void find_all_once() {
  static const bool done = [] {
    const Owned module(PyImport_ImportModule("math"));
    find_all(module.get(), std::make_index_sequence<kCount>());
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

FollowedMath::FollowedMath() {
  find_all_once();
  if (g_recordings++ == 0)
    for (Followed& followed : g_followed)
      if (followed.function) followed.function->m_ml = &followed.ours;
}

FollowedMath::~FollowedMath() {
  if (--g_recordings == 0)
    for (Followed& followed : g_followed)
      if (followed.function) followed.function->m_ml = followed.before;
}

PyObject* names_of_followed_math() {
  find_all_once();
  Owned names(PyList_New(0));
  for (size_t i = 0; i < kCount; ++i) {
    if (!g_followed[i].function) continue;
    const Owned name(PyUnicode_FromString(kNames[i]));
    checked(PyList_Append(names.get(), name.get()));
  }
  return names.release();
}

}  // namespace steep::bindings
