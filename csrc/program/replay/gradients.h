// What replays do with the .grad of leaves.
//
// Trace::gradients says what happened to each .grad in the recording: whether its value before was
// read, when it was cleared or got other memory, and what it was at the end. A replay checks that
// each .grad is like it was then, and takes the locks of the leaves. Afterwards it sets .grad to
// what it has computed or, if a step has refused its input, to what the function would have left by
// then. The program owns the memory of its gradients, and reuses it in the next replay unless
// something else holds it.
#pragma once

#include <optional>

#include "program/leaf_gradients.h"
#include "program/plan/plan.h"
#include "tensor/word_lock.h"

namespace steep::program {

class Program;

class GradientProtocol {
 public:
  explicit GradientProtocol(const Plan& plan);
  GradientProtocol(const GradientProtocol&) = delete;
  GradientProtocol& operator=(const GradientProtocol&) = delete;

  int size() const { return made_.size(); }
  const Tensor& leaf(int i, const Tensors& inputs) const {
    const int input = list_[static_cast<size_t>(i)].input;
    return input >= 0 ? inputs[input] : list_[static_cast<size_t>(i)].leaf;
  }
  // How many inputs a call must have for leaf().
  int most_inputs() const;

  // ---- whether a call may be replayed ----

  // Leaves that are arguments must be the same tensors as in the recording, until a recording with
  // others has done the same.
  void unpin(const Trace& trace);
  // Whether the leaves are the expected ones, and each .grad before has the recorded layout.
  bool fits(const Tensors& inputs, const Tensors& before) const;
  // The present .grad of leaves for which it matters; undefined for the others.
  Tensors before(const Tensors& inputs, const LeafGradients& leaves) const;
  // Whether that is still so.
  bool is_before(const Tensors& before, const Tensors& inputs, const LeafGradients& leaves) const;

  // ---- the memory of gradients ----

  // Drops gradients of the last run that are no longer the .grad of their leaf.
  void keep_in_place(const Tensors& inputs, const LeafGradients& leaves);
  // Counts, by value, references to its memory that do not prevent its reuse.
  void count_holders(const Tensors& before, std::vector<int64_t>& holders) const;
  // Makes the tensors that this run will set .grad to; `kept` is the memory, by value.
  void make(const std::vector<Ref<Storage>>& kept);
  // Drops those whose memory another run must not reuse.
  void forget_inputs();
  void let_go();

 private:
  friend class GradientRun;
  // What .grad is after so many launches.
  enum class Then { before, cleared, after };
  static Then then(const TracedGradient& gradient, size_t launches);
  // Prepares the leaves to hold gradients. Returns the locks that a run needs: of all leaves whose
  // .grad it replaces, adds to or reads.
  WordLocks::Words make_room(const Tensors& inputs, const LeafGradients& leaves) const;
  // Set .grad to what has been made. What was there goes to `old`, because destroying it may run
  // code.
  void leave(const Tensors& inputs, const LeafGradients& leaves, Tensors& old) const;
  void leave_so_far(size_t launches, const Tensors& inputs, const LeafGradients& leaves,
                    Tensors& old) const;

  const std::vector<TracedGradient>& list_;  // the plan's
  SmallVector<Tensor, 4> made_;              // the gradients of the last run; undefined for None
  std::vector<int> let_go_;            // indices of those whose memory another run must not reuse
  std::vector<size_t> pinned_leaves_;  // indices of those whose leaf must be the recorded one
};

// The gradients of one replay: .grad before, the locks, and the run.
class GradientRun {
 public:
  GradientRun(Program& program, const Tensors& inputs, const LeafGradients& leaves);
  GradientRun(const GradientRun&) = delete;
  GradientRun& operator=(const GradientRun&) = delete;

  // The .grad of each leaf before, where it matters: for Program::prepare().
  const Tensors& before() const { return before_; }
  // Makes all that is needed to set gradients later. May run out of memory.
  void make_room();
  // Takes the locks of the leaves. Takes none if another thread holds one, or if .grad is no longer
  // what before() returned.
  enum class Begun { yes, busy, changed };
  Begun begin();
  // After `busy`: waits until that thread has released its lock, without the interpreter lock.
  void wait() const { locks_->wait(); }
  // Runs the program, sets the gradients even if a step refuses its input, and releases the locks.
  void run();

 private:
  Program& program_;
  const GradientProtocol& gradients_;
  const Tensors& inputs_;
  const LeafGradients& leaves_;
  Tensors before_;
  WordLocks::Words words_;
  Tensors old_;  // destroyed after the locks are released
  std::optional<WordLocks> locks_;
};

}  // namespace steep::program
