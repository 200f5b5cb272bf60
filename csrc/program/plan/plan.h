// What a program does: computes the results of its trace with fewer launches and less memory. A
// plan is made by passes, one file each.
#pragma once

#include <memory>

#include "program/elementwise.h"
#include "program/record/trace.h"

namespace steep::program {

struct Group;

// One launch, or a group of elementwise launches that are run together, block by block.
struct Step {
  std::vector<int> calls;        // among Plan::calls
  std::shared_ptr<Group> group;  // null for a single launch
  int threads = 1;
  int64_t rows = 0;      // how many rows its threads share; 0: shared in the kernel's own way
  int home = 0;          // the rank that runs it, if it has one thread
  bool barrier = false;  // whether all ranks meet before it
  int64_t scratch_offset = -1;  // in the arena, of the scratch that all ranks share; -1: none
  Cost cost;
  double estimate = 0;  // ns on one thread
};

struct Plan {
  explicit Plan(const Trace& trace);
  // Removes the calls that are marked.
  void drop(const std::vector<bool>& gone);

  // Whether there was a call of this kind at first: most passes look for some kinds only.
  bool had(Kind kind) const { return (kinds >> static_cast<int>(kind) & 1) != 0; }

  std::vector<TracedCall> calls;
  uint32_t kinds = 0;       // a bit for each
  bool had_checks = false;  // whether a kernel checks its input
  bool had_copies = false;  // whether a launch copies
  std::vector<Value> values;
  std::vector<TracedView> outputs;
  int results;  // how many outputs are results; the others are saved for backward
  std::vector<TracedGradient> gradients;
  Generators generators;  // those those that its launches draw from

  // Run before all steps; those that write something are among the steps too.
  std::vector<Step> checks;
  std::vector<Step> steps;
  std::vector<int64_t> offsets;  // by value: in the arena; -1 if it does not lie there
  int64_t arena = 0;             // bytes
  int64_t scratch_per_rank = 0;  // bytes, of each rank's own scratch behind the arena
  bool reordered = false;        // whether the order of steps was changed
  int threads = 1;               // ranks of the program's team
  // By call: the rank that has it to itself, with all that depends on it; empty: none has. Steps are
  // in the order of their ranks then, and there is no barrier.
  std::vector<int> rank_of;
  std::vector<std::string> remarks;  // what the passes did and why, for explain()
  int launches = 0;                  // of the trace
};

// "1 copy", "2 copies".
inline std::string counted(int64_t count, const char* one, const char* several) {
  return join(count, " ", count == 1 ? one : several);
}

// All of the passes below, in order.
Plan make_plan(const Trace& trace);

// Lets a launch write its result to where it would be copied.
void elide_copies(Plan& plan);
// Drops launches whose results nothing reads.
void drop_dead(Plan& plan);
// Runs launches now that would compute the same at every replay.
void compute_constants(Plan& plan);
// Moves elementwise launches into the epilogues of the matrix products before them.
void fuse_epilogues(Plan& plan);
// Transposes a weight that many products read once for all of them.
void reuse_packed(Plan& plan);
// Finds parts that do not depend on each other, for ranks of their own, if the team has more of it
// than of sharing each step.
void find_parts(Plan& plan);
// Makes the steps; gathers elementwise launches into groups.
void fuse(Plan& plan);
// Moves checks that can be made before all steps out of them.
void take_checks(Plan& plan);
// Gives the steps to the ranks that have their parts; false if there are none.
bool give_parts(Plan& plan);
// Decides which steps are shared between threads, and which of them by rows.
void choose_threads(Plan& plan);
// Puts the steps of a short program in an order in which threads seldom wait for each other.
void reorder(Plan& plan);
// Assigns offsets in one arena to made values and scratch: what is not in use at the same time may
// share memory.
void plan_memory(Plan& plan);
// Decides where ranks meet, and which rank runs each step that is not shared.
void synchronise(Plan& plan);
// Whether a step may throw: then all ranks must learn of it.
bool may_refuse(const Plan& plan, const Step& step);
// Whether a step may throw once the checks have passed, where the function has stored something
// before. (A replay stores at its end.)
bool may_refuse_after_stores(const Plan& plan);

// A fused step: the views that its launches read and write, each listed once, and the launches as
// stages on blocks of these.
struct Group {
  struct View {
    int value;       // -1: a number
    int64_t offset;  // bytes
    int64_t size;    // bytes of an element
    int64_t step;    // 0: a single element, broadcast
    int buffer;      // the buffer it lies in if nothing outside the group needs it, else -1
    NumberBits number;
    // A number that each replay is given: see Operand; and the compute type.
    int input = -1;
    bool negated = false;
    DType type = DType::float32;
  };
  struct Stage {
    kernels::Loop loop;
    int operands;
    int views[kMaxOperands];
  };
  // A sum over all elements, completed at the group's end; added up in the order of the sum's own
  // kernel.
  struct FinalSum {
    kernels::Routine routine;
    DType type;
    int from, to;  // views
  };
  int64_t total = 0;
  int64_t rows = 0;  // as Step::rows
  std::vector<View> views;
  std::vector<Stage> stages;
  std::vector<FinalSum> sums;
};
constexpr int64_t kGroupBlock = 1024;  // elements at a time: the chunk of reductions
inline int64_t chunks_of(const Group& group) {
  return (group.total + kGroupBlock - 1) / kGroupBlock;
}
constexpr int kGroupBuffers = 8;

// The plan as text, a line for each check and step; `measured` has the ns that each took, 0 if not
// measured.
std::string listing(const Plan& plan, const std::vector<double>& measured);

// Bytes of scratch that a step needs, shared by so many threads.
int64_t scratch_of(const Plan& plan, const Step& step, int threads);

}  // namespace steep::program
