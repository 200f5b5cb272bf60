// Recording: while one is active on a thread, every launch of that thread is kept; replay runs them again in order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/kernel.h"
#include "program/site.h"

namespace steep::program {

// A call that owns what it refers to.
class RecordedCall {
 public:
  explicit RecordedCall(const Call& call);
  const Site& site() const { return site_; }
  void run() const;  // executes, and moves the versions of what it writes
  const char* name() const { return kernel_->name; }

 private:
  const Kernel* kernel_;
  DType type_;
  SmallVector<Operand, 4> operands_;
  Tensors tensors_;  // keeps the operands' tensors alive
  Dims dims_;
  SmallVector<kernels::Scalar, 2> scalars_;
  Site site_ = current_site();  // where the launch came from, if sites were followed
};

class Recorder {
 public:
  static Recorder* active();  // of this thread

  // Makes this recorder the thread's; refuses to nest.
  void start();
  void stop();  // from any thread
  void append(const Call& call) { calls_.emplace_back(call); }
  // A value was read into the host: what follows may depend on it, so the recording cannot be replayed.
  void refuse(const char* reason) {
    if (refusal_.empty()) refusal_ = reason;
  }
  const std::string& refusal() const { return refusal_; }
  const std::vector<RecordedCall>& calls() const { return calls_; }
  void replay() const;

  ~Recorder();

 private:
  std::vector<RecordedCall> calls_;
  std::string refusal_;
  Recorder** slot_ = nullptr;  // while it records: where its thread finds it
};

// Says to the active recorder, if any, that the host has read a value.
void note_host_read(const char* op);

}  // namespace steep::program
