// A recording made ready to be compared, planned and run again: its launches, and the memory they
// touch by number.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "program/record/recorder.h"

namespace steep::program {

// A block of memory that launches touch.
struct Value {
  enum class Kind : uint8_t {
    input,     // an argument's: another block at every replay
    gradient,  // the .grad that a leaf has before: another block at every replay, too
    state,     // was there before: parameters, buffers, optimiser state
    constant,  // made while recording, from numbers of Python's
    made,      // by the launches
  };
  Kind kind;
  int source = -1;       // which argument, or which of the trace's gradients
  Ref<Storage> storage;  // of state and constants, which stay
  WeakStorage memory;    // which one it was; until the trace is complete
  size_t bytes = 0;
  bool kept = false;  // made, and still wanted at the end: a result or a .grad
};

// A launch and the value behind each of its operands, -1 for numbers and what is left out.
struct TracedCall {
  RecordedCall call;
  SmallVector<int, 8> values;
  size_t launch_index = 0;  // among the launches recorded
};

// A view of a value that leaves the program: a result, or the .grad of a leaf.
struct TracedView {
  int value;
  Tensor geometry;  // its storage is not to be used once the trace is complete
  Tensor on(const Ref<Storage>& storage) const;
};

struct TracedGradient {
  Tensor leaf;
  int input;         // the argument that the leaf is, or -1
  int before_value;  // the value of what .grad was at the start, or -1
  Tensor before;     // geometry of what .grad was at the start, if it was there; in the
                     // end counted from the first view of its memory
  bool guarded;      // whether that matters
  std::optional<TracedView> after;  // none: .grad is None at the end
  bool changed;                     // whether .grad is another tensor at the end
  GradientEvents events;            // on the way
  uint64_t last_memory;             // whose id means what .grad is at the end; 0: None
};

// The memory that an argument, or a gradient, was: a storage's id, 0 for any, and the element at
// which it begins.
struct Pin {
  uint64_t storage = 0;
  int64_t start = 0;
  bool operator==(const Pin& other) const {
    return storage == other.storage && start == other.start;
  }
};

class Trace {
 public:
  // Of what `recorder` has kept. `inputs` are the arguments, `outputs` the results, `bases` the
  // tensors that results are views of, `gradients` the .grad that each leaf of recorder.gradients()
  // has now (undefined for none), `saved` what the graph of the results has saved: a program leaves
  // that behind its results, in memory of its own. `shown` are the places of outputs whose memory
  // arrays show, once for each array.
  Trace(Recorder& recorder, const Tensors& inputs, const Tensors& outputs, const Tensors& bases,
        const Tensors& gradients, const Tensors& saved = {}, const std::vector<int>& shown = {});

  // Why it cannot be replayed; empty if it can.
  const std::string& refusal() const { return refusal_; }
  // Whether there was no memory to keep all of it.
  bool lost() const { return lost_; }
  // Where it does something else than `other`; empty where it does the same. Numbers that fill()
  // has found are no difference.
  std::string difference(const Trace& other) const;
  // Finds the operands that are numbers which the function was given or has computed of such; each
  // replay is given them anew. `numbers` and `others` are what they were in the two recordings, in
  // the same order, `reads` says which of them an operation has taken, and how many launches came
  // before. Which of the reads has become no operand; -1 where all have. Numbers that differ are
  // such that may_vary_to() is true.
  struct NumberRead {
    int number;
    size_t launch_index;
  };
  int fill(const Trace& other, const std::vector<double>& numbers,
           const std::vector<double>& others, const std::vector<NumberRead>& reads);
  // The launch at which the other trace has another number as an operand, though the same launches
  // come before; -1 where there is none.
  int other_number(const Trace& other) const;
  // The numbers that operands are filled from, by slot.
  const std::vector<int>& filled() const { return filled_; }
  // By slot: the sign that its number had in both recordings, and must have, for operations may go
  // other ways with another, or refuse it; 0 where the recordings differ, and so it makes none.
  const std::vector<int>& signs() const { return signs_; }

  const std::vector<TracedCall>& calls() const { return calls_; }
  const std::vector<Value>& values() const { return values_; }
  // The results, and then all the memory of each value that is saved and was made.
  const std::vector<TracedView>& outputs() const { return outputs_; }
  int results() const { return results_; }
  // By saved tensor: which of outputs() it lies in; -1 for what was there before.
  const std::vector<int>& saved() const { return saved_; }
  // Whether a launch writes to an argument, or to what was there before.
  bool writes_outside() const;
  const std::vector<TracedGradient>& gradients() const { return gradients_; }
  // Those of users' own that launches draw from, in order of their first draws.
  const Generators& generators() const { return generators_; }
  // Which gradients were there before, of those that matter: such calls are different ones.
  std::string pattern() const;
  // The value that each argument is.
  const std::vector<int>& input_values() const { return input_values_; }
  // By value: the memory that it was in this recording, for arguments and gradients from before.
  const std::vector<Pin>& sources() const { return sources_; }

 private:
  int value_of(const Tensor& tensor) { return value_of(*tensor->storage); }
  int value_of(Storage& storage);
  void find_origins(Recorder& recorder, const Tensors& inputs);
  void trace_calls(Recorder& recorder);
  void trace_saved(const Tensors& saved);
  void trace_gradients(Recorder& recorder, const Tensors& inputs, const Tensors& gradients);
  void find_constants();
  void find_overlaps();
  void find_escapes(const Tensors& outputs, const Tensors& bases, const Tensors& gradients,
                    const Tensors& saved, const std::vector<int>& shown);
  void let_go();
  void refuse(const std::string& reason) {
    if (refusal_.empty()) refusal_ = reason;
  }

  const MadeStorages* made_;  // until the trace is complete
  std::vector<Pin> sources_;
  std::vector<int> input_values_;
  std::vector<int64_t>
      starts_;  // by value: elements between the start of an argument's storage and its own
  std::vector<TracedCall> calls_;
  std::vector<Value> values_;
  std::unordered_map<const Storage*, int> numbers_;  // of values_, until they let go
  std::vector<TracedView> outputs_;
  int results_ = 0;
  std::vector<int> saved_;
  std::vector<TracedGradient> gradients_;
  Generators generators_;
  std::vector<int> filled_, signs_;
  std::string refusal_;
  bool lost_;
};

// Whether two tensors are the same strided views, each of its own memory.
bool same_geometry(const TensorImpl& a, const TensorImpl& b);

// Whether a program that was recorded with other numbers does with this one as operations would.
bool may_vary_to(double number);

}  // namespace steep::program
