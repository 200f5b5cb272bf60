// What a replay does about the .grad of leaves.
//
// The recording has told what becomes of each: whether what was there before had a part in it, when it
// was cleared or got other memory, what is there in the end (Trace::gradients). A replay looks at what
// is there before, which is to be such as it was then, and takes the turns of the leaves; it leaves
// what it has computed, or, where it refuses its input, what the function would have made of it by
// then. Its gradients have memory of their own, which the next replay uses again where nobody else
// holds it.
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
  // So many inputs of a call are looked at, at most.
  int most_inputs() const;

  // ---- whether a call may be replayed ----

  // Leaves that are arguments are expected to be the very ones recorded, until a recording on others
  // has done the same.
  void unpin(const Trace& trace);
  // Whether the leaves are those expected, and what .grad is of them before such as it was.
  bool fits(const Tensors& inputs, const Tensors& before) const;
  // What .grad is now, of the leaves where that has a part in what comes; undefined for others.
  Tensors before(const Tensors& inputs, const LeafGradients& leaves) const;
  // Whether that is still so.
  bool is_before(const Tensors& before, const Tensors& inputs, const LeafGradients& leaves) const;

  // ---- the memory of gradients ----

  // Those of the last run that their leaves no longer have are not the program's any more.
  void keep_in_place(const Tensors& inputs, const LeafGradients& leaves);
  // Counts, by value, the references to its memory that do not keep it from being used again.
  void count_holders(const Tensors& before, std::vector<int64_t>& holders) const;
  // Makes what this run will leave; `kept` is the memory, by value.
  void make(const std::vector<Ref<Storage>>& kept);
  // Lets go of those that another run must not write into.
  void forget_inputs();
  void let_go();

 private:
  friend class GradientRun;
  // What .grad is once so many launches have run.
  enum class Then { before, cleared, after };
  static Then then(const TracedGradient& gradient, size_t launches);
  // The leaves get what is needed to hold a gradient. Theirs are the turns that a run needs: of all
  // whose .grad it replaces, adds to or reads.
  WordLocks::Words make_room(const Tensors& inputs, const LeafGradients& leaves) const;
  // Put what has been made into .grad. What was there goes to `old`, for its end may run code.
  void leave(const Tensors& inputs, const LeafGradients& leaves, Tensors& old) const;
  void leave_so_far(size_t launches, const Tensors& inputs, const LeafGradients& leaves,
                    Tensors& old) const;

  const std::vector<TracedGradient>& list_;  // the plan's
  SmallVector<Tensor, 4> made_;              // by the last run; undefined for None
  std::vector<int> let_go_;                  // those whose memory another run must not write into
  std::vector<size_t> pinned_leaves_;        // those whose leaf must be the very one recorded
};

// The same for one replay: what is there before, the turns, and the run.
class GradientRun {
 public:
  GradientRun(Program& program, const Tensors& inputs, const LeafGradients& leaves);
  GradientRun(const GradientRun&) = delete;
  GradientRun& operator=(const GradientRun&) = delete;

  // What .grad is of each leaf where that matters: for Program::prepare().
  const Tensors& before() const { return before_; }
  // Makes all that is needed to leave gradients. This is where memory may be lacking.
  void make_room();
  // Takes the turns of the leaves, unless another thread has one, or .grad is not what it was before:
  // then nothing is taken.
  enum class Begun { yes, busy, changed };
  Begun begin();
  // Where it was busy: until that thread has ended, without the interpreter lock.
  void wait() const { locks_->wait(); }
  // Runs the program and gives the turns back, with gradients left whether it refuses its input or
  // not.
  void run();

 private:
  Program& program_;
  const GradientProtocol& gradients_;
  const Tensors& inputs_;
  const LeafGradients& leaves_;
  Tensors before_;
  WordLocks::Words words_;
  Tensors old_;  // outlives the turns
  std::optional<WordLocks> locks_;
};

}  // namespace steep::program
