// out=: writes a function's result to tensors that the caller gives.
#pragma once

#include "bindings/calls/bind.h"

namespace steep::bindings {

// A function's signature with that keyword.
std::string with_out(const std::string& signature);

// The index of out= among the call's keywords; -1 if it is not there.
Py_ssize_t find_out(const CallArguments& call);
// invoke() for a call that has it. Empty tensors take the result's shape; others do so too, with a
// warning. Nothing is written unless all fit. Throws if a gradient would be lost.
PyObject* invoke_into(const Entry& entry, const CallArguments& call);

}  // namespace steep::bindings
