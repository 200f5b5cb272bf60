// How operations run kernels: launch() runs the call at once and counts it, and the thread's
// recorder, if any, keeps it. Programs replay recorded calls without launch().
#pragma once

#include <initializer_list>

#include "program/kernel.h"

namespace steep::program {

// Elementwise and cast kernels: operands are {out, inputs...}; inputs broadcast to out's shape.
// Other kernels: operands and arguments as the kernel documents; tensors must have the layout that
// it expects.
void launch(const Call& call);
inline void launch(const Kernel& kernel, DType type, std::initializer_list<Operand> operands) {
  launch(Call{&kernel, type, operands.begin(), static_cast<int>(operands.size()), nullptr, 0});
}
template <class Arguments>
void launch(const Kernel& kernel, DType type, std::initializer_list<Operand> operands,
            const Arguments& arguments) {
  static_assert(are_words<Arguments>, "every argument is 8 bytes wide");
  launch(Call{&kernel, type, operands.begin(), static_cast<int>(operands.size()), &arguments,
              static_cast<int>(sizeof(Arguments) / 8)});
}

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

// The cost of one call, whose bytes are those of its operands, once each; and a rough estimate of
// its time on one thread.
Cost cost_of(const Call& call);
double estimated_ns(const Cost& cost);
// A kernel or a replay estimated to take longer than this runs without the interpreter lock.
constexpr double kUnlockedNs = 20000;
// How many threads to use for work of this cost: one below about 66 microseconds.
int worthwhile_threads(const Cost& cost);

// Makes launches and programs share all that can be shared, however small: for tests.
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
