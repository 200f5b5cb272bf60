// out=: a function's result written into tensors that the caller gives.
#pragma once

#include "bindings/calls/bind.h"

namespace steep::bindings {

// A function's signature with that keyword.
std::string with_out(const std::string& signature);

// Where among the call's keywords out= is; -1 where it is not.
Py_ssize_t find_out(const CallArguments& call);
// invoke() of a call that has it. Tensors that are empty take the result's shape, as do others,
// with a warning; nothing is written unless all fit. Refused where a gradient would be lost.
PyObject* invoke_into(const Entry& entry, const CallArguments& call);

}  // namespace steep::bindings
