// A finished recording that can be compared and planned: its launches, and the blocks of memory
// (values) that they touch, by number.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "program/record/recorder.h"

namespace steep::program {

// A block of memory that launches touch.
struct Value {
  enum class Kind : uint8_t {
    input,     // of an argument: another block at every replay
    gradient,  // the .grad that a leaf has before: also another block at every replay
    state,     // existed before: parameters, buffers, optimiser state
    constant,  // made during the recording from numbers of Python's
    made,      // written by the launches
  };
  Kind kind;
  int source = -1;       // index of the argument, or of the trace's gradient
  Ref<Storage> storage;  // of state and constants
  size_t bytes = 0;
  bool kept = false;  // made, and needed after the end: a result or a .grad
};

// A view of a value that leaves the program: a result, or the .grad of a leaf.
struct TracedView {
  int value;
  Tensor geometry;  // without storage once the trace is complete
  Tensor on(const Ref<Storage>& storage) const;
};

struct TracedGradient {
  Tensor leaf;
  int input;         // index of the argument that the leaf is, or -1
  int before_value;  // the value of .grad at the start, or -1
  // Geometry of .grad at the start, if there was one; its offset counts from the first view of the
  // memory.
  Tensor before;
  bool guarded;                     // whether .grad must be the same at the start of a replay
  std::optional<TracedView> after;  // empty: .grad is None at the end
  bool changed;                     // whether .grad is another tensor at the end
  GradientEvents events;            // in between
  uint64_t last_memory;             // id of the storage of .grad at the end; 0: None
};

// The memory that an argument or gradient must have: the id of its storage (0: any), and the
// element at which it begins.
struct Pin {
  uint64_t storage = 0;
  int64_t start = 0;
  bool operator==(const Pin& other) const {
    return storage == other.storage && start == other.start;
  }
};

class Trace {
 public:
  // From what `recorder` holds. `inputs` are the arguments, `outputs` the results, `bases` the
  // tensors that results are views of, `gradients` the present .grad of each leaf in
  // recorder.gradients() (undefined for None). `saved` is what the graph of the results has saved;
  // a program returns it as outputs after the results, in memory of its own. `shown` are the
  // indices of outputs whose memory NumPy arrays share, once for each array.
  Trace(Recorder& recorder, const Tensors& inputs, const Tensors& outputs, const Tensors& bases,
        const Tensors& gradients, const Tensors& saved = {}, const std::vector<int>& shown = {});

  // Why it cannot be replayed; empty if it can.
  const std::string& refusal() const { return refusal_; }
  // Whether memory ran out, so that launches are missing.
  bool lost() const { return lost_; }
  // How it differs from `other`; empty if it does the same. Numbers that fill() has found may
  // differ.
  std::string difference(const Trace& other) const;
  // Finds the operands that are numbers which the function was given or has computed from such
  // numbers: each replay is given these anew. `numbers` and `others` are their values in the two
  // recordings, in the same order; where they differ, may_vary_to() must be true. `reads` says
  // which of them operations have taken, and before which launch. Returns the index of a read that
  // has become no operand; -1 if there is none.
  struct NumberRead {
    int number;
    size_t launch_index;
  };
  int fill(const Trace& other, const std::vector<double>& numbers,
           const std::vector<double>& others, const std::vector<NumberRead>& reads);
  // The first launch at which the two traces have different numbers, if the launches are the same
  // up to there; else -1.
  int other_number(const Trace& other) const;
  // By number input: the index among `numbers` of the number that fills it.
  const std::vector<int>& filled() const { return filled_; }
  // By number input: the sign that the number must have, because operations may do something else
  // for the other sign, or reject it. 0 if its sign differed between the recordings, and so does
  // not matter.
  const std::vector<int>& signs() const { return signs_; }

  const std::vector<TracedCall>& calls() const { return calls_; }
  const std::vector<Value>& values() const { return values_; }
  // The results, and then the whole memory of each made value that is saved.
  const std::vector<TracedView>& outputs() const { return outputs_; }
  int results() const { return results_; }
  // By saved tensor: the index of the output that it lies in; -1 if it existed before.
  const std::vector<int>& saved() const { return saved_; }
  // Whether a launch writes to an argument, or to memory that existed before.
  bool writes_outside() const;
  const std::vector<TracedGradient>& gradients() const { return gradients_; }
  // Generators other than the process's that launches draw from, in the order of their first draws.
  const Generators& generators() const { return generators_; }
  // Which gradients existed before, of those that matter. Calls with different patterns have
  // programs of their own.
  std::string pattern() const;
  // By argument: its value.
  const std::vector<int>& input_values() const { return input_values_; }
  // By value: the memory it was in this recording, for arguments and gradients that existed before.
  const std::vector<Pin>& sources() const { return sources_; }

 private:
  int value_of(const Tensor& tensor) { return value_of(*tensor->storage); }
  int value_of(Storage& storage) { return value_of_block(memory_->number_of(storage)); }
  int value_of_block(int block) {
    const auto at = static_cast<size_t>(block);
    return at < numbers_.size() && numbers_[at] >= 0 ? numbers_[at] : add_value(at);
  }
  int add_value(size_t block);
  // The block that a value was in the recording.
  const RecordedMemory::Block& block_of(size_t value) const {
    return memory_->blocks()[blocks_[value]];
  }
  bool may_be_filled(size_t value) const;
  void keep(size_t value);
  void find_origins(Recorder& recorder, const Tensors& inputs);
  void trace_calls(Recorder& recorder);
  void trace_saved(const Tensors& saved);
  void trace_gradients(Recorder& recorder, const Tensors& inputs, const Tensors& gradients);
  void find_constants();
  void find_overlaps();
  void find_escapes(const Tensors& outputs, const Tensors& bases, const Tensors& gradients,
                    const Tensors& saved, const std::vector<int>& shown);
  void find_filled();
  const char* last_writer(int value) const;
  void let_go();
  void let_go_of_operands();
  void refuse(const std::string& reason) {
    if (refusal_.empty()) refusal_ = reason;
  }

  RecordedMemory* memory_;  // until the trace is complete
  const bool has_memory_;   // whether operands keep their memory until then
  std::vector<Pin> sources_;
  std::vector<int> input_values_;
  std::vector<int64_t> starts_;  // by value: the offset of the argument in its storage
  std::vector<TracedCall> calls_;
  std::vector<Value> values_;
  // Until let_go(): the index in values_ of each block of the recording, -1 if it has none; and
  // back.
  std::vector<int> numbers_;
  std::vector<size_t> blocks_;
  std::vector<TracedView> outputs_;
  int results_ = 0;
  std::vector<int> saved_;
  std::vector<TracedGradient> gradients_;
  Generators generators_;
  std::vector<int> filled_, signs_;
  std::string refusal_;
  bool lost_;
};

// Whether operations do the same with this number as with others, so that a program recorded with
// others may be given it.
bool may_vary_to(double number);

}  // namespace steep::program
