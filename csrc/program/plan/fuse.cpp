// Gathers elementwise launches into groups that are run block by block: what one launch writes, the
// next reads from the first-level cache. The loops are those of single launches, and an element's
// value does not depend on where its block begins, so the bits are the same.
#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/reduce/reduce.h"
#include "program/plan/uses.h"

namespace steep::program {

namespace {

constexpr int kReach = 64;  // how far behind its first launch a group may reach
static_assert(kReach <= 64, "a bit for each in related_");
constexpr int kMaxMembers = 32;

bool is_sum(const TracedCall& traced) { return &traced.call.kernel() == &kernels::kSum; }

// Whether it is a sum over all elements that adding up a group's blocks reproduces. The sum's
// kernel treats a chunk with fewer elements than lanes differently if it is the whole sum, so the
// last block must not be such a chunk.
bool is_whole_sum(const TracedCall& traced, int64_t total) {
  const RecordedCall& call = traced.call;
  if (!is_sum(traced) || !is_floating(call.type())) return false;
  constexpr int64_t kLanes = 16;
  const int64_t rest = total % kGroupBlock;
  const auto& extent = call.arguments<kernels::Extent>();
  return extent.outer == 1 && extent.n == total && extent.inner == 1 &&
         (total <= kGroupBlock || rest == 0 || rest >= kLanes);
}

int64_t elements_of(const TracedCall& traced) { return traced.call.operands()[0].tensor()->numel; }

using Use = NextUses::Use;

bool same_view(const TensorImpl& a, const TensorImpl& b) {
  return &a == &b || (a.offset == b.offset && a.dtype == b.dtype && a.numel == b.numel);
}

// What a group, and the launches that it passed over, have done with a value.
struct ValueState {
  int group = -1;  // by its first call: the group that this describes; older states are void
  bool passed = false, passed_written = false;
  int last = -1;  // the last use by a member, which leads to those before; -1: none
};

// What a group does with a value.
struct ValueViews {
  int group = -1;   // by its first call: the group that this describes; older states are void
  int last = -1;    // the last of the group's views on it; -1: none
  int touches = 0;  // operands that are such a view
};

// What is needed to build all groups.
struct Candidates {
  explicit Candidates(const Plan& given)
      : plan(given), uses(given), states(given.values.size()), views(given.values.size()) {}
  const Plan& plan;
  NextUses uses;
  std::vector<ValueState> states;  // by value
  std::vector<ValueViews> views;   // by value
};

// Builds one group: its members, and the launches between them that it passes over.
class GroupBuilder {
 public:
  GroupBuilder(Candidates& all, int first)
      : all_(all), plan_(all.plan), first_(first), total_(elements_of(all.plan.calls[first])) {
    add(first);
  }

  // The next launch from `at` on that shares memory with a member, as every further member must; -1
  // if there is none within reach.
  int next(int at) const {
    if (at - first_ >= kReach || count_ >= kMaxMembers) return -1;
    const uint64_t rest = related_ >> (at - first_);
    return rest ? at + __builtin_ctzll(rest) : -1;
  }
  // Makes the launch a member if it fits, and if it may be moved before the launches passed over.
  bool take(int at) {
    if (!plan_.rank_of.empty() && plan_.rank_of[at] != plan_.rank_of[first_]) return false;
    const TracedCall& traced = plan_.calls[at];
    if (is_whole_sum(traced, total_)) return take_sum(at);
    if (!traced.call.is_flat() || elements_of(traced) != total_ || !fits(at)) return false;
    add(at);
    return true;
  }
  void pass(int at) {
    for (int u = all_.uses.first(at); u < all_.uses.first(at + 1); ++u) pass(all_.uses[u]);
    may_stop_ |= plan_.calls[at].call.kernel().host;
  }
  int count() const { return count_; }
  const int* members() const { return members_; }

