// Recording: while a recorder is active on a thread, it keeps every launch of that thread.
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

// A call that owns its operands and arguments.
class RecordedCall {
 public:
  explicit RecordedCall(const Call& call) : RecordedCall(call, nullptr) {}
  // If `let_go` is given, the call will only be inspected, not run: operands in memory that
  // recorded launches have made then have no storage, so that the recording does not keep it alive.
  RecordedCall(const Call& call, MadeStorages* let_go);
  const Site& site() const { return site_; }
  void run() const;  // executes the call, and counts versions of what it writes
  const char* name() const { return kernel_->name; }
  const Kernel& kernel() const { return *kernel_; }
  DType type() const { return type_; }
  const SmallVector<Operand, 4>& operands() const { return operands_; }
  // The memory of an operand that is a tensor; it may have been freed.
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
  // Says that a number is given anew to each replay.
  void fill_from(int i, int input, bool negated) { operands_[i].fill_from(input, negated); }
  // Drops the memory: operands become views without storage.
  void let_go();
  // Replaces an operand; the call owns the new one.
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
  SmallVector<WeakStorage, 4> let_go_;  // by operand, if any have no storage
  ArgumentWords words_;
  Site site_ = current_site();  // where the launch came from, if sites were followed
};

using Generators = std::vector<std::shared_ptr<Generator>>;

class Recorder {
 public:
  static Recorder* active();  // of this thread

  // Makes this the thread's recorder; throws if the thread has one.
  void start();
  void stop();  // may be called by any thread
  // The launch has already run. If there is no memory to keep it, the recording is given up.
  void append(const Call& call) noexcept;
  // Notes that something was done that a replay would not do. The first reason is kept.
  void refuse(std::string_view reason);
  const std::string& refusal() const { return refusal_; }
  // Whether memory ran out, so that launches are missing.
  bool lost() const { return lost_; }
  // Where in the user's program it was refused: "file:line", or empty.
  const std::string& location() const { return location_; }
  // The .grad of a leaf is read, or about to change; `before` is what it is now.
  void note_gradient(const Tensor& leaf, const Tensor& before, bool read) noexcept;
  // It has become `now`.
  void note_new_gradient(const Tensor& leaf, const Tensor& now) noexcept;
  GradientNotes& gradients() { return gradients_; }
  // Keeps a generator other than the process's alive, from which a launch draws: programs will draw
  // from it again.
  void keep(const std::shared_ptr<Generator>& generator) noexcept;
  const Generators& generators() const { return generators_; }
  // Whether this is memory that was made while recording.
  bool has_made(const Storage& memory) const { return made_.has(memory); }
  const MadeStorages& made() const { return made_; }
  // See MadeStorages.
  void note_filled(const Storage& memory) noexcept;
  // The highest number of a graph node that existed before the recording; 0: not known.
  void set_first_node(uint64_t number) { first_node_ = number; }
  uint64_t first_node() const { return first_node_; }
  // Says that arguments have a graph, a different one in each call: backward must not run into it.
  void keep_out_of_arguments() { keeps_out_ = true; }
  // Says that the recording need not keep memory alive that launches make. It can then only be
  // inspected: replay() throws.
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
  Generators generators_;  // in the order of their first draws
  std::string refusal_, location_;
  bool lost_ = false;
  MadeStorages made_;
  uint64_t first_node_ = 0;
  bool keeps_out_ = false, lets_go_ = false;
  Recorder** thread_pointer_ = nullptr;  // while it records: the thread's pointer to its recorder
};

// Refuses the active recording, if any, because the host has done what a replay would not do.
// Reading a value counts, because what follows may depend on it.
void refuse_recording(std::string_view reason);
void note_host_read(const char* what);
inline void note_warning() {
  refuse_recording("it issues a warning, which a replay would not do; fix what it warns about");
}
// Sets the function that tells the user's file and line.
void set_location_of_user(std::string (*ask)());
// Notes that the host has filled new memory with numbers from Python.
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
