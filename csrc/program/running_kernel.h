// The time in which a launch's kernel runs.
#pragma once

#include "program/kernel.h"
#include "program/profile.h"
#include "runtime/threads.h"

namespace steep::program {

// How a launch is run, and for a profile when its kernel was.
struct Terms {
  int threads;
  bool unlocked;  // without the interpreter lock
  bool timed;
  int64_t start = 0, end = 0;
};

// Around a kernel, when shapes and addresses have been read. Without the interpreter lock another
// thread may give an operand other memory (`x.data = ...`) or let go of it: until the lock is held
// again, the launch holds what it began with.
class RunningKernel {
 public:
  RunningKernel(const Call& call, Terms& terms)
      : terms_(terms), held_(memory_of(call, terms.unlocked)), released_(terms.unlocked) {}
  ~RunningKernel() {
    if (terms_.timed) terms_.end = Profile::now();  // to wait for the lock is no part of it
  }
  RunningKernel(const RunningKernel&) = delete;
  RunningKernel& operator=(const RunningKernel&) = delete;

 private:
  using Memory = SmallVector<Ref<Storage>, 8>;
  static Memory memory_of(const Call& call, bool wanted) {
    Memory memory;
    if (!wanted) return memory;
    memory.reserve(call.operand_count);
    for (int i = 0; i < call.operand_count; ++i)
      if (const TensorImpl* tensor = call.operands[i].tensor()) memory.push_back(tensor->storage);
    return memory;
  }

  Terms& terms_;
  const Memory held_;  // goes when the lock is held again: its end may run code
  const runtime::WithoutInterpreterLock released_;
};

}  // namespace steep::program
