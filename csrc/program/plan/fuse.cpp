// Gathers elementwise launches into groups that are run block by block: what one launch writes, the
// next reads from the first-level cache. The loops are those of single launches, and an element's
// value does not depend on where its block begins, so the bits are the same.
#include <algorithm>

#include "kernels/reduce/reduce.h"
#include "program/plan/uses.h"

namespace steep::program {

namespace {

constexpr int kReach = 64;  // how far behind its first launch a group may reach
static_assert(kReach <= 64, "a bit for each in related_");
constexpr int kMaxMembers = 32;

bool can_join(const TracedCall& traced) {
  const Kind kind = traced.call.kernel().kind;
  if (kind != Kind::elementwise && kind != Kind::cast) return false;
  int64_t steps[kMaxOperands];
  return traced.call.operands()[0].tensor()->numel > 0 && is_flat(traced.call.call(), steps);
}

// Whether it is a sum over all elements that adding up a group's blocks reproduces. The sum's
// kernel treats a chunk with fewer elements than lanes differently if it is the whole sum, so the
// last block must not be such a chunk.
bool is_whole_sum(const TracedCall& traced, int64_t total) {
  const RecordedCall& call = traced.call;
  if (&call.kernel() != &kernels::kSum || !is_floating(call.type())) return false;
  constexpr int64_t kLanes = 16;
  const int64_t rest = total % kGroupBlock;
  const auto& extent = call.arguments<kernels::Extent>();
  return extent.outer == 1 && extent.n == total && extent.inner == 1 &&
         (total <= kGroupBlock || rest == 0 || rest >= kLanes);
}

int64_t elements_of(const TracedCall& traced) { return traced.call.operands()[0].tensor()->numel; }

struct Touch {
  int value;
  int64_t offset, numel;  // of the view
  DType dtype;
  bool written;
};
using Touches = SmallVector<Touch, 8>;

Touches touches_of(const TracedCall& traced) {
  Touches out;
  for (int i = 0; i < traced.values.size(); ++i) {
    if (traced.values[i] < 0) continue;
    const TensorImpl& x = *traced.call.operands()[i].tensor();
    out.push_back({traced.values[i], x.offset, x.numel, x.dtype, writes(traced.call.kernel(), i)});
  }
  return out;
}

bool same_view(const Touch& a, const Touch& b) {
  return a.offset == b.offset && a.dtype == b.dtype && a.numel == b.numel;
}

// What a group, and the launches that it passed over, have done with a value.
struct ValueState {
  int group = -1;  // by its first call: the group that this describes; older states are void
  bool passed = false, passed_written = false;
  int last = -1;  // index in touches_ of the last member's touch; -1: none
};

// What a group does with a value.
struct ValueViews {
  int group = -1;   // by its first call: the group that this describes; older states are void
  int last = -1;    // the last of the group's views on it; -1: none
  int touches = 0;  // operands that are such a view
};

// What is needed to build all groups.
struct Candidates {
  explicit Candidates(const Plan& plan)
      : plan(plan),
        uses(plan),
        states(plan.values.size()),
        views(plan.values.size()),
        joins(plan.calls.size()) {
    for (size_t i = 0; i < joins.size(); ++i) joins[i] = can_join(plan.calls[i]);
  }
  const Plan& plan;
  Uses uses;
  std::vector<ValueState> states;  // by value
  std::vector<ValueViews> views;   // by value
  std::vector<bool> joins;         // by call: whether it could be in a group
};

// Builds one group: its members, and the launches between them that it passes over.
class GroupBuilder {
 public:
  GroupBuilder(Candidates& all, int first)
      : all_(all), plan_(all.plan), first_(first), total_(elements_of(all.plan.calls[first])) {
    add(first, touches_of(plan_.calls[first]));
  }

  // The next launch from `at` on that shares memory with a member, as every further member must; -1
  // if there is none within reach.
  int next(int at) const {
    if (at - first_ >= kReach || members_.size() >= kMaxMembers) return -1;
    const uint64_t rest = related_ >> (at - first_);
    return rest ? at + __builtin_ctzll(rest) : -1;
  }
  // Makes the launch a member if it fits, and if it may be moved before the launches passed over.
  bool take(int at) {
    if (!plan_.rank_of.empty() && plan_.rank_of[at] != plan_.rank_of[first_]) return false;
    const TracedCall& traced = plan_.calls[at];
    const Touches touches = touches_of(traced);
    if (conflicts(touches) || (may_stop_ && writes_outside(touches))) return false;
    if (is_whole_sum(traced, total_)) return take_sum(at, touches);
    if (!all_.joins[at] || elements_of(traced) != total_ || !fits(touches)) return false;
    add(at, touches);
    return true;
  }
  void pass(int at) {
    for (const Touch& x : touches_of(plan_.calls[at])) pass(x);
    may_stop_ |= plan_.calls[at].call.kernel().host;
  }
  const std::vector<int>& members() const { return members_; }

