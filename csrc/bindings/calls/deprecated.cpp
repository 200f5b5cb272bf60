#include "bindings/calls/deprecated.h"

#include <cstring>

#include "bindings/calls/convert.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/host.h"

namespace steep::bindings {

namespace {

// What the first orders of an operation are: letters stand for its arguments, t for a tensor and
// n for a number.
struct Form {
  const char* name;  // that of the in-place form has a _ more
  const char* method_orders[2];
  const char* function_orders[2];
  const char* keywords[2];
};

constexpr Form kForms[] = {
    {"add", {"tnt"}, {"tnt"}, {"alpha"}},
    {"sub", {"tnt"}, {"tnt"}, {"alpha"}},
    {"addcmul", {"tntt"}, {"tntt"}, {"value"}},
    {"addcdiv", {"tntt"}, {"tntt"}, {"value"}},
    {"addmm", {"tntt", "tnntt"}, {"nttt", "ntntt"}, {"beta", "alpha"}},
    {"addmv", {"tntt", "tnntt"}, {"nttt", "ntntt"}, {"beta", "alpha"}},
    {"addr", {"tntt", "tnntt"}, {"nttt", "ntntt"}, {"beta", "alpha"}},
    {"addbmm", {"tntt", "tnntt"}, {"nttt", "ntntt"}, {"beta", "alpha"}},
    {"baddbmm", {"tntt", "tnntt"}, {"nttt", "ntntt"}, {"beta", "alpha"}},
};

const Form* form_of(const std::string& name) {
  for (const Form& form : kForms) {
    const size_t length = std::strlen(form.name);
    if (name.compare(0, length, form.name) == 0 &&
        (name.size() == length || (name.size() == length + 1 && name.back() == '_')))
      return &form;
  }
  return nullptr;
}

bool is_in_order(const char* order, const CallArguments& call) {
  if (!order || static_cast<Py_ssize_t>(std::strlen(order)) != call.positional) return false;
  for (Py_ssize_t i = 0; i < call.positional; ++i) {
    Number number;
    PyObject* const object = call.args[i];
    if (order[i] == 't' ? !is_tensor(object) : !read_number(object, number)) return false;
  }
  return true;
}

}  // namespace

Reordered::Reordered(const Entry& entry, const CallArguments& call) {
  const Form* const form = call.keyword_count() ? nullptr : form_of(entry.name);
  if (!form) return;
  const auto& orders = entry.method ? form->method_orders : form->function_orders;
  if (!is_in_order(orders[0], call) && !is_in_order(orders[1], call)) return;
  std::vector<PyObject*> numbers;
  for (Py_ssize_t i = 0; i < call.positional; ++i) {
    if (is_tensor(call.args[i])) {
      args_[tensors_++] = call.args[i];
    } else {
      numbers.push_back(call.args[i]);
    }
  }
  keywords_ = Owned(PyTuple_New(static_cast<Py_ssize_t>(numbers.size())));
  std::string shown;
  for (size_t i = 0; i < numbers.size(); ++i) {
    args_[tensors_ + static_cast<Py_ssize_t>(i)] = numbers[i];
    PyTuple_SET_ITEM(keywords_.get(), static_cast<Py_ssize_t>(i),
                     checked(PyUnicode_InternFromString(form->keywords[i])));
    shown += join(i ? ", " : "", form->keywords[i], "=...");
  }
  if (std::exchange(entry.warned, true)) return;
  ops::host.warn(join(entry.name,
                      ": this overload is deprecated: the numbers come after the "
                      "tensors, by name (",
                      shown, ")"));
}

}  // namespace steep::bindings
