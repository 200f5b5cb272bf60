// What becomes of the .grad of leaves while a call is recorded.
#pragma once

#include <unordered_map>
#include <vector>

#include "program/leaf_gradients.h"

namespace steep::program {

// The .grad of a leaf was cleared, or got other memory.
struct GradientEvent {
  size_t launch_index;  // of the launch that came next
  uint64_t memory;      // the storage's id; 0: cleared
};
using GradientEvents = SmallVector<GradientEvent, 2>;

// What became of the .grad of a leaf while recording.
struct GradientChange {
  Tensor leaf;
  Tensor before;
  bool read_before;  // what was there before had a part in what came
  GradientEvents events;
};

class GradientNotes {
 public:
  // It is read, or about to change; `before` is what it is now. The first note of a leaf is kept.
  void add(const Tensor& leaf, const Tensor& before, bool read);
  // It has become `now` after so many launches.
  void add_event(const Tensor& leaf, const Tensor& now, size_t launch_index);
  // Leaves that no one else holds have been made inside, on memory from outside: of theirs nothing
  // is left.
  void forget_dead_leaves();

  const std::vector<GradientChange>& changes() const { return changes_; }
  // What .grad is now, by change.
  Tensors now(const LeafGradients& leaves) const;

 private:
  std::vector<GradientChange> changes_;
  std::unordered_map<const TensorImpl*, size_t> known_;  // by leaf: which of them
};

}  // namespace steep::program
