// A program: a plan with addresses, run as often as one likes.
#pragma once

#include <atomic>
#include <exception>
#include <memory>

#include "program/plan/plan.h"
#include "program/record/overlap.h"
#include "program/replay/action.h"
#include "program/replay/gradients.h"
#include "program/replay/memory_pool.h"
#include "program/replay/pace.h"

namespace steep::program {

class Program {
 public:
  // Of a recording and one that agrees with it: an argument that was the same memory in both may
  // have had a part as state as well, and is expected to be that memory again; so is one that gets a
  // gradient and was the same tensor. `reached`: ids of storages, sorted, that the function can get
  // hold of by other ways as well: for them that is sure.
  Program(const Trace& trace, const Trace& other, const std::vector<uint64_t>& reached = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Whether these arguments, and the gradients that are there before, are such as it was made for:
  // they share memory with each other as they did when recorded, and none with what the program has
  // as its own.
  bool accepts(const Tensors& inputs, const LeafGradients& leaves) const;
  // A recording on other arguments did the same: they are not expected to be those of the first
  // ones.
  void unpin(const Trace& trace);
  // Whether an argument that is known to be state as well was the same memory in a recording.
  bool has_state_of(const Trace& trace) const;
  // The memory that it uses in turn with others. Throws where there is not enough to run.
  void share(const std::shared_ptr<MemoryPool>& pool);
  // Makes it ready to run on new arguments, and on what .grad is before (GradientRun::before), all
  // of the geometry it was recorded with. This is where memory may be lacking: run() needs none. Not
  // by two threads at once.
  void prepare(const Tensors& inputs, const Tensors& before);
  // The numbers that each run is given, as the trace's slots count them. False, and nothing done,
  // where it does not take them: operations would go other ways with one of them, so it must not run.
  bool give_numbers(const std::vector<double>& numbers);
  bool takes_numbers(const std::vector<double>& numbers) const;
  // After prepare(): whether checks of what came from outside pass, such as of a loss's targets. They
  // are not made again in run().
  bool passes_checks();
  // A step may refuse its input, and what it raises comes through.
  void run();
  // Whether a step may do so though passes_checks() was true.
  bool may_refuse_late() const { return program::may_refuse_late(plan_); }
  // The place of its launch among those recorded.
  size_t failed_at() const { return failed_at_; }
  // After prepare(): results.
  Tensor output(int i);
  // An output that is saved for a backward pass; never written again.
  Tensor saved(int i);
  // What it does about .grad; see GradientRun.
  GradientProtocol& gradients() { return gradients_; }
  const GradientProtocol& gradients() const { return gradients_; }

  // Its steps as text, with the times that were measured so far.
  std::string listing() const;
  int64_t runs() const { return runs_; }
  // The memory of results and gradients is no longer the program's, but theirs who hold them.
  void let_go_of_results();
  // Lets go of what belongs to one call alone.
  void forget_inputs();

  const Plan& plan() const { return plan_; }
  // Whether a run writes there; after prepare().
  bool writes_to(const Storage& memory) const;
  // What it writes that was there before: parameters, buffers, optimiser state.
  Tensors written_state() const;
  // Takes the program for running; false where someone else runs it.
  bool take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }

 private:
  struct Patch {
    char** where;
    int64_t offset;
  };
  struct NumberPatch {
    NumberBits* where;
    DType type;
    int input;
    bool negated;
  };
  struct Team;

  size_t arena_bytes() const {
    return static_cast<size_t>(plan_.arena + plan_.threads * plan_.scratch_per_rank);
  }
  int64_t scratch_offset(const Step& step) const;
  void move_arena();
  std::unique_ptr<Action> build_action(const Step& step);
  void build_launch(const Step& step, Action& action);
  void build_group(const Step& step, Action& action);
  void point(int value, char** where, int64_t offset);
  void expect(const Operand& operand, DType type, NumberBits* where);
  void find_written();
  void rebase(int value, char* base);
  void bind_inputs(const Tensors& inputs, const Tensors& before);
  // What a value from outside is in this run.
  const Tensor& source_of(const Value& value) const {
    return value.kind == Value::Kind::input ? inputs_[value.source] : before_[value.source];
  }
  void bind_kept();
  void mark_written();
  void run_actions(const Rank& rank, Team& team);
  void run_team(Team& team);
  static void run_rank(void* context, int rank, int size, void (*barrier)());

  Plan plan_;
  GradientProtocol gradients_;
  std::vector<std::unique_ptr<Action>> checks_, actions_;
  std::vector<std::vector<Patch>> patches_;           // by value
  std::vector<char*> bases_;                          // by value
  std::vector<Ref<Storage>> kept_;                    // by value: memory of results and gradients
  std::vector<int> input_values_;                     // by argument
  std::vector<int> kept_values_;                      // those that have any
  std::vector<int> saved_values_;                     // those that are no results
  std::vector<int64_t> holders_;                      // by value: references that do not keep it
  std::vector<std::pair<int, const char*>> written_;  // values from outside, and who writes them
  std::vector<const Storage*> outside_;               // state and constants, sorted
  Ground ground_;                                     // where these lie
  std::vector<Pin> pins_;                             // by value: the memory it must be
  std::vector<bool> stays_pinned_;                    // by value: whether that is sure
  std::vector<NumberPatch> number_patches_;
  std::vector<int> number_signs_;      // see Trace::signs
  Tensors inputs_, before_;            // while it runs, and until results have been taken
  SmallVector<Ref<Storage>, 8> held_;  // their memory, whatever another thread gives them meanwhile
  std::shared_ptr<MemoryPool> pool_;
  MemoryPool::Block block_;  // while it runs: where its arena is
  char* arena_ = nullptr;    // where addresses into it point to
  double estimate_ = 0;
  int64_t runs_ = 0;
  size_t failed_at_ = 0;
  Pace pace_;
  std::atomic<bool> taken_{false};
};

// A program that has been taken: it is given back, without the arguments, however the run ends.
class TakenProgram {
 public:
  enum class Results { stay, go };  // whether they remain the program's
  TakenProgram(Program& program, Results results) : program_(program), results_(results) {}
  ~TakenProgram() {
    program_.forget_inputs();
    if (results_ == Results::go) program_.let_go_of_results();
    program_.give_back();
  }
  TakenProgram(const TakenProgram&) = delete;
  TakenProgram& operator=(const TakenProgram&) = delete;

 private:
  Program& program_;
  const Results results_;
};

}  // namespace steep::program
