// How operations run kernels: launch() runs the call at once and counts it; a recorder on this
// thread keeps it as well. Programs replay what was recorded without it.
#pragma once

#include <initializer_list>

#include "program/kernel.h"

namespace steep::program {

// Elementwise and cast kernels: operands are {out, inputs...}; inputs broadcast to out's shape.
// Routines: operands, dims and scalars in the order the kernel documents; tensors must have the
// layout it wants.
void launch(const Kernel& kernel, DType type, std::initializer_list<Operand> operands,
            std::initializer_list<int64_t> dims = {},
            std::initializer_list<kernels::Scalar> scalars = {});
void launch(const Call& call);

// Runs a call without recording or counting it: what launch and replay share.
void execute(const Call& call);

inline kernels::Scalar real(double value) {
  kernels::Scalar scalar;
  scalar.f = value;
  return scalar;
}
inline kernels::Scalar integer(int64_t value) {
  kernels::Scalar scalar;
  scalar.i = value;
  return scalar;
}
// A string literal, with which a kernel that checks begins its error.
inline kernels::Scalar name_scalar(const char* op) {
  return integer(reinterpret_cast<int64_t>(op));
}
inline const char* name_in(const kernels::Task& task) {
  return reinterpret_cast<const char*>(task.scalars[0].i);
}

// Of one call: bytes are those of its operands, once each. And what it takes on one thread,
// roughly.
Cost cost_of(const Call& call);
double estimated_ns(const Cost& cost);
// How many threads work of this cost is worth: one below about 66 microseconds.
int worthwhile_threads(const Cost& cost);

// Shares whatever can be shared, however small, and always: for tests of how it is done.
void share_everything(bool on);
bool shares_everything();

// Counts since the thread began; tests read differences.
struct Counters {
  int64_t launches = 0;
  int64_t parallel_launches = 0;
  int64_t bytes = 0;          // operands read and written by launches
  int64_t saved_tensors = 0;  // by gradient rules
  int64_t saved_bytes = 0;
  int64_t nodes = 0;  // graph nodes made
};
Counters& counters();

}  // namespace steep::program