 private:
  ValueState& state(int value) {
    ValueState& state = all_.states[value];
    if (state.group != first_) state = {first_, false, false, -1};
    return state;
  }
  void pass(const Use& use) {
    ValueState& known = state(use.value);
    known.passed = true;
    known.passed_written |= use.written;
  }
  // Whether a launch must stay behind the launches passed over, because of what it does with a
  // value: they touch the same memory; or it writes outside, and one of them may refuse its input,
  // for then nothing may have changed.
  bool must_stay(const ValueState& known, const Use& use) const {
    if (use.written ? known.passed : known.passed_written) return true;
    return may_stop_ && use.written && plan_.values[use.value].kind != Value::Kind::made;
  }
  // Whether it may be moved, shares memory with a member, and views what either of them writes in
  // exactly the same way.
  bool fits(int at) {
    bool related = false;
    for (int u = all_.uses.first(at); u < all_.uses.first(at + 1); ++u) {
      const Use& x = all_.uses[u];
      const ValueState& known = state(x.value);
      if (must_stay(known, x)) return false;
      for (int t = known.last; t >= 0; t = all_.uses[t].before) {
        const Use& y = all_.uses[t];
        if ((x.written || y.written) && !(x.view->numel == total_ && same_view(*x.view, *y.view)))
          return false;
        related = true;
      }
    }
    return related;
  }
  // Takes a sum of what a member has written. Its result exists only when the group has ended, so
  // other members must not use it.
  bool take_sum(int at) {
    const int first = all_.uses.first(at);
    const Use &to = all_.uses[first], &from = all_.uses[first + 1];
    if (must_stay(state(to.value), to) || must_stay(state(from.value), from) ||
        state(to.value).last >= 0)
      return false;
    bool computed = false;
    for (int t = state(from.value).last; t >= 0; t = all_.uses[t].before) {
      const Use& y = all_.uses[t];
      if (y.written && !(from.view->numel == total_ && same_view(*from.view, *y.view)))
        return false;
      computed |= y.written;
    }
    if (!computed) return false;
    members_[count_++] = at;
    // Its result comes late, and what it adds up must not be overwritten within a block.
    pass(to);
    pass(from);
    note(first + 1);
    return true;
  }
  void add(int at) {
    members_[count_++] = at;
    for (int u = all_.uses.first(at); u < all_.uses.first(at + 1); ++u) {
      note(u);
      for (int next = all_.uses[u].next; next >= 0; next = all_.uses[next].next) {
        const int distance = all_.uses[next].call - first_;
        if (distance >= kReach) break;
        related_ |= uint64_t{1} << distance;  // `at` itself, where it has it twice, is behind
      }
    }
  }
  void note(int u) {
    Use& use = all_.uses[u];
    use.before = std::exchange(state(use.value).last, u);
  }

