// Recording: while a recorder is active on a thread, it keeps every launch of that thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "program/record/call.h"
#include "program/record/gradient_notes.h"
#include "program/record/memory.h"
#include "tensor/generator.h"

namespace steep::program {

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
  bool has_made(const Storage& memory) const { return memory_.has_made(memory); }
  // See RecordedMemory.
  void note_filled(Storage& memory) noexcept;
  // The highest number of a graph node that existed before the recording; 0: not known.
  void set_first_node(uint64_t number) { first_node_ = number; }
  uint64_t first_node() const { return first_node_; }
  // Says that arguments have a graph, a different one in each call: backward must not run into it.
  void keep_out_of_arguments() { keeps_out_ = true; }
  // Says that the recording need not keep memory alive that launches make. It can then only be
  // inspected: replay() throws.
  void let_memory_go() { lets_go_ = true; }
  // Takes what tells whether the function has stored something so far; asked when a launch is kept
  // that may refuse its input.
  void ask_for_stores(std::function<bool()> has_stored) { has_stored_ = std::move(has_stored); }
  bool keeps_out() const { return keeps_out_; }
  bool lets_go() const { return lets_go_; }
  std::vector<TracedCall> take_calls() { return std::move(calls_); }
  // Their values are blocks of this memory.
  const std::vector<TracedCall>& calls() const { return calls_; }
  RecordedMemory& memory() { return memory_; }
  // Whether a launch recorded so far has written there.
  bool has_written(const Storage& memory) const { return memory_.has_written(memory); }
  void replay() const;

  ~Recorder();

 private:
  void lose() noexcept;

  std::vector<TracedCall> calls_;
  RecordedMemory memory_;
  GradientNotes gradients_;
  Generators generators_;  // in the order of their first draws
  std::function<bool()> has_stored_;
  std::string refusal_, location_;
  bool lost_ = false;
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
inline void note_filled(Storage& memory) {
  if (Recorder* recorder = Recorder::active()) recorder->note_filled(memory);
}
inline void note_gradient(const Tensor& leaf, const Tensor& before, bool read) {
  if (Recorder* recorder = Recorder::active()) recorder->note_gradient(leaf, before, read);
}
inline void note_new_gradient(const Tensor& leaf, const Tensor& now) {
  if (Recorder* recorder = Recorder::active()) recorder->note_new_gradient(leaf, now);
}

}  // namespace steep::program
