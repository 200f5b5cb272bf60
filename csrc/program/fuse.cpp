// Chains of elementwise launches, run block by block: what one launch writes, the next reads from
// the first-level cache. The loops are those of single launches, and an element's value does not
// depend on where its block begins, so the bits are the same.
#include <algorithm>

#include "program/plan.h"
#include "runtime/cpu.h"

namespace steep::program {

namespace {

constexpr int kReach = 64;  // launches looked at beyond the first of a group
constexpr int kMaxMembers = 32;

bool can_join(const TracedCall& traced) {
  const Kind kind = traced.call.kernel().kind;
  if (kind != Kind::elementwise && kind != Kind::cast) return false;
  int64_t steps[kMaxOperands];
  return traced.call.operands()[0].tensor()->numel > 0 && is_flat(traced.call.call(), steps);
}

// A sum over all elements whose chunks are those of a group: the kernel adds up fewer elements than
// it has lanes one by one, which the last chunk of a longer sum is not.
bool is_whole_sum(const TracedCall& traced, int64_t total) {
  const RecordedCall& call = traced.call;
  if (call.kernel().kind != Kind::reduce || !is_floating(call.type()) || call.dims().size() != 3 ||
      call.kernel().id != static_cast<int>(kernels::RoutineId::sum))
    return false;
  constexpr int64_t kLanes = 16;
  const int64_t rest = total % kGroupBlock;
  return call.dims()[0] == 1 && call.dims()[1] == total && call.dims()[2] == 1 &&
         (total <= kGroupBlock || rest == 0 || rest >= kLanes);
}

int64_t elements_of(const TracedCall& traced) { return traced.call.operands()[0].tensor()->numel; }

struct Touch {
  int value;
  int64_t offset, numel;  // of the window
  DType dtype;
  bool written;
};

void touches_of(const TracedCall& traced, std::vector<Touch>& out) {
  for (int i = 0; i < traced.values.size(); ++i) {
    if (traced.values[i] < 0) continue;
    const TensorImpl& x = *traced.call.operands()[i].tensor();
    out.push_back({traced.values[i], x.offset, x.numel, x.dtype, writes(traced.call.kernel(), i)});
  }
}

bool same_window(const Touch& a, const Touch& b) {
  return a.offset == b.offset && a.dtype == b.dtype && a.numel == b.numel;
}

// Whether what one launch does with memory keeps the other in its place.
bool conflict(const std::vector<Touch>& a, const std::vector<Touch>& b) {
  for (const Touch& x : a)
    for (const Touch& y : b)
      if (x.value == y.value && (x.written || y.written)) return true;
  return false;
}

// A group that grows: members, and the launches between them that stay behind.
class Growing {
 public:
  Growing(const Plan& plan, int first) : plan_(plan), total_(elements_of(plan.calls[first])) {
    add(first);
  }

  // Takes the launch in, if it belongs to the group and may move up to it.
  bool take(int at) {
    const TracedCall& traced = plan_.calls[at];
    if (members_.size() >= kMaxMembers) return false;
    std::vector<Touch> touches;
    touches_of(traced, touches);
    if (conflict(touches, passed_) || (may_stop_ && writes_outside(touches))) return false;
    if (is_whole_sum(traced, total_)) return take_sum(at, touches);
    if (!can_join(traced) || elements_of(traced) != total_ || !fits(touches)) return false;
    add(at);
    return true;
  }
  void pass(int at) {
    touches_of(plan_.calls[at], passed_);
    may_stop_ |= plan_.calls[at].call.kernel().host != nullptr;
  }
  const std::vector<int>& members() const { return members_; }

 private:
  // What a launch that refuses its input leaves as it is must not be changed before it.
  bool writes_outside(const std::vector<Touch>& touches) const {
    for (const Touch& x : touches)
      if (x.written && plan_.values[x.value].kind != Value::Kind::made) return true;
    return false;
  }
  // Shares memory with a member, and sees what members write through the very same window.
  bool fits(const std::vector<Touch>& touches) const {
    bool related = false;
    for (const Touch& x : touches)
      for (const Touch& y : touches_) {
        if (x.value != y.value) continue;
        if ((x.written || y.written) && !(same_window(x, y) && x.numel == total_)) return false;
        related = true;
      }
    return related;
  }
  // A sum of what a member has written. Its result is there when the group has ended, for those
  // that stay behind.
  bool take_sum(int at, const std::vector<Touch>& touches) {
    bool computed = false;
    for (const Touch& y : touches_) {
      if (y.value == touches[0].value) return false;
      if (y.value != touches[1].value) continue;
      if (y.written && !(same_window(touches[1], y) && y.numel == total_)) return false;
      computed |= y.written;
    }
    if (!computed) return false;
    members_.push_back(at);
    // Its result comes late, and what it adds up must still be there at the end of a block.
    passed_.push_back(touches[0]);
    passed_.push_back(touches[1]);
    touches_.push_back(touches[1]);
    return true;
  }
  void add(int at) {
    members_.push_back(at);
    touches_of(plan_.calls[at], touches_);
  }

