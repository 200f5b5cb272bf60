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

// A call that owns its operands and arguments. A copy shares them until one of the two is changed:
// traces and plans hold the same calls, of which passes change few.
class RecordedCall {
 public:
  // Of aliases, so that later changes of the tensors' geometry do not affect it.
  explicit RecordedCall(const Call& call)
      : RecordedCall(call, [](int, TensorImpl* x) { return alias(Tensor(x)); }) {}
  // `view_of(i, x)` is what it has in place of operand i, the tensor x.
  template <class ViewOf>
  RecordedCall(const Call& call, ViewOf view_of) : content_(new Content(call)) {
    for (int i = 0; i < call.operand_count; ++i)
      if (TensorImpl* const x = call.operands[i].tensor()) {
        content_->tensors.push_back(view_of(i, x));
        content_->operands[i] = Operand(content_->tensors.back());
      }
  }
  const Site& site() const { return content_->site; }
  void run() const;  // executes the call, and counts versions of what it writes
  const char* name() const { return kernel().name; }
  const Kernel& kernel() const { return *content_->kernel; }
  DType type() const { return content_->type; }
  const SmallVector<Operand, 4>& operands() const { return content_->operands; }
  const ArgumentWords& words() const { return content_->words; }
  template <class Arguments>
  const Arguments& arguments() const {
    return *reinterpret_cast<const Arguments*>(words().data());
  }
  template <class Arguments>
  Arguments& change_arguments() {
    return *reinterpret_cast<Arguments*>(own().words.data());
  }
  // Says that a number is given anew to each replay; -1: that it is not.
  void fill_from(int i, int input, bool negated) {
    const Operand& now = operands()[i];
    if (now.number_input() != input || now.negated() != negated)
      own().operands[i].fill_from(input, negated);
  }
  // Replaces an operand; the call owns the new one.
  void replace(int i, const Operand& operand) {
    Content& content = own();
    if (operand.tensor()) content.tensors.push_back(Tensor(operand.tensor()));
    content.operands[i] = operand;
  }
  Call call() const {
    return {&kernel(),         type(),         operands().data(),
            operands().size(), words().data(), words().size()};
  }

 private:
  struct Content : Counted {
    explicit Content(const Call& call);
    Content(const Content& other);
    static void destroy(Content* content) { delete content; }
    const Kernel* kernel;
    DType type;
    SmallVector<Operand, 4> operands;
    Tensors tensors;  // keeps the operands' tensors alive
    ArgumentWords words;
    Site site = current_site();  // where the launch came from, if sites were followed
  };
  Content& own();

  Ref<Content> content_;
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
  // By operand of each launch in turn: its memory, which may have been freed; null for others.
  const std::vector<Storage*>& memory() const { return memory_; }
  // Whether a launch recorded so far has written there.
  bool has_written(const Storage& memory) const;
  void replay() const;

  ~Recorder();

 private:
  void lose() noexcept;

  std::vector<RecordedCall> calls_;
  std::vector<Storage*> memory_;
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
