// Recording: while one is active on a thread, every launch of that thread is kept; replay runs them
// again in order.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "program/kernel.h"
#include "program/record/gradient_notes.h"
#include "program/record/made.h"
#include "program/site.h"
#include "tensor/generator.h"

namespace steep::program {

// A call that owns what it refers to.
class RecordedCall {
 public:
  explicit RecordedCall(const Call& call) : RecordedCall(call, nullptr) {}
  // One of a recording that will not be run as it is: memory that its launches have made lives no
  // longer than without it. Operands in such memory have no storage. Null: all memory is held.
  RecordedCall(const Call& call, MadeStorages* let_go);
  const Site& site() const { return site_; }
  void run() const;  // executes, and moves the versions of what it writes
  const char* name() const { return kernel_->name; }
  const Kernel& kernel() const { return *kernel_; }
  DType type() const { return type_; }
  const SmallVector<Operand, 4>& operands() const { return operands_; }
  // The memory of an operand that is a tensor, which may be gone.
  Storage* memory(int i) const {
    Storage* const storage = operands_[i].tensor()->storage.get();
    return storage ? storage : let_go_[i].get();
  }
  const ArgumentWords& words() const { return words_; }
  template <class Arguments>
  const Arguments& arguments() const {
    return *reinterpret_cast<const Arguments*>(words_.data());
  }
  template <class Arguments>
  Arguments& arguments() {
    return *reinterpret_cast<Arguments*>(words_.data());
  }
  // Says that a number is another one at each replay.
  void fill_from(int i, int input, bool negated) { operands_[i].fill_from(input, negated); }
  // From now on operands are views without memory.
  void let_go();
  // Another operand, which this call then owns as well.
  void replace(int i, const Operand& operand) {
    if (operand.tensor()) tensors_.push_back(Tensor(operand.tensor()));
    operands_[i] = operand;
  }
  Call call() const {
    return {kernel_, type_, operands_.data(), operands_.size(), words_.data(), words_.size()};
  }

 private:
  const Kernel* kernel_;
  DType type_;
  SmallVector<Operand, 4> operands_;
  Tensors tensors_;                     // keeps the operands' tensors alive
  SmallVector<WeakStorage, 4> let_go_;  // by operand, where there are any without a storage
  ArgumentWords words_;
  Site site_ = current_site();  // where the launch came from, if sites were followed
};

using Generators = std::vector<std::shared_ptr<Generator>>;

class Recorder {
 public:
  static Recorder* active();  // of this thread

  // Makes this recorder the thread's; refuses to nest.
  void start();
  void stop();  // from any thread
  // The launch has run: where there is no memory to keep it, the recording is given up, not the
  // launch.
  void append(const Call& call) noexcept;
  // Something was done that no replay would do again. The first reason is kept.
  void refuse(std::string_view reason);
  const std::string& refusal() const { return refusal_; }
  // Whether there was no memory to keep all of it.
  bool lost() const { return lost_; }
  // Where in the user's program that was: "file:line", or empty.
  const std::string& location() const { return location_; }
  // The .grad of a leaf is read, or about to change; `before` is what it is now.
  void note_gradient(const Tensor& leaf, const Tensor& before, bool read) noexcept;
  // It has become `now`.
  void note_new_gradient(const Tensor& leaf, const Tensor& now) noexcept;
  GradientNotes& gradients() { return gradients_; }
  // A launch draws from a generator that is not the process's: its owner may be gone when a program
  // draws again.
  void keep(const std::shared_ptr<Generator>& generator) noexcept;
  const Generators& generators() const { return generators_; }
  // Whether this is memory that was made while recording.
  bool has_made(const Storage& memory) const { return made_.has(memory); }
  const MadeStorages& made() const { return made_; }
  // What was made has been given its values by the host.
  void note_filled(const Storage& memory) noexcept;
  // The number of the last node of the graph that was there before; 0: not known.
  void set_first_node(uint64_t number) { first_node_ = number; }
  uint64_t first_node() const { return first_node_; }
  // Arguments are part of a graph, which is another one in each call: no backward may go there.
  void keep_out_of_arguments() { keeps_out_ = true; }
  // Memory made by launches lives no longer than without a recording, which cannot be run as it is
  // then: replay() refuses.
  void let_memory_go() { lets_go_ = true; }
  bool keeps_out() const { return keeps_out_; }
  std::vector<RecordedCall> take_calls() { return std::move(calls_); }
  const std::vector<RecordedCall>& calls() const { return calls_; }
  // Whether a launch recorded so far has written there.
  bool has_written(const Storage& memory) const;
  void replay() const;

  ~Recorder();

 private:
  void lose() noexcept;

  std::vector<RecordedCall> calls_;
  GradientNotes gradients_;
  Generators generators_;  // in order of their first draws
  std::string refusal_, location_;
  bool lost_ = false;
  MadeStorages made_;
  uint64_t first_node_ = 0;
  bool keeps_out_ = false, lets_go_ = false;
  Recorder** thread_pointer_ = nullptr;  // while it records: where its thread finds it
};

// Says to the active recorder, if any, that the host has done what a replay would not; that it has
// read a value is one such thing, for what follows may depend on it.
void refuse_recording(std::string_view reason);
void note_host_read(const char* what);
inline void note_warning() {
  refuse_recording("it warns, which a replay would not; mend what the warning is about");
}
// Who is asked where in the user's program this thread is.
void set_location_of_user(std::string (*ask)());
// The host has put values into new memory, from numbers of Python's.
inline void note_filled(const Storage& memory) {
  if (Recorder* recorder = Recorder::active()) recorder->note_filled(memory);
}
inline void note_gradient(const Tensor& leaf, const Tensor& before, bool read) {
  if (Recorder* recorder = Recorder::active()) recorder->note_gradient(leaf, before, read);
}
inline void note_new_gradient(const Tensor& leaf, const Tensor& now) {
  if (Recorder* recorder = Recorder::active()) recorder->note_new_gradient(leaf, now);
}

}  // namespace steep::program
