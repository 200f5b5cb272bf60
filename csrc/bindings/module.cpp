// steep._core: the table of contents.
#include <pybind11/pybind11.h>

#include "bindings/autograd.h"
#include "bindings/dtype_type.h"
#include "bindings/entries.h"
#include "bindings/from_python.h"
#include "bindings/functions.h"
#include "bindings/hooks.h"
#include "bindings/profile.h"
#include "bindings/program_table.h"
#include "bindings/runtime.h"
#include "bindings/tensor_type.h"
#include "ops/install.h"
#include "runtime/cpu.h"

namespace {

// Exceptions that leave functions which pybind11 calls.
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

}  // namespace

PYBIND11_MODULE(_core, m) {
  using namespace steep::bindings;
  pybind11::register_local_exception_translator(translate);
  steep::runtime::select_level();
  steep::ops::install();
  PyObject* module = m.ptr();
  add_description_types(module);
  add_tensor_type(module);
  add_entries(module);
  add_constructors(module);
  add_autograd(module);
  add_grad_modes(module);
  add_nodes(module);
  add_hook_handle(module);
  add_random(module);
  add_runtime(module);
  add_programs(module);
  add_profile(module);
  add_functions(module);
}
