// Functions of Python that pack and unpack what is saved for backward.

#include <vector>

#include "bindings/autograd/autograd.h"
#include "bindings/tensor/tensor_type.h"
#include "program/site.h"
#include "tape/saved_hooks.h"

namespace steep::bindings {

namespace {

// A reference that lasts as long as the graph that holds it.
std::shared_ptr<void> shared(PyObject* object) {
  return std::shared_ptr<void>(object, [](void* held) {
    if (!Py_IsInitialized()) return;
    const WithGil gil;
    Py_DECREF(static_cast<PyObject*>(held));
  });
}

class PythonPacking final : public tape::PackingHooks {
 public:
  PythonPacking(PyObject* pack, PyObject* unpack)
      : pack_(shared(new_reference(pack))), unpack_(shared(new_reference(unpack))) {}

  std::shared_ptr<void> pack(const Tensor& x) override {
    const WithGil gil;
    const tape::WatchSpeaks speaks;
    const Owned given(wrap(x));
    return shared(checked(PyObject_CallOneArg(static_cast<PyObject*>(pack_.get()), given.get())));
  }
  Tensor unpack(const std::shared_ptr<void>& packed) override {
    const WithGil gil;
    const tape::WatchSpeaks speaks;
    const Owned result(PyObject_CallOneArg(static_cast<PyObject*>(unpack_.get()),
                                           static_cast<PyObject*>(packed.get())));
    if (!is_tensor(result.get())) {
      raise(
          PyExc_TypeError,
          join("Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
               type_name(result.get())));
    }
    return tensor_of(result.get());
  }

 private:
  std::shared_ptr<void> pack_, unpack_;
};

// A thread's, innermost last. A compiled function looks for watches while sites are followed.
struct Entry {
  explicit Entry(std::shared_ptr<tape::PackingHooks> hooks) : watch(std::move(hooks)) {
    program::follow_sites();
  }
  ~Entry() { program::unfollow_sites(); }
  tape::PackingWatch watch;
};
thread_local std::vector<std::unique_ptr<Entry>>* t_entries = nullptr;

PyObject* push(PyObject*, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(arguments, "OO", &pack, &unpack)) return nullptr;
    for (PyObject* const function : {pack, unpack})
      if (!PyCallable_Check(function))
        raise(PyExc_TypeError,
              join("saved_tensors_hooks: expected callables, got ", type_name(function)));
    tape::refuse_while_watch_speaks("saved_tensors_hooks");
    if (!t_entries) t_entries = new std::vector<std::unique_ptr<Entry>>();
    t_entries->push_back(std::make_unique<Entry>(std::make_shared<PythonPacking>(pack, unpack)));
    Py_RETURN_NONE;
  });
}

PyObject* pop(PyObject*, PyObject*) {
  return guarded([&]() -> PyObject* {
    tape::refuse_while_watch_speaks("saved_tensors_hooks");
    if (!t_entries || t_entries->empty())
      raise(PyExc_RuntimeError, "saved_tensors_hooks: none are set on this thread");
    t_entries->pop_back();
    if (t_entries->empty()) delete std::exchange(t_entries, nullptr);
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {
    {"push_saved_hooks", push, METH_VARARGS,
     "From here on, what this thread saves for backward is packed by the first function, and "
     "unpacked by the second."},
    {"pop_saved_hooks", pop, METH_NOARGS, "Takes back the last push_saved_hooks()."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_saved_hooks(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
