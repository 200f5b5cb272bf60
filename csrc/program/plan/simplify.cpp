// Passes that leave launches out.
#include <algorithm>
#include <numeric>

#include "kernels/elementwise/arithmetic.h"
#include "program/plan/plan.h"

namespace steep::program {

namespace {

// Whether the view is all of a value's memory, row by row.
bool covers(const Plan& plan, const TensorImpl& view, int value) {
  return view.contiguous && view.offset == 0 &&
         static_cast<size_t>(view.numel * element_size(view.dtype)) == plan.values[value].bytes;
}

// Merges values: tracks for each the first call that touches it and the last that writes to it.
// Merged values go by the index of the last one.
class Merging {
 public:
  explicit Merging(const Plan& plan)
      : plan_(plan),
        first_(plan.values.size(), static_cast<int>(plan.calls.size())),
        last_write_(plan.values.size(), -1),
        now_(plan.values.size()) {
    std::iota(now_.begin(), now_.end(), 0);
    for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i) {
      const TracedCall& traced = plan.calls[i];
      for (int k = 0; k < traced.values.size(); ++k) {
        const int v = traced.values[k];
        if (v < 0) continue;
        first_[v] = std::min(first_[v], i);
        if (traced.call.writes(k)) last_write_[v] = i;
      }
    }
  }

  // The value that a value has been merged into.
  int operator[](int value) {
    while (now_[value] != value) value = now_[value] = now_[now_[value]];
    return value;
  }
  // Whether `from` may be merged into `to`, which makes the copying call `at` unnecessary: nothing
  // touches `to` before it, and nothing writes to either of them after it.
  bool can_be_one(int at, int to, int from) const {
    return plan_.values[to].kind == Value::Kind::made &&
           plan_.values[from].kind == Value::Kind::made && !plan_.values[from].kept &&
           first_[to] >= at && last_write_[to] <= at && last_write_[from] <= at;
  }
  // Without the copy, `to` is first touched and last written where `from` was.
  void merge(int to, int from) {
    now_[from] = to;
    first_[to] = first_[from];
    last_write_[to] = last_write_[from];
  }

 private:
  const Plan& plan_;
  std::vector<int> first_, last_write_, now_;
};

bool is_whole_copy(const Plan& plan, const TracedCall& traced, Merging& values) {
  const RecordedCall& call = traced.call;
  const Kernel& kernel = call.kernel();
  if (kernel.kind != Kind::elementwise || &kernel != &kernels::kCopy || traced.values[1] < 0)
    return false;
  const TensorImpl &to = *call.operands()[0].tensor(), &from = *call.operands()[1].tensor();
  return to.dtype == from.dtype && to.shape == from.shape &&
         covers(plan, to, values[traced.values[0]]) && covers(plan, from, values[traced.values[1]]);
}

}  // namespace

void elide_copies(Plan& plan) {
  if (!plan.had_copies) return;
  Merging values(plan);
  std::vector<bool> gone(plan.calls.size());
  int elided = 0;
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    const TracedCall& traced = plan.calls[i];
    if (!is_whole_copy(plan, traced, values)) continue;
    const int to = values[traced.values[0]], from = values[traced.values[1]];
    if (to == from || !values.can_be_one(static_cast<int>(i), to, from)) continue;
    values.merge(to, from);
    gone[i] = true;
    ++elided;
  }
  if (!elided) return;
  plan.drop(gone);
  for (TracedCall& traced : plan.calls)
    for (int& value : traced.values)
      if (value >= 0) value = values[value];
  plan.remarks.push_back(counted(elided, "copy", "copies") + " left out");
}

void drop_dead(Plan& plan) {
  std::vector<char> wanted(plan.values.size());
  for (size_t v = 0; v < wanted.size(); ++v)
    wanted[v] = plan.values[v].kind != Value::Kind::made || plan.values[v].kept;
  std::vector<bool> gone(plan.calls.size());
  std::vector<const char*> dropped;
  for (size_t i = plan.calls.size(); i-- > 0;) {
    const TracedCall& traced = plan.calls[i];
    const int* const values = traced.values.data();
    bool needed = traced.call.kernel().host;  // may refuse its input, or draw from a generator
    traced.call.each_written([&](int k) { needed |= values[k] >= 0 && wanted[values[k]]; });
    if (!needed) {
      dropped.push_back(traced.call.name());
      gone[i] = true;
      continue;
    }
    traced.call.each_read([&](int k) {
      if (values[k] >= 0) wanted[values[k]] = true;
    });
  }
  if (dropped.empty()) return;
  plan.drop(gone);
  std::string text = "left out, because nothing reads the result: ";
  for (size_t i = dropped.size(); i-- > 0;) text.append(dropped[i]).append(i ? ", " : "");
  plan.remarks.push_back(std::move(text));
}

}  // namespace steep::program