  Candidates& all_;
  const Plan& plan_;
  const int first_;
  const int64_t total_;
  int members_[kMaxMembers], count_ = 0;
  // A bit for each launch from the first on: whether it touches a value of a member.
  uint64_t related_ = 0;
  bool may_stop_ = false;  // whether a launch passed over may refuse its input
};

// Adds remarks on why elementwise launches run by themselves.
void explain_single(Plan& plan) {
  std::string uneven, lonely;
  for (const Step& step : plan.steps) {
    const RecordedCall& call = plan.calls[step.calls[0]].call;
    if (step.calls.size() > 1 || !call.is_elementwise()) continue;
    std::string& list = call.is_flat() ? lonely : uneven;
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
  GroupMaker(Candidates& all, const Step& step)
      : all_(all), plan_(all.plan), first_(step.calls[0]) {
    group_.stages.reserve(step.calls.size());
    group_.views.reserve(2 * step.calls.size() + 1);
    uses_.reserve(2 * step.calls.size() + 1);
    for (int at : step.calls) {
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
    const RecordedCall& call = traced.call;
    group_.total = elements_of(traced);
    group_.stages.emplace_back();
    Group::Stage& stage = group_.stages.back();
    stage.loop = call.loop();
    stage.operands = call.operands().size();
    const Operand* operand = call.operands().data();
    const int* const values = traced.values.data();
    for (int k = 0; k < stage.operands; ++k, ++operand) {
      const TensorImpl* const x = operand->tensor();
      // Those of other sizes are single elements.
      stage.views[k] = x ? view_of(values[k], *x, x->numel == group_.total)
                         : view_of_number(*operand, call.type());
    }
  }
  void add_sum(const TracedCall& traced) {
    const DType type = traced.call.type();
    const kernels::Routine routine = routine_of(traced.call.kernel(), type);
    const auto& operands = traced.call.operands();
    const int from = view_of(traced.values[1], *operands[1].tensor(), 1);
    const int to = view_of(traced.values[0], *operands[0].tensor(), 0);
    group_.sums.push_back({routine, type, from, to});
  }
  // The index of a view of memory, which is listed once.
  int view_of(int value, const TensorImpl& x, int64_t step) {
    const int64_t size = element_size(x.dtype), offset = x.offset * size;
    ValueViews& known = all_.views[value];
    if (known.group != first_) known = {first_, -1, 0};
    ++known.touches;
    for (int i = known.last; i >= 0; i = uses_[i].before) {
      const Group::View& view = group_.views[i];
      if (view.offset != offset || view.size != size || view.step != step) continue;
      uses_[i].last = now();
      return i;
    }
    const int before = std::exchange(known.last, static_cast<int>(group_.views.size()));
    return add_view({value, offset, size, step, -1, {}}, before);
  }
  // Calls that are alike share their operands, and so the views of their numbers.
  int view_of_number(const Operand& operand, DType type) {
    for (const auto& [known, view] : numbers_)
      if (known == &operand) return view;
    const int view = add_view({-1, 0, element_size(type), 0, -1, bits_of(operand.number(), type),
                               operand.number_input(), operand.negated(), type},
                              -1);
    numbers_[listed_++ % kNumbers] = {&operand, view};
    return view;
  }
  int add_view(const Group::View& view, int before) {
    group_.views.push_back(view);
    uses_.push_back({before, now(), now()});
    return static_cast<int>(uses_.size()) - 1;
  }
  // The number of the stage that is being made; sums come after all of them.
  int now() const { return static_cast<int>(group_.stages.size()) - 1; }
  // Whether nothing outside the group uses a value.
  bool is_local(int value) const {
    if (plan_.values[value].kind != Value::Kind::made || plan_.values[value].kept) return false;
    return all_.views[value].touches == all_.uses.count(value);
  }
  // Gives buffers to the views that nothing outside the group needs; a buffer is free again after
  // its last reader. If buffers run out, the view stays in memory.
  void give_buffers() {
    for (const Group::FinalSum& sum : group_.sums) uses_[sum.from].last = now() + 1;
    int busy_until[kGroupBuffers];
    for (int& until : busy_until) until = -1;
    for (size_t s = 0; s < group_.views.size(); ++s) {
      Group::View& view = group_.views[s];
      if (view.value < 0 || view.step == 0 || !is_local(view.value)) continue;
      for (int b = 0; b < kGroupBuffers && view.buffer < 0; ++b) {
        if (busy_until[b] >= uses_[s].first) continue;
        view.buffer = b;
        busy_until[b] = uses_[s].last;
      }
    }
  }

  Candidates& all_;
  const Plan& plan_;
  const int first_;
  Group group_;
  // By view: the one before it of the same value, or -1; the first and the last stage that use it.
  struct ViewUse {
    int before, first, last;
  };
  std::vector<ViewUse> uses_;
  static constexpr size_t kNumbers = 4;
  std::pair<const Operand*, int> numbers_[kNumbers] = {};  // the last few that were listed
  size_t listed_ = 0;
};

// Gives a step the members of the group that begins with its call; marks the others as done.
void gather(Candidates& all, Step& step, std::vector<bool>& done) {
  const int first = step.calls[0];
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
  if (group.count() > 1) step.calls.assign(group.members(), group.members() + group.count());
}

}  // namespace

void fuse(Plan& plan) {
  const int count = static_cast<int>(plan.calls.size());
  std::optional<Candidates> all;  // none if there is nothing to gather
  std::vector<bool> done(plan.calls.size());
  int groups = 0, members = 0;
  for (int i = 0; i < count; ++i) {
    if (done[i]) continue;
    Step step;
    step.calls = {i};
    if (plan.calls[i].call.is_flat()) gather(all ? *all : all.emplace(plan), step, done);
    if (step.calls.size() > 1) {
      step.group = std::make_shared<Group>(GroupMaker(*all, step).take());
      ++groups, members += static_cast<int>(step.calls.size());
    }
    plan.steps.push_back(std::move(step));
  }
  if (groups)
    plan.remarks.push_back(counted(members, "launch", "launches") + " fused into " +
                           counted(groups, "group", "groups"));
  explain_single(plan);
}

}  // namespace steep::program