  const Plan& plan_;
  int64_t total_;
  std::vector<int> members_;
  std::vector<Touch> touches_, passed_;
  bool may_stop_ = false;  // whether one that was passed may refuse its input
};

// Whether a value is made and read by the launches of one step alone.
bool is_local(const Plan& plan, int value, const std::vector<int>& members) {
  if (plan.values[value].kind != Value::Kind::made || plan.values[value].kept) return false;
  size_t next = 0;
  for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i) {
    if (next < members.size() && members[next] == i) {
      ++next;
      continue;
    }
    for (int v : plan.calls[i].values)
      if (v == value) return false;
  }
  return true;
}

bool is_sum(const TracedCall& traced) { return traced.call.kernel().kind == Kind::reduce; }

int slot_of(Group& group, const Group::Slot& wanted) {
  for (size_t i = 0; i < group.slots.size(); ++i) {
    const Group::Slot& slot = group.slots[i];
    if (wanted.value >= 0 && slot.value == wanted.value && slot.offset == wanted.offset &&
        slot.size == wanted.size && slot.step == wanted.step)
      return static_cast<int>(i);
  }
  group.slots.push_back(wanted);
  return static_cast<int>(group.slots.size()) - 1;
}

// Gives buffers to the slots that nothing outside wants; a buffer is free again after its last
// reader. Where buffers run out, the slot stays in memory.
void give_buffers(const Plan& plan, const std::vector<int>& members, Group& group) {
  std::vector<int> last(group.slots.size(), -1), first(group.slots.size(), -1);
  for (const Group::Sum& sum : group.sums) last[sum.from] = static_cast<int>(group.ops.size());
  for (size_t i = 0; i < group.ops.size(); ++i)
    for (int k = 0; k < group.ops[i].operands; ++k) {
      const int slot = group.ops[i].slots[k];
      last[slot] = std::max(last[slot], static_cast<int>(i));
      if (first[slot] < 0) first[slot] = static_cast<int>(i);
    }
  int busy_until[kGroupBuffers];
  for (int& until : busy_until) until = -1;
  for (size_t s = 0; s < group.slots.size(); ++s) {
    Group::Slot& slot = group.slots[s];
    if (slot.value < 0 || slot.step == 0 || !is_local(plan, slot.value, members)) continue;
    for (int b = 0; b < kGroupBuffers && slot.buffer < 0; ++b) {
      if (busy_until[b] >= first[s]) continue;
      slot.buffer = b;
      busy_until[b] = last[s];
    }
  }
}

// Says of elementwise launches that run by themselves why they do.
void explain_single(Plan& plan) {
  std::string uneven, lonely;
  for (const Step& step : plan.steps) {
    const RecordedCall& call = plan.calls[step.calls[0]].call;
    const Kind kind = call.kernel().kind;
    if (step.calls.size() > 1 || (kind != Kind::elementwise && kind != Kind::cast)) continue;
    std::string& list = can_join(plan.calls[step.calls[0]]) ? lonely : uneven;
    list += join(list.empty() ? "" : ", ", call.name());
  }
  if (!uneven.empty())
    plan.remarks.push_back("not fused, for operands broadcast, are strided or empty: " + uneven);
  if (!lonely.empty())
    plan.remarks.push_back(
        "not fused, for no launch of their size near them shares memory with them alone: " +
        lonely);
}

}  // namespace

void fuse(Plan& plan) {
  const int count = static_cast<int>(plan.calls.size());
  std::vector<bool> done(plan.calls.size());
  int groups = 0, members = 0;
  for (int i = 0; i < count; ++i) {
    if (done[i]) continue;
    Step step;
    step.calls = {i};
    if (can_join(plan.calls[i])) {
      Growing group(plan, i);
      for (int j = i + 1; j < count && j < i + kReach; ++j) {
        if (done[j]) continue;
        if (group.take(j)) {
          done[j] = true;
        } else {
          group.pass(j);
        }
      }
      step.calls = group.members();
    }
    if (step.calls.size() > 1) ++groups, members += static_cast<int>(step.calls.size());
    plan.steps.push_back(std::move(step));
  }
  if (groups) plan.remarks.push_back(join(members, " launches fused into ", groups, " groups"));
  explain_single(plan);
}

namespace {

Group::Slot memory_slot(const TracedCall& traced, int operand, int64_t step) {
  const TensorImpl& x = *traced.call.operands()[operand].tensor();
  const int64_t size = element_size(x.dtype);
  return {traced.values[operand], x.offset * size, size, step, -1, {}};
}

void add_sum(const TracedCall& traced, Group& group) {
  const DType type = traced.call.type();
  const kernels::Routine routine =
      runtime::table().routines[traced.call.kernel().id][static_cast<int>(type)];
  const int from = slot_of(group, memory_slot(traced, 1, 1));
  const int to = slot_of(group, memory_slot(traced, 0, 0));
  group.sums.push_back({routine, type, from, to});
}

}  // namespace

Group group_of(const Plan& plan, const Step& step) {
  Group group;
  for (int at : step.calls) {
    const TracedCall& traced = plan.calls[at];
    if (is_sum(traced)) {
      add_sum(traced, group);
      continue;
    }
    const Call call = traced.call.call();
    Group::Op op;
    op.loop = loop_of(call);
    op.operands = call.operand_count;
    int64_t steps[kMaxOperands];
    is_flat(call, steps);
    for (int k = 0; k < call.operand_count; ++k) {
      Group::Slot slot{traced.values[k], 0, 0, steps[k], -1, {}};
      if (const TensorImpl* x = call.operands[k].tensor()) {
        slot.size = element_size(x->dtype);
        slot.offset = x->offset * slot.size;
        if (x->numel == elements_of(traced)) slot.step = 1;  // of one element, too
      } else {
        slot.size = element_size(call.type);
        slot.number = bits_of(call.operands[k].number(), call.type);
      }
      op.slots[k] = slot_of(group, slot);
    }
    group.total = call.operands[0].tensor()->numel;
    group.ops.push_back(op);
  }
  give_buffers(plan, step.calls, group);
  return group;
}

}  // namespace steep::program
