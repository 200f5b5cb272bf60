#include "bindings/calls/arguments.h"

#include "bindings/calls/convert.h"
#include "bindings/types/dtype_type.h"
#include "bindings/types/format_type.h"

namespace steep::bindings {

Arguments::Arguments(const ArgumentNames& names, PyObject* const* args, Py_ssize_t positional,
                     PyObject* keywords)
    : names_(names) {
  int count = 0;
  while (count < kMostArguments && names.names[count]) ++count;
  if (positional > names.positional) {
    raise(PyExc_TypeError, join(names.op, "() takes at most ", names.positional,
                                " positional argument(s) (", positional, " given)"));
  }
  for (Py_ssize_t i = 0; i < positional; ++i) found_[i] = args[i];
  for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); ++i)
    place_keyword(PyTuple_GET_ITEM(keywords, i), args[positional + i], count);
  for (int i = 0; i < names.required; ++i)
    if (!found_[i])
      raise(PyExc_TypeError, join(names.op, "() missing required argument '", names.names[i], "'"));
}

void Arguments::place_keyword(PyObject* key, PyObject* value, int count) {
  for (int i = 0; i < count; ++i) {
    if (PyUnicode_CompareWithASCIIString(key, names_.names[i]) != 0) continue;
    if (found_[i])
      raise(PyExc_TypeError,
            join(names_.op, "() got multiple values for argument '", names_.names[i], "'"));
    found_[i] = value;
    return;
  }
  raise(PyExc_TypeError,
        join(names_.op, "() got an unexpected keyword argument '", utf8(key), "'"));
}

void Arguments::refuse(int i, const char* expected) const {
  raise(PyExc_TypeError, join(names_.op, "(): argument '", names_.names[i], "' must be ", expected,
                              ", not ", type_name(found_[i])));
}

bool Arguments::flag(int i, bool otherwise) const {
  if (!given(i)) return otherwise;
  if (!PyBool_Check(found_[i]) && !PyLong_Check(found_[i])) refuse(i, "bool");
  const int truth = PyObject_IsTrue(found_[i]);
  checked(truth);
  return truth;
}

std::optional<DType> Arguments::dtype(int i) const {
  if (!given(i)) return std::nullopt;
  if (!is_dtype(found_[i])) refuse(i, "a steep.dtype");
  return dtype_of(found_[i]);
}

int64_t Arguments::integer(int i, int64_t otherwise) const {
  if (!given(i)) return otherwise;
  int64_t value;
  try {
    if (!read_int(found_[i], value)) refuse(i, "int");
  } catch (const Unnamed& error) {
    throw error.of(names_.op);
  }
  return value;
}

void Arguments::layout(int i) const {
  if (given(i)) check_layout(names_.op, found_[i]);
}

void Arguments::pin_memory(int i) const {
  if (flag(i, false))
    fail(ErrorKind::runtime, names_.op, "pin_memory=False", "True",
         "there is no device to copy to: leave pin_memory out");
}

std::string Arguments::memory_format(int i) const {
  if (!given(i)) return "";
  if (!is_memory_format(found_[i])) refuse(i, "a steep.memory_format");
  return memory_format_name(found_[i]);
}

void Arguments::device(int i) const {
  if (given(i)) check_device(names_.op, found_[i]);
}

}  // namespace steep::bindings
