#include "bindings/host/host.h"

#include "bindings/tensor/from_python.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/host.h"
#include "program/record/recorder.h"

namespace steep::bindings {

namespace {

void warn(const std::string& text) {
  const WithGil gil;
  program::note_warning();
  checked(PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1));
}

// By NumPy, which calls LAPACK.
ops::Svd svd(const Tensor& matrices) {
  const WithGil gil;
  const Owned linalg(PyImport_ImportModule("numpy.linalg"));
  const Owned tensor(
      wrap(alias(matrices)));  // without the graph: NumPy gets no memory of tensors with one
  const Owned array(PyObject_CallMethod(tensor.get(), "numpy", nullptr));
  const Owned factors(PyObject_CallMethod(linalg.get(), "svd", "Oi", array.get(), 0));
  const auto factor = [&](Py_ssize_t i) {
    const Owned item(PySequence_GetItem(factors.get(), i));
    return copy_array("svd", item.get());
  };
  return {factor(0), factor(1), factor(2)};
}

}  // namespace

void install_host() {
  ops::host.warn = warn;
  ops::host.svd = svd;
}

}  // namespace steep::bindings
