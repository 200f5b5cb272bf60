// Finds the parts of a program that have nothing to do with each other, such as networks that are
// trained side by side, and gives each to one rank as a whole. Then no rank waits for another, and
// what a rank has written stays in its cache.
#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "program/launch.h"
#include "program/plan/plan.h"
#include "runtime/threads.h"

namespace steep::program {

namespace {

// Work that is shared costs about this at each step: a barrier, and fetching what others wrote.
constexpr double kMeetingNs = 700;
constexpr double kSharedNs = 3000;  // what is shorter is not shared (schedule.cpp)
// The least time that parts must save, for the team has to be called together.
constexpr double kSavedNs = 5000;

// Sets of calls, merged until calls that depend on each other are in one.
class Sets {
 public:
  explicit Sets(size_t calls) : parent_(calls) { std::iota(parent_.begin(), parent_.end(), 0); }
  int of(int call) {
    while (parent_[call] != call) call = parent_[call] = parent_[parent_[call]];
    return call;
  }
  // The set goes by its first call.
  void merge(int a, int b) {
    a = of(a), b = of(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<int> parent_;
};

// Calls depend on each other if one writes to a value that the other touches.
Sets sets_of(const Plan& plan) {
  std::vector<bool> written(plan.values.size());
  for (const TracedCall& traced : plan.calls)
    for (int i = 0; i < traced.values.size(); ++i)
      if (const int v = traced.values[i]; v >= 0 && traced.call.writes(i)) written[v] = true;
  Sets sets(plan.calls.size());
  std::vector<int> last(plan.values.size(), -1);
  for (int at = 0; at < static_cast<int>(plan.calls.size()); ++at)
    for (int v : plan.calls[at].values) {
      if (v < 0 || !written[v]) continue;
      if (last[v] >= 0) sets.merge(last[v], at);
      last[v] = at;
    }
  return sets;
}

struct Part {
  int first;  // its first call
  double ns = 0;
};

// The longest part first, each to the rank that has least to do. Returns what the busiest rank has.
double share_out(std::vector<Part>& parts, int ranks, std::vector<int>& rank_of) {
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.ns > b.ns; });
  std::vector<double> busy(ranks, 0.0);
  for (const Part& part : parts) {
    const auto least = std::min_element(busy.begin(), busy.end());
    *least += part.ns;
    rank_of[part.first] = static_cast<int>(least - busy.begin());
  }
  return *std::max_element(busy.begin(), busy.end());
}

}  // namespace

void find_parts(Plan& plan) {
  const int team = runtime::num_threads();
  if (team == 1 || shares_everything()) return;
  Sets sets = sets_of(plan);
  std::vector<Part> parts;
  std::vector<int> part_of(plan.calls.size());  // among parts, by a part's first call
  double alone = 0, shared = 0;
  for (int at = 0; at < static_cast<int>(plan.calls.size()); ++at) {
    const double ns = estimated_ns(cost_of(plan.calls[at].call.call()));
    const int first = sets.of(at);
    if (first == at) {
      part_of[at] = static_cast<int>(parts.size());
      parts.push_back({at});
    }
    parts[part_of[first]].ns += ns;
    alone += ns;
    shared += ns < kSharedNs ? ns : ns / team + kMeetingNs;
  }
  std::vector<int> rank_of(plan.calls.size());
  const double busiest = share_out(parts, team, rank_of);
  if (busiest >= shared || busiest > alone - kSavedNs) return;
  for (int at = 0; at < static_cast<int>(plan.calls.size()); ++at)
    rank_of[at] = rank_of[sets.of(at)];
  plan.rank_of = std::move(rank_of);
}

bool give_parts(Plan& plan) {
  // A step that may refuse its input decides what all ranks do, unless it was tried before all
  // steps. Steps that draw from one generator have an order that no operand shows.
  std::unordered_set<int> tried;
  for (const Step& check : plan.checks) tried.insert(check.calls[0]);
  const auto decides = [&](const Step& step) {
    return may_refuse(plan, step) && tried.count(step.calls[0]) == 0;
  };
  if (std::any_of(plan.steps.begin(), plan.steps.end(), decides)) plan.rank_of.clear();
  if (plan.rank_of.empty()) return false;
  plan.threads = runtime::num_threads();
  for (Step& step : plan.steps) step.home = plan.rank_of[step.calls[0]];
  std::stable_sort(plan.steps.begin(), plan.steps.end(),
                   [](const Step& a, const Step& b) { return a.home < b.home; });
  return true;
}

}  // namespace steep::program
