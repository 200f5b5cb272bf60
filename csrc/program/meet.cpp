// One parallel region for the whole program, in which all ranks walk through the same steps. A
// shared step is run by all of them; one that is not worth sharing by one, while the others go on
// to what does not depend on it. Ranks meet only where memory demands it, and steps change places
// so that it seldom does.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "program/rows.h"

namespace steep::program {

namespace {

// Steps change places only in programs so short that meeting matters; in long ones, memory does.
constexpr double kArrangedNs = 2e6;
constexpr size_t kArrangedSteps = 1000;

using Ranges = std::vector<Touched>;

// What each rank touches of each step, worked out once.
class Footprints {
 public:
  explicit Footprints(const Plan& plan) : plan_(plan) {}
  const Ranges& of(const Step& step, int rank) {
    auto& all = known_[step.calls[0]];
    if (all.empty())
      for (int r = 0; r < step.threads; ++r) all.push_back(touched_by(plan_, step, r));
    return all[step.threads == 1 ? 0 : rank];
  }

 private:
  const Plan& plan_;
  std::unordered_map<int, std::vector<Ranges>> known_;  // by a step's first call
};

bool meet(const Ranges& a, const Ranges& b) {
  for (const Touched& x : a)
    for (const Touched& y : b)
      if (x.block == y.block && (x.written || y.written) && x.begin < y.end && y.begin < x.end)
        return true;
  return false;
}

// Whether it writes to what was there before, or stays when the program has run.
bool is_seen(const Plan& plan, const Step& step) {
  for (int at : step.calls) {
    const TracedCall& traced = plan.calls[at];
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v >= 0 && writes(traced.call.kernel(), i) &&
          (plan.values[v].kind != Value::Kind::made || plan.values[v].kept))
        return true;
    }
  }
  return false;
}

// What each rank has done, and will have seen done, since all last met.
class Timeline {
 public:
  explicit Timeline(const Plan& plan)
      : plan_(plan), footprints_(plan), done_(plan.threads), busy_(plan.threads, 0.0) {}

  // Whether all must meet before the step, and else who runs it if one rank does.
  struct Turn {
    bool meets;
    int home;
  };
  Turn turn_of(const Step& step) const {
    if (may_go_wrong(step)) return {true, 0};
    if (step.threads > 1) {
      for (int rank = 0; rank < plan_.threads; ++rank)
        if (depends(footprints_.of(step, rank), rank)) return {true, 0};
      return {false, 0};
    }
    const Ranges& ranges = footprints_.of(step, 0);
    if (may_refuse(plan_, step)) return {depends(ranges, 0), 0};
    const int home = free_rank(ranges);
    return {home < 0, std::max(home, 0)};
  }

  void take(Step& step, const Turn& turn) {
    step.meets = turn.meets;
    step.home = turn.home;
    if (step.meets) clear();
    for (int rank = 0; rank < plan_.threads; ++rank) {
      if (step.threads == 1 && rank != step.home) continue;
      const Ranges& ranges = footprints_.of(step, rank);
      done_[rank].insert(done_[rank].end(), ranges.begin(), ranges.end());
      busy_[rank] += step.estimate / step.threads;
    }
    if (!may_refuse(plan_, step)) return;
    for (const Touched& touched : footprints_.of(step, 0)) checked_.push_back(touched);
  }

 private:
  // Whether rank `rank` would meet memory that another rank has touched.
  bool depends(const Ranges& ranges, int rank) const {
    for (int other = 0; other < plan_.threads; ++other)
      if (other != rank && meet(done_[other], ranges)) return true;
    return false;
  }
  // The rank with the least to do that could run a step at once; -1 where none could.
  int free_rank(const Ranges& ranges) const {
    int best = -1;
    for (int rank = 0; rank < plan_.threads; ++rank)
      if (!depends(ranges, rank) && (best < 0 || busy_[rank] < busy_[best])) best = rank;
    return best;
  }
  // Whether a step must not be run before all know that none of the checks since they met has
  // failed: it works on what was checked, or can be seen outside, or may fail itself.
  bool may_go_wrong(const Step& step) const {
    if (checked_.empty()) return false;
    if (may_refuse(plan_, step) || is_seen(plan_, step)) return true;
    for (const Touched& touched : footprints_.of(step, 0))
      for (const Touched& checked : checked_)
        if (touched.block == checked.block) return true;
    return plan_.calls[step.calls[0]].call.kernel().kind == Kind::opaque;
  }
  void clear() {
    checked_.clear();
    for (auto& ranges : done_) ranges.clear();
    std::fill(busy_.begin(), busy_.end(), 0.0);
  }

