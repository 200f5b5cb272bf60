// Passes that leave launches out.
#include "program/plan.h"

namespace steep::program {

namespace {

// Whether the window is all of a value's memory, row by row.
bool covers(const Plan& plan, const TensorImpl& window, int value) {
  return window.contiguous && window.offset == 0 &&
         static_cast<size_t>(window.numel * element_size(window.dtype)) == plan.values[value].bytes;
}

bool is_whole_copy(const Plan& plan, const TracedCall& traced) {
  const RecordedCall& call = traced.call;
  const Kernel& kernel = call.kernel();
  if (kernel.kind != Kind::elementwise ||
      kernel.id != static_cast<int>(kernels::Elementwise::copy) || traced.values[1] < 0)
    return false;
  const TensorImpl &to = *call.operands()[0].tensor(), &from = *call.operands()[1].tensor();
  return to.dtype == from.dtype && to.shape == from.shape && covers(plan, to, traced.values[0]) &&
         covers(plan, from, traced.values[1]);
}

// Whether value `from` may be value `to` from the start, so that copying call `at` does nothing: no
// one has touched `to` before, and no one changes either of them after.
bool can_be_one(const Plan& plan, size_t at, int to, int from) {
  if (plan.values[to].kind != Value::Kind::made || plan.values[from].kind != Value::Kind::made ||
      plan.values[from].kept)
    return false;
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    if (i == at) continue;
    const TracedCall& other = plan.calls[i];
    if (i < at ? touches(other, to) : writes_to(other, to) || writes_to(other, from)) return false;
  }
  return true;
}

}  // namespace

void elide_copies(Plan& plan) {
  int elided = 0;
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    if (!is_whole_copy(plan, plan.calls[i])) continue;
    const int to = plan.calls[i].values[0], from = plan.calls[i].values[1];
    if (to == from || !can_be_one(plan, i, to, from)) continue;
    for (TracedCall& traced : plan.calls)
      for (int& value : traced.values)
        if (value == from) value = to;
    plan.calls.erase(plan.calls.begin() + static_cast<int64_t>(i--));
    ++elided;
  }
  if (elided) plan.remarks.push_back(join(elided, " copies left out"));
}

void drop_dead(Plan& plan) {
  std::vector<bool> wanted(plan.values.size());
  for (size_t v = 0; v < wanted.size(); ++v)
    wanted[v] = plan.values[v].kind != Value::Kind::made || plan.values[v].kept;
  std::vector<TracedCall> alive;
  std::string dropped;
  for (size_t i = plan.calls.size(); i-- > 0;) {
    TracedCall& traced = plan.calls[i];
    const Kernel& kernel = traced.call.kernel();
    bool needed = kernel.host != nullptr;  // may refuse its input, or draw from a generator
    for (int k = 0; k < traced.values.size(); ++k)
      needed |= traced.values[k] >= 0 && writes(kernel, k) && wanted[traced.values[k]];
    if (!needed) {
      dropped = join(kernel.name, dropped.empty() ? "" : ", ", dropped);
      continue;
    }
    for (int k = 0; k < traced.values.size(); ++k)
      if (traced.values[k] >= 0 && reads(kernel, k)) wanted[traced.values[k]] = true;
    alive.push_back(std::move(traced));
  }
  plan.calls.assign(std::make_move_iterator(alive.rbegin()), std::make_move_iterator(alive.rend()));
  if (!dropped.empty()) plan.remarks.push_back("no one reads the results of: " + dropped);
}

}  // namespace steep::program
