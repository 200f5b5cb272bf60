// A program: a plan with addresses, which can be run any number of times.
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
  // From a recording and another that agrees with it. An argument with the same memory in both may
  // also be state of the function, and must then have that memory again; likewise an argument that
  // gets a gradient and was the same tensor. `reached` are tensors that the function can also reach
  // without its arguments. Memory of arguments in which one of them lies is certain to be state; of
  // the others, no argument may be one in a later call, because code may compare them (`x is y`).
  Program(const Trace& trace, const Trace& other, const Tensors& reached = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Whether it can run on these arguments and on the gradients that exist now: they must share
  // memory with each other as in the recording, and with the program's own state only where they
  // did then.
  bool accepts(const Tensors& inputs, const LeafGradients& leaves) const;
  // A recording with other arguments did the same: arguments need not be the first ones again.
  void unpin(const Trace& trace);
  // Whether arguments that are certain to be state had the same memory in another recording.
  bool has_state_of(const Trace& trace) const;
  // Sets the pool that it shares with other programs. Throws if there is not enough memory to run.
  void share(const std::shared_ptr<MemoryPool>& pool);
  // Prepares a run on new arguments and on the .grad before (GradientRun::before), which must have
  // the recorded geometry. May run out of memory; run() needs none. Not to be called by two threads
  // at once.
  void prepare(const Tensors& inputs, const Tensors& before);
  // Gives the program its number inputs. False, and nothing is changed, if it cannot take them
  // because operations would do something else with one of them: then it must not run.
  bool give_numbers(const std::vector<double>& numbers);
  bool takes_numbers(const std::vector<double>& numbers) const;
  // After prepare(): whether checks of what exists before the run pass, such as of a loss's
  // targets. run() does not make them again.
  bool passes_checks();
  // Runs the program. A step may refuse its input: its exception is passed on.
  void run();
  // Whether a step may do so, though passes_checks() was true, where the function has stored
  // something before.
  bool may_refuse_after_stores() const { return program::may_refuse_after_stores(plan_); }
  // After that: the index of its launch among those recorded.
  size_t failed_at() const { return failed_at_; }
  // After prepare(): a result.
  Tensor output(int i);
  // An output that is saved for a backward pass; its memory is not reused.
  Tensor saved(int i);
  // What it does with .grad; see GradientRun.
  GradientProtocol& gradients() { return gradients_; }
  const GradientProtocol& gradients() const { return gradients_; }

  // Its steps as text, with the times measured so far.
  std::string listing() const;
  int64_t runs() const { return runs_; }
  // Gives up the memory of results and gradients, which then belongs to those who hold them.
  void let_go_of_results();
  // Drops what belongs to the last call alone.
  void forget_inputs();

  const Plan& plan() const { return plan_; }
  // After prepare(): whether the run writes there, and tells the graphs that have saved x.
  bool counts_writes_to(const Tensor& x) const;
  // The memory from before that it writes to: parameters, buffers, optimiser state.
  Tensors written_state() const;
  // Claims the program for a run; false if another run has it.
  bool take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }

 private:
  struct Patch {
    char** where;
    int64_t offset;
    int value;
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
  const char* name_of(const Step& step);
  std::unique_ptr<Action> build_action(const Step& step);
  void build_launch(const Step& step, Action& action);
  void build_group(const Step& step, Action& action);
  void point(int value, char** where, int64_t offset);
  void sort_patches();
  void expect(int input, bool negated, DType type, NumberBits* where);
  void find_written();
  void rebase(int value, char* base);
  void bind_inputs(const Tensors& inputs, const Tensors& before);
  // The tensor that is the source of a value in this run.
  const Tensor& source_of(const Value& value) const {
    return value.kind == Value::Kind::input ? inputs_[value.source] : before_[value.source];
  }
  void bind_kept();
  struct Written;
  // What counts it in this run; null if nobody is told.
  Versions* versions_of(const Written& written) const;
  void mark_written();
  void run_actions(const Rank& rank, Team& team);
  void run_team(Team& team);
  static void run_rank(void* context, int rank, int size, void (*barrier)());

  Plan plan_;
  const Step* named_ = nullptr;  // the last fused step that was named, and its name
  const char* name_ = nullptr;
  GradientProtocol gradients_;
  std::vector<std::unique_ptr<Action>> checks_, actions_;
  std::vector<Patch> patches_;       // in the order of their values
  std::vector<size_t> first_patch_;  // by value: among these; and their number at the end
  std::vector<char*> bases_;         // by value
  std::vector<Ref<Storage>> kept_;   // by value: the memory of results and gradients
  std::vector<int> input_values_;    // by argument
  std::vector<int> kept_values_;     // values of results and gradients
  std::vector<int> saved_values_;    // values of outputs that are saved and not results
  std::vector<int64_t> holders_;     // by value: references that do not prevent reuse
  // Values from outside that it writes, a kernel that does, and the versions of x.data, if that is
  // what it writes to.
  struct Written {
    int value;
    const char* writer;
    Ref<OwnVersions> own;
  };
  std::vector<Written> written_;
  std::vector<const Storage*> outside_;  // state and constants, sorted
  // Other tensors that the function reaches, sorted: it may compare arguments with them (`x is y`).
  std::vector<const TensorImpl*> others_;
  Ground ground_;                   // their address ranges
  std::vector<Pin> pins_;           // by value: the memory it must have
  std::vector<bool> stays_pinned_;  // by value: whether it is certain to be state
  std::vector<NumberPatch> number_patches_;
  std::vector<int> number_signs_;      // see Trace::signs
  Tensors inputs_, before_;            // from prepare() until results have been taken
  SmallVector<Ref<Storage>, 8> held_;  // their memory, in case another thread swaps it meanwhile
  std::shared_ptr<MemoryPool> pool_;
  MemoryPool::Block block_;  // during a run: its arena
  char* arena_ = nullptr;    // what pointers into the arena are based on
  double estimate_ = 0;
  int64_t runs_ = 0;
  size_t failed_at_ = 0;
  Pace pace_;
  std::atomic<bool> taken_{false};
};

// Gives back a program that has been claimed, without its arguments, however the run ends.
class TakenProgram {
 public:
  enum class Results { stay, go };  // whether the program keeps their memory
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
