// steep._core: the table of contents.
#include <pybind11/pybind11.h>

#include "bindings/autograd/autograd.h"
#include "bindings/autograd/hooks.h"
#include "bindings/calls/entries.h"
#include "bindings/calls/functions.h"
#include "bindings/calls/intercept.h"
#include "bindings/host/changes.h"
#include "bindings/host/host.h"
#include "bindings/host/profile.h"
#include "bindings/host/runtime.h"
#include "bindings/programs/cell_list.h"
#include "bindings/programs/familiar.h"
#include "bindings/programs/frames.h"
#include "bindings/programs/guards.h"
#include "bindings/programs/program_table.h"
#include "bindings/programs/stand_in.h"
#include "bindings/programs/symbolic.h"
#include "bindings/references.h"
#include "bindings/tensor/dlpack.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "ops/install.h"
#include "runtime/cpu.h"

namespace {

// Translates exceptions that leave functions which pybind11 calls.
void translate(std::exception_ptr exception) {
  if (!exception) return;
  try {
    std::rethrow_exception(exception);
  } catch (const steep::Error&) {
    steep::bindings::raise_current();
  } catch (const steep::bindings::PythonError&) {
    steep::bindings::raise_current();
  }
}

// The engine has one set of types and one allocator for the process, and assumes a single
// interpreter lock, so it cannot serve several interpreters.
bool refuse_other_interpreters() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(
      PyExc_ImportError,
      "steep: expected to be imported in the main interpreter, got a sub-interpreter, "
      "which steep does not support; import it in the main one, or use a process of its "
      "own (multiprocessing)");
  return true;
}

}  // namespace

// The module has an entry point of its own in front of pybind11's, which would wait for ever for
// the interpreter lock in a sub-interpreter.
PYBIND11_MODULE(_core_of_main_interpreter, m, pybind11::multiple_interpreters::not_supported()) {
  using namespace steep::bindings;
  if (refuse_other_interpreters()) throw pybind11::error_already_set();
  pybind11::register_local_exception_translator(translate);
  steep::runtime::select_level();
  steep::ops::install();
  install_host();
  PyObject* module = m.ptr();
  add_references(module);
  add_exceptions(module);
  add_description_types(module);
  add_tensor_type(module);
  add_entries(module);
  add_constructors(module);
  add_dlpack(module);
  add_autograd(module);
  add_grad_modes(module);
  add_nodes(module);
  add_saved_hooks(module);
  add_anomaly(module);
  add_hook_handle(module);
  add_random(module);
  add_runtime(module);
  add_guards(module);
  add_cell_list(module);
  add_stand_in(module);
  add_symbolic(module);
  add_familiar(module);
  add_frames(module);
  add_programs(module);
  add_profile(module);
  add_functions(module);
  add_forwards(module);
  add_interception(module);
  add_changes(module);
}

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  return refuse_other_interpreters() ? nullptr : PyInit__core_of_main_interpreter();
}
