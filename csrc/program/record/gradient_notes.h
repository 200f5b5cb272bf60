// Notes on the .grad of leaves while a call is recorded.
#pragma once

#include <unordered_map>
#include <vector>

#include "program/leaf_gradients.h"

namespace steep::program {

// The .grad of a leaf was cleared, or got other memory.
struct GradientEvent {
  size_t launch_index;  // how many launches had been recorded before
  uint64_t memory;      // the storage's id; 0: cleared
};
using GradientEvents = SmallVector<GradientEvent, 2>;

// What happened to the .grad of a leaf during the recording.
struct GradientChange {
  Tensor leaf;
  Tensor before;
  bool read_before;  // whether the call read what was there before
  GradientEvents events;
};

class GradientNotes {
 public:
  // Notes that a .grad is read or about to change; `before` is what it is now. Only the first note
  // of a leaf counts.
  void add(const Tensor& leaf, const Tensor& before, bool read);
  // Notes that it has become `now`, after so many launches.
  void add_event(const Tensor& leaf, const Tensor& now, size_t launch_index);
  // Drops leaves that nothing else holds: the call made them, on memory from outside, and they are
  // gone with it.
  void forget_dead_leaves();

  const std::vector<GradientChange>& changes() const { return changes_; }
  // The .grad of each leaf in changes() now.
  Tensors now(const LeafGradients& leaves) const;

 private:
  std::vector<GradientChange> changes_;
  std::unordered_map<const TensorImpl*, size_t> known_;  // by leaf: the index of its change
};

}  // namespace steep::program