 private:
  ValueState& state(int value) {
    ValueState& state = all_.states[value];
    if (state.group != first_) state = {first_, false, false, -1};
    return state;
  }
  void pass(const Touch& x) {
    ValueState& known = state(x.value);
    known.passed = true;
    known.passed_written |= x.written;
  }
  // Whether a launch must stay behind the launches passed over, because they touch the same memory.
  bool conflicts(const Touches& touches) {
    for (const Touch& x : touches) {
      const ValueState& known = state(x.value);
      if (x.written ? known.passed : known.passed_written) return true;
    }
    return false;
  }
  // A launch that writes outside must not be moved before one that may refuse its input, for then
  // nothing may have changed.
  bool writes_outside(const Touches& touches) const {
    for (const Touch& x : touches)
      if (x.written && plan_.values[x.value].kind != Value::Kind::made) return true;
    return false;
  }
  // Whether it shares memory with a member, and views what either of them writes in exactly the
  // same way.
  bool fits(const Touches& touches) {
    bool related = false;
    for (const Touch& x : touches)
      for (int i = state(x.value).last; i >= 0; i = touches_[i].second) {
        const Touch& y = touches_[i].first;
        if ((x.written || y.written) && !(same_view(x, y) && x.numel == total_)) return false;
        related = true;
      }
    return related;
  }
  // Takes a sum of what a member has written. Its result exists only when the group has ended, so
  // other members must not use it.
  bool take_sum(int at, const Touches& touches) {
    if (state(touches[0].value).last >= 0) return false;
    bool computed = false;
    for (int i = state(touches[1].value).last; i >= 0; i = touches_[i].second) {
      const Touch& y = touches_[i].first;
      if (y.written && !(same_view(touches[1], y) && y.numel == total_)) return false;
      computed |= y.written;
    }
    if (!computed) return false;
    members_.push_back(at);
    // Its result comes late, and what it adds up must not be overwritten within a block.
    pass(touches[0]);
    pass(touches[1]);
    add(touches[1]);
    return true;
  }
  void add(int at, const Touches& touches) {
    members_.push_back(at);
    for (const Touch& x : touches) {
      add(x);
      const Uses::Span uses = all_.uses.of(x.value);
      for (const Use* use = uses.from(at + 1); use != uses.end(); ++use) {
        if (use->call - first_ >= kReach) break;
        related_ |= uint64_t{1} << (use->call - first_);
      }
    }
  }
  void add(const Touch& x) {
    ValueState& known = state(x.value);
    touches_.emplace_back(x, std::exchange(known.last, static_cast<int>(touches_.size())));
  }

  Candidates& all_;
  const Plan& plan_;
  const int first_;
  const int64_t total_;
  std::vector<int> members_;
  // Of members, each with the index of the one before it of the same value.
  std::vector<std::pair<Touch, int>> touches_;
  // A bit for each launch from the first on: whether it touches a value of a member.
  uint64_t related_ = 0;
  bool may_stop_ = false;  // whether a launch passed over may refuse its input
};

bool is_sum(const TracedCall& traced) { return traced.call.kernel().kind == Kind::reduce; }

// Adds remarks on why elementwise launches run by themselves.
void explain_single(Plan& plan, const std::vector<bool>& joins) {
  std::string uneven, lonely;
  for (const Step& step : plan.steps) {
    const RecordedCall& call = plan.calls[step.calls[0]].call;
    const Kind kind = call.kernel().kind;
    if (step.calls.size() > 1 || (kind != Kind::elementwise && kind != Kind::cast)) continue;
    std::string& list = joins[step.calls[0]] ? lonely : uneven;
    list.append(list.empty() ? "" : ", ").append(call.name());
  }
  if (!uneven.empty())
    plan.remarks.push_back("not fused: an operand is broadcast, strided or empty: " + uneven);
  if (!lonely.empty())
    plan.remarks.push_back("not fused: no other launch of the same size can join it: " + lonely);
}

// Makes the group of some members: its views and stages.
class GroupMaker {
 public:
  GroupMaker(Candidates& all, const std::vector<int>& members)
      : all_(all), plan_(all.plan), first_(members[0]) {
    for (int at : members) {
      const TracedCall& traced = plan_.calls[at];
      if (is_sum(traced)) {
        add_sum(traced);
      } else {
        add_stage(traced);
      }
    }
    give_buffers();
  }
  Group take() { return std::move(group_); }

