// Threads: one parallel region for the whole program, in which all ranks walk through the same steps. A shared step is
// run by all of them; one that is not worth sharing by one, while the others go on to what does not depend on it. Ranks
// meet only where memory demands it.
#include <algorithm>

#include "program/launch.h"
#include "program/plan.h"
#include "runtime/threads.h"

namespace steep::program {

namespace {

// Worth sharing: about ten times what it takes to meet, and to fetch from another core's cache what it has written.
constexpr double kSharedNs = 3000;
// A program whose shared steps take less than this runs on one thread from end to end; above, it finds out for itself
// whether the team is faster.
constexpr double kTeamNs = 15000;

Cost cost_of_step(const Plan& plan, const Step& step) {
  if (step.calls.size() == 1) return cost_of(plan.calls[step.calls[0]].call.call());
  Cost sum;
  for (int at : step.calls) sum.flops += cost_of(plan.calls[at].call.call()).flops;
  const Group group = group_of(plan, step);
  for (const Group::Slot& slot : group.slots)
    if (slot.value >= 0 && slot.buffer < 0)
      sum.bytes += static_cast<double>(slot.size * (slot.step ? group.total : 1));
  return sum;
}

// Memory in terms that tell whether two accesses meet: the arena is one block, whatever lies in it.
struct Range {
  int block;  // a value, or -1 for the arena
  int64_t begin, end;
  bool written;
};

void add_ranges(const Plan& plan, const Step& step, std::vector<Range>& out) {
  for (int at : step.calls) {
    const TracedCall& traced = plan.calls[at];
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v < 0) continue;
      const bool written = writes(traced.call.kernel(), i);
      const auto bytes = static_cast<int64_t>(plan.values[v].bytes);
      if (plan.places[v] >= 0) {
        out.push_back({-1, plan.places[v], plan.places[v] + bytes, written});
      } else {
        out.push_back({v, 0, bytes, written});
      }
    }
  }
  if (step.scratch >= 0)
    out.push_back({-1, step.scratch, step.scratch + scratch_of(plan, step, step.threads), true});
}

bool meet(const std::vector<Range>& a, const std::vector<Range>& b) {
  for (const Range& x : a)
    for (const Range& y : b)
      if (x.block == y.block && (x.written || y.written) && x.begin < y.end && y.begin < x.end)
        return true;
  return false;
}

bool may_refuse(const Plan& plan, const Step& step) {
  return plan.calls[step.calls[0]].call.kernel().host != nullptr;
}

// What each rank has done, and will have seen done, since all last met.
class Timeline {
 public:
  explicit Timeline(int ranks) : done_(ranks), busy_(ranks, 0.0) {}

  // Whether rank `rank` would meet memory that another rank has touched.
  bool depends(const std::vector<Range>& ranges, int rank) const {
    for (int other = 0; other < static_cast<int>(done_.size()); ++other)
      if (other != rank && meet(done_[other], ranges)) return true;
    return false;
  }
  bool any_depends(const std::vector<Range>& ranges) const {
    for (int rank = 0; rank < static_cast<int>(done_.size()); ++rank)
      if (depends(ranges, rank)) return true;
    return false;
  }
  void clear() {
    for (auto& ranges : done_) ranges.clear();
    std::fill(busy_.begin(), busy_.end(), 0.0);
  }
  void add(const std::vector<Range>& ranges, int rank, double ns) {
    done_[rank].insert(done_[rank].end(), ranges.begin(), ranges.end());
    busy_[rank] += ns;
  }
  // The rank with the least to do that could run a step at once; -1 where none could.
  int free_rank(const std::vector<Range>& ranges) const {
    int best = -1;
    for (int rank = 0; rank < static_cast<int>(done_.size()); ++rank)
      if (!depends(ranges, rank) && (best < 0 || busy_[rank] < busy_[best])) best = rank;
    return best;
  }

 private:
  std::vector<std::vector<Range>> done_;
  std::vector<double> busy_;
};

}  // namespace

void choose_threads(Plan& plan) {
  const int team = runtime::num_threads();
  double shared = 0;
  for (Step& step : plan.steps) {
    step.cost = cost_of_step(plan, step);
    step.estimate = estimated_ns(step.cost);
    if (!may_refuse(plan, step) && step.estimate >= kSharedNs) shared += step.estimate;
  }
  if (team == 1 || shared < kTeamNs) return;
  plan.threads = team;
  for (Step& step : plan.steps)
    if (!may_refuse(plan, step) && step.estimate >= kSharedNs) step.threads = team;
}

void synchronise(Plan& plan) {
  if (plan.threads == 1) return;
  Timeline timeline(plan.threads);
  bool refused = false;  // whether the step before may have: all must know before they go on
  for (Step& step : plan.steps) {
    std::vector<Range> ranges;
    add_ranges(plan, step, ranges);
    const bool refuses = may_refuse(plan, step);
    step.meets = refuses || refused;
    if (step.threads == 1 && !step.meets) {
      step.home = timeline.free_rank(ranges);
      step.meets = step.home < 0;
    } else if (!step.meets) {
      step.meets = timeline.any_depends(ranges);
    }
    if (step.meets) timeline.clear();
    step.home = std::max(step.home, 0);
    if (step.threads == 1) {
      timeline.add(ranges, step.meets ? 0 : step.home, step.estimate);
      if (step.meets) step.home = 0;
    } else {
      for (int rank = 0; rank < plan.threads; ++rank)
        timeline.add(ranges, rank, step.estimate / plan.threads);
    }
    refused = refuses;
  }
}

}  // namespace steep::program
