// What a program does in place of its trace: the same results, in fewer launches and less memory.
// Each pass is a file of its own and leaves a plan that could be run as it is.
#pragma once

#include <memory>

#include "program/elementwise.h"
#include "program/record/trace.h"

namespace steep::program {

struct Group;

// One thing the program does: a launch, or several elementwise launches run block by block.
struct Step {
  std::vector<int> calls;              // among Plan::calls
  std::shared_ptr<const Group> group;  // of several launches
  int threads = 1;
  int64_t rows = 0;      // how many rows its threads share; 0: they share it as its kernel likes
  int home = 0;          // the rank that runs a step of one thread
  bool barrier = false;  // whether there is a barrier before it
  int64_t scratch_offset = -1;  // the place in the arena of a scratch that is one for all ranks
  Cost cost;
  double estimate = 0;  // ns on one thread
};

struct Plan {
  explicit Plan(const Trace& trace);
  // Leaves out the calls that are marked.
  void drop(const std::vector<bool>& gone);

  std::vector<TracedCall> calls;
  std::vector<Value> values;
  std::vector<TracedView> outputs;
  int results;  // of them; the others are saved for a backward pass
  std::vector<TracedGradient> gradients;
  Generators generators;  // that its launches draw from

  std::vector<Step> checks;  // made before all steps; some are steps besides
  std::vector<Step> steps;
  std::vector<int64_t> offsets;      // of each made value in the arena; -1 where it has none
  int64_t arena = 0;                 // bytes
  int64_t scratch_per_rank = 0;      // bytes of scratch that each rank has for itself
  bool reordered = false;            // whether steps have changed places
  int threads = 1;                   // ranks of the program's team
  std::vector<std::string> remarks;  // what was done and why, for people
  int launches = 0;                  // of the trace
};

// "1 copy", "2 copies".
inline std::string counted(int64_t count, const char* one, const char* several) {
  return join(count, " ", count == 1 ? one : several);
}

// All of the passes below, in order.
Plan make_plan(const Trace& trace);

// Lets a launch write straight to where its result would be copied.
void elide_copies(Plan& plan);
// Drops launches whose results no one reads.
void drop_dead(Plan& plan);
// Runs what is the same at every replay now.
void compute_constants(Plan& plan);
// Lets matrix products do what follows them elementwise.
void fuse_epilogues(Plan& plan);
// Packs a weight that many products read once for all of them.
void reuse_packed(Plan& plan);
// Gathers elementwise launches into groups that are run block by block; makes the steps.
void fuse(Plan& plan);
// Takes checks that can be made before all steps out of them.
void take_checks(Plan& plan);
// Decides which steps are shared between threads, and which of them by rows.
void choose_threads(Plan& plan);
// Puts the steps of a short program in an order in which threads seldom wait for each other.
void reorder(Plan& plan);
// Gives what is made, and scratch, a place in one arena, by the time it is in use.
void plan_memory(Plan& plan);
// Decides where there are barriers, and which of them runs the steps that are not shared.
void synchronise(Plan& plan);
// Whether a step may throw: then all ranks must learn of it.
bool may_refuse(const Plan& plan, const Step& step);
// Whether a step may throw once the checks have passed.
bool may_refuse_late(const Plan& plan);

// The strided views of a fused step, each listed once, and what its launches do with them.
struct Group {
  struct View {
    int value;       // -1: a number
    int64_t offset;  // bytes
    int64_t size;    // bytes of an element
    int64_t step;    // 0: one element for all
    int buffer;      // a block of its own where nothing outside wants it, else -1
    NumberBits number;
    Operand given{};  // of a number that each replay is given: its operand, and the type
    DType type = DType::float32;
  };
  struct Stage {
    kernels::Loop loop;
    int operands;
    int views[kMaxOperands];
  };
  // A sum over all elements at the group's end: by chunks, in the order of the sum's own kernel.
  struct FinalSum {
    kernels::Routine routine;
    DType type;
    int from, to;  // slots
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

// The plan as text, a line for each check and step; `measured` has the ns each has taken, 0 where
// that is not known.
std::string listing(const Plan& plan, const std::vector<double>& measured);

// Bytes of scratch that a step wants on so many threads, one for all of them.
int64_t scratch_of(const Plan& plan, const Step& step, int threads);

}  // namespace steep::program