 private:
  void add_stage(const TracedCall& traced) {
    const Call call = traced.call.call();
    Group::Stage stage;
    stage.loop = loop_of(call);
    stage.operands = call.operand_count;
    int64_t steps[kMaxOperands];
    is_flat(call, steps);
    for (int k = 0; k < call.operand_count; ++k) {
      Group::View view{traced.values[k], 0, 0, steps[k], -1, {}};
      if (const TensorImpl* x = call.operands[k].tensor()) {
        view.size = element_size(x->dtype);
        view.offset = x->offset * view.size;
        if (x->numel == elements_of(traced)) view.step = 1;  // even if that is a single element
      } else {
        view.size = element_size(call.type);
        view.number = bits_of(call.operands[k].number(), call.type);
        if (call.operands[k].number_input() >= 0)
          view.given = call.operands[k], view.type = call.type;
      }
      stage.views[k] = view_of(view);
    }
    group_.total = call.operands[0].tensor()->numel;
    group_.stages.push_back(stage);
  }
  void add_sum(const TracedCall& traced) {
    const DType type = traced.call.type();
    const kernels::Routine routine = routine_of(traced.call.kernel(), type);
    const int from = view_of(memory_view(traced, 1, 1));
    const int to = view_of(memory_view(traced, 0, 0));
    group_.sums.push_back({routine, type, from, to});
  }
  static Group::View memory_view(const TracedCall& traced, int operand, int64_t step) {
    const TensorImpl& x = *traced.call.operands()[operand].tensor();
    const int64_t size = element_size(x.dtype);
    return {traced.values[operand], x.offset * size, size, step, -1, {}};
  }
  // The index of a view, which is listed once.
  int view_of(const Group::View& wanted) {
    int before = -1;
    if (wanted.value >= 0) {
      ValueViews& known = all_.views[wanted.value];
      if (known.group != first_) known = {first_, -1, 0};
      ++known.touches;
      for (int i = known.last; i >= 0; i = before_[i]) {
        const Group::View& view = group_.views[i];
        if (view.offset == wanted.offset && view.size == wanted.size && view.step == wanted.step)
          return i;
      }
      before = std::exchange(known.last, static_cast<int>(group_.views.size()));
    }
    group_.views.push_back(wanted);
    before_.push_back(before);
    return static_cast<int>(group_.views.size()) - 1;
  }
  // Whether nothing outside the group uses a value.
  bool is_local(int value) const {
    if (plan_.values[value].kind != Value::Kind::made || plan_.values[value].kept) return false;
    const Uses::Span uses = all_.uses.of(value);
    return all_.views[value].touches == uses.end() - uses.begin();
  }
  // Gives buffers to the views that nothing outside the group needs; a buffer is free again after
  // its last reader. If buffers run out, the view stays in memory.
  void give_buffers() {
    std::vector<int> last(group_.views.size(), -1), first(group_.views.size(), -1);
    for (const Group::FinalSum& sum : group_.sums)
      last[sum.from] = static_cast<int>(group_.stages.size());
    for (size_t i = 0; i < group_.stages.size(); ++i)
      for (int k = 0; k < group_.stages[i].operands; ++k) {
        const int view = group_.stages[i].views[k];
        last[view] = std::max(last[view], static_cast<int>(i));
        if (first[view] < 0) first[view] = static_cast<int>(i);
      }
    int busy_until[kGroupBuffers];
    for (int& until : busy_until) until = -1;
    for (size_t s = 0; s < group_.views.size(); ++s) {
      Group::View& view = group_.views[s];
      if (view.value < 0 || view.step == 0 || !is_local(view.value)) continue;
      for (int b = 0; b < kGroupBuffers && view.buffer < 0; ++b) {
        if (busy_until[b] >= first[s]) continue;
        view.buffer = b;
        busy_until[b] = last[s];
      }
    }
  }

  Candidates& all_;
  const Plan& plan_;
  const int first_;
  Group group_;
  std::vector<int> before_;  // by view: the one before it of the same value; -1: none
};

// The members of the group that begins with `first`; marks the others as done.
std::vector<int> gather(Candidates& all, int first, std::vector<bool>& done) {
  GroupBuilder group(all, first);
  int seen = first + 1;
  for (int at; (at = group.next(seen)) >= 0; seen = at + 1) {
    for (; seen < at; ++seen)
      if (!done[seen]) group.pass(seen);
    if (done[at]) continue;
    if (group.take(at)) {
      done[at] = true;
    } else {
      group.pass(at);
    }
  }
  return group.members();
}

}  // namespace

void fuse(Plan& plan) {
  const int count = static_cast<int>(plan.calls.size());
  Candidates all(plan);
  std::vector<bool> done(plan.calls.size());
  int groups = 0, members = 0;
  for (int i = 0; i < count; ++i) {
    if (done[i]) continue;
    Step step;
    step.calls = {i};
    if (all.joins[i]) step.calls = gather(all, i, done);
    if (step.calls.size() > 1) {
      step.group = std::make_shared<const Group>(GroupMaker(all, step.calls).take());
      ++groups, members += static_cast<int>(step.calls.size());
    }
    plan.steps.push_back(std::move(step));
  }
  if (groups)
    plan.remarks.push_back(counted(members, "launch", "launches") + " fused into " +
                           counted(groups, "group", "groups"));
  explain_single(plan, all.joins);
}

}  // namespace steep::program
