// A program is one parallel region, in which all ranks go through the same list of steps. All ranks
// run a shared step; a step that is not worth sharing is run by one rank, while the others go on to
// steps that do not depend on it. Ranks meet at a barrier only where accesses to memory conflict,
// and steps are reordered so that few do.
#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "program/intervals.h"
#include "program/plan/rows.h"

namespace steep::program {

namespace {

// Only short programs are reordered, in which barriers matter; in long ones memory matters more.
constexpr double kArrangedNs = 2e6;
constexpr size_t kArrangedSteps = 1000;

using Ranges = std::vector<Touched>;

// Which memory each rank touches in each step, computed once.
class Footprints {
 public:
  explicit Footprints(const Plan& plan) : plan_(plan), known_(plan.calls.size()) {}
  const Ranges& of(const Step& step, int rank) {
    auto& all = known_[step.calls[0]];
    if (all.empty())
      for (int r = 0; r < step.threads; ++r) all.push_back(touched_by(plan_, step, r));
    return all[step.threads == 1 ? 0 : rank];
  }

 private:
  const Plan& plan_;
  std::vector<std::vector<Ranges>> known_;  // by a step's first call
};

// All memory that a rank has touched since the last barrier.
class TouchedMemory {
 public:
  void add(const Ranges& ranges) {
    for (const Touched& x : ranges) {
      Accesses& block = blocks_[x.block];
      block.touched.add(x.begin, x.end);
      if (x.written) block.written.add(x.begin, x.end);
    }
  }
  // Whether another rank's access to these ranges would conflict.
  bool overlaps(const Ranges& ranges) const {
    for (const Touched& x : ranges) {
      const auto known = blocks_.find(x.block);
      if (known == blocks_.end()) continue;
      const Accesses& block = known->second;
      if ((x.written ? block.touched : block.written).overlaps(x.begin, x.end)) return true;
    }
    return false;
  }
  void clear() { blocks_.clear(); }

 private:
  struct Accesses {
    Intervals touched, written;
  };
  std::unordered_map<int, Accesses> blocks_;
};

// Whether it writes to memory that exists before the program or remains after it.
bool is_seen(const Plan& plan, const Step& step) {
  for (int at : step.calls) {
    const TracedCall& traced = plan.calls[at];
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v >= 0 && traced.call.writes(i) &&
          (plan.values[v].kind != Value::Kind::made || plan.values[v].kept))
        return true;
    }
  }
  return false;
}

// What each rank has done since the last barrier.
class Timeline {
 public:
  explicit Timeline(const Plan& plan)
      : plan_(plan), footprints_(plan), done_(plan.threads), busy_(plan.threads, 0.0) {}

  // Whether there must be a barrier before the step, and which rank runs it if it is not shared.
  struct Assignment {
    bool barrier;
    int home;
  };
  Assignment assignment_of(const Step& step) const {
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

  void take(Step& step, const Assignment& assignment) {
    step.barrier = assignment.barrier;
    step.home = assignment.home;
    if (step.barrier) clear();
    for (int rank = 0; rank < plan_.threads; ++rank) {
      if (step.threads == 1 && rank != step.home) continue;
      const Ranges& ranges = footprints_.of(step, rank);
      done_[rank].add(ranges);
      busy_[rank] += step.estimate / step.threads;
    }
    if (!may_refuse(plan_, step)) return;
    for (const Touched& touched : footprints_.of(step, 0)) checked_.insert(touched.block);
  }

 private:
  // Whether ranges that rank `rank` touches conflict with what another rank has done.
  bool depends(const Ranges& ranges, int rank) const {
    for (int other = 0; other < plan_.threads; ++other)
      if (other != rank && done_[other].overlaps(ranges)) return true;
    return false;
  }
  // The least busy rank that could run the step without a barrier; -1 if none could.
  int free_rank(const Ranges& ranges) const {
    int best = -1;
    for (int rank = 0; rank < plan_.threads; ++rank)
      if (!depends(ranges, rank) && (best < 0 || busy_[rank] < busy_[best])) best = rank;
    return best;
  }
  // Whether a step must wait until all ranks know that no check since the last barrier has failed:
  // it reads what was checked, or its effect is seen outside, or it may fail itself.
  bool may_go_wrong(const Step& step) const {
    if (checked_.empty()) return false;
    if (may_refuse(plan_, step) || is_seen(plan_, step)) return true;
    for (const Touched& touched : footprints_.of(step, 0))
      if (checked_.count(touched.block)) return true;
    return plan_.calls[step.calls[0]].call.kernel().kind == Kind::opaque;
  }
  void clear() {
    checked_.clear();
    for (TouchedMemory& memory : done_) memory.clear();
    std::fill(busy_.begin(), busy_.end(), 0.0);
  }

  const Plan& plan_;
  mutable Footprints footprints_;
  std::vector<TouchedMemory> done_;
  std::vector<double> busy_;
  std::unordered_set<int> checked_;  // blocks that steps since the barrier check
};

// Which steps must come before which others: steps that touch the same value keep their order if
// one of them writes to it, and so do a step that may refuse its input and steps whose effects are
// seen outside.
class Order {
 public:
  explicit Order(const Plan& plan) : waits_for_(plan.steps.size()), followers_(plan.steps.size()) {
    std::vector<Users> users(plan.values.size() + 1);
    Users& outside = users.back();
    for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
      const Step& step = plan.steps[s];
      for (int at : step.calls) {
        const TracedCall& traced = plan.calls[at];
        for (int i = 0; i < traced.values.size(); ++i) {
          const int v = traced.values[i];
          if (v >= 0) use(users[v], s, traced.call.writes(i));
        }
      }
      if (may_refuse(plan, step)) {
        use(outside, s, true);
      } else if (is_seen(plan, step)) {
        use(outside, s, false);
      }
    }
  }

