// The scope in which a launch's kernel runs.
#pragma once

#include "program/kernel.h"
#include "program/profile.h"
#include "runtime/threads.h"

namespace steep::program {

// How to run a launch; for a profile, also when its kernel ran.
struct Terms {
  int threads;
  bool unlocked;  // without the interpreter lock
  bool timed;
  int64_t start = 0, end = 0;
};

// Surrounds the kernel, after shapes and addresses have been read. While the interpreter lock is
// released, another thread may give an operand other memory (`x.data = ...`) or drop it, so the
// launch holds the memory it began with until it has the lock again.
class RunningKernel {
 public:
  RunningKernel(const Call& call, Terms& terms)
      : terms_(terms), held_(memory_of(call, terms.unlocked)), released_(terms.unlocked) {}
  ~RunningKernel() {
    if (terms_.timed) terms_.end = Profile::now();  // before waiting for the lock
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
  const Memory held_;  // destroyed after released_, with the lock held: that may run Python code
  const runtime::WithoutInterpreterLock released_;
};

}  // namespace steep::program