  const Plan& plan_;
  mutable Footprints footprints_;
  std::vector<Ranges> done_;
  std::vector<double> busy_;
  Ranges checked_;  // what was read by steps that may have refused it
};

// Which steps must come before which: all that touch the same value, if one of them writes to it.
// What a step that may refuse its input comes before or after in what can be seen outside, it does
// here as well.
class Order {
 public:
  explicit Order(const Plan& plan) : waits_for_(plan.steps.size()), followers_(plan.steps.size()) {
    std::vector<Uses> uses(plan.values.size() + 1);
    Uses& outside = uses.back();
    for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
      const Step& step = plan.steps[s];
      for (int at : step.calls) {
        const TracedCall& traced = plan.calls[at];
        for (int i = 0; i < traced.values.size(); ++i) {
          const int v = traced.values[i];
          if (v >= 0) use(uses[v], s, writes(traced.call.kernel(), i));
        }
      }
      if (may_refuse(plan, step)) {
        use(outside, s, true);
      } else if (is_seen(plan, step)) {
        use(outside, s, false);
      }
    }
  }

  // Those that wait for nothing (more).
  std::set<int> first() const {
    std::set<int> ready;
    for (size_t s = 0; s < waits_for_.size(); ++s)
      if (waits_for_[s] == 0) ready.insert(static_cast<int>(s));
    return ready;
  }
  void done(int step, std::set<int>& ready) {
    ready.erase(step);
    for (int follower : followers_[step])
      if (--waits_for_[follower] == 0) ready.insert(follower);
  }

 private:
  struct Uses {
    int writer = -1;
    std::vector<int> readers;  // since it was written
  };
  void follow(int before, int after) {
    if (before < 0 || before == after) return;
    followers_[before].push_back(after);
    ++waits_for_[after];
  }
  void use(Uses& uses, int step, bool written) {
    follow(uses.writer, step);
    if (!written) return uses.readers.push_back(step);
    for (int reader : uses.readers) follow(reader, step);
    uses.readers.clear();
    uses.writer = step;
  }

  std::vector<int> waits_for_;
  std::vector<std::vector<int>> followers_;
};

// The next step: of those that no one has to wait for, what one rank does by itself, then what may
// refuse its input (it makes all meet: the earlier, the less they have to do until then), then the
// first.
int next_step(const Plan& plan, const std::set<int>& ready, const Timeline& timeline) {
  int best = -1, best_class = 3;
  for (int s : ready) {
    const Step& step = plan.steps[s];
    const int this_class = may_refuse(plan, step) ? 1 : step.threads == 1 ? 0 : 2;
    if (this_class < best_class && !timeline.turn_of(step).meets) best = s, best_class = this_class;
  }
  return best < 0 ? *ready.begin() : best;
}

}  // namespace

void arrange(Plan& plan) {
  double estimate = 0;
  for (const Step& step : plan.steps) estimate += step.estimate;
  plan.arranged =
      plan.threads > 1 && plan.steps.size() <= kArrangedSteps && estimate <= kArrangedNs;
  if (!plan.arranged) return;
  Order order(plan);
  Timeline timeline(plan);
  std::vector<Step> steps;
  for (std::set<int> ready = order.first(); !ready.empty();) {
    const int next = next_step(plan, ready, timeline);
    Step& step = plan.steps[next];
    timeline.take(step, timeline.turn_of(step));
    order.done(next, ready);
    steps.push_back(step);
  }
  plan.steps = std::move(steps);
}

void synchronise(Plan& plan) {
  if (plan.threads == 1) return;
  Timeline timeline(plan);
  for (Step& step : plan.steps) timeline.take(step, timeline.turn_of(step));
}

}  // namespace steep::program