  // The steps that wait for nothing at the start, and those that no longer do once a step is done.
  std::vector<int> first() const {
    std::vector<int> ready;
    for (size_t s = 0; s < waits_for_.size(); ++s)
      if (waits_for_[s] == 0) ready.push_back(static_cast<int>(s));
    return ready;
  }
  std::vector<int> after(int step) {
    std::vector<int> ready;
    for (int follower : followers_[step])
      if (--waits_for_[follower] == 0) ready.push_back(follower);
    return ready;
  }

 private:
  struct Users {
    int writer = -1;
    std::vector<int> readers;  // since it was written
  };
  void follow(int before, int after) {
    if (before < 0 || before == after) return;
    followers_[before].push_back(after);
    ++waits_for_[after];
  }
  void use(Users& users, int step, bool written) {
    follow(users.writer, step);
    if (!written) return users.readers.push_back(step);
    for (int reader : users.readers) follow(reader, step);
    users.readers.clear();
    users.writer = step;
  }

  std::vector<int> waits_for_;
  std::vector<std::vector<int>> followers_;
};

// The steps that wait for no other step.
class Ready {
 public:
  explicit Ready(const Plan& plan) : plan_(plan) {}

  void add(const std::vector<int>& steps) {
    for (int step : steps) open_[class_of(step)].insert(step);
  }
  bool empty() const {
    return waiting_.empty() && open_[0].empty() && open_[1].empty() && open_[2].empty();
  }
  // Takes the next step: first among those that need no barrier, in this order: steps for one rank;
  // steps that may refuse their input (a barrier follows: the earlier it comes, the less the ranks
  // have to wait for); shared steps. Steps found to need a barrier are set aside until there is
  // one.
  std::pair<int, Timeline::Assignment> next(const Timeline& timeline) {
    for (std::set<int>& steps : open_)
      while (!steps.empty()) {
        const int step = *steps.begin();
        const Timeline::Assignment assignment = timeline.assignment_of(plan_.steps[step]);
        steps.erase(steps.begin());
        if (!assignment.barrier) return {step, assignment};
        waiting_.insert(step);
      }
    const int step = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    const Timeline::Assignment assignment = timeline.assignment_of(plan_.steps[step]);
    for (int other : waiting_) open_[class_of(other)].insert(other);
    waiting_.clear();
    return {step, assignment};
  }

 private:
  int class_of(int step) const {
    return may_refuse(plan_, plan_.steps[step]) ? 1 : plan_.steps[step].threads == 1 ? 0 : 2;
  }

  const Plan& plan_;
  std::set<int> open_[3];  // by class
  std::set<int> waiting_;  // for a barrier
};

}  // namespace

void reorder(Plan& plan) {
  double estimate = 0;
  for (const Step& step : plan.steps) estimate += step.estimate;
  plan.reordered = plan.threads > 1 && plan.rank_of.empty() &&
                   plan.steps.size() <= kArrangedSteps && estimate <= kArrangedNs;
  if (!plan.reordered) return;
  Order order(plan);
  Timeline timeline(plan);
  std::vector<Step> steps;
  Ready ready(plan);
  ready.add(order.first());
  while (!ready.empty()) {
    const auto [next, assignment] = ready.next(timeline);
    Step& step = plan.steps[next];
    timeline.take(step, assignment);
    ready.add(order.after(next));
    steps.push_back(step);
  }
  plan.steps = std::move(steps);
}

void synchronise(Plan& plan) {
  if (plan.threads == 1 || !plan.rank_of.empty()) return;
  Timeline timeline(plan);
  for (Step& step : plan.steps) timeline.take(step, timeline.assignment_of(step));
}

}  // namespace steep::program
