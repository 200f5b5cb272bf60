// Launches whose operands are the same at every replay are run once, when the program is made: for
// example, those that compute what a loss divides by.
#include "program/launch.h"
#include "program/plan/plan.h"

namespace steep::program {

namespace {

constexpr size_t kLargest = 4096;  // bytes: larger results are not kept

// By value: how many launches write to it.
std::vector<int> writers_of(const Plan& plan) {
  std::vector<int> writers(plan.values.size());
  for (const TracedCall& traced : plan.calls)
    traced.call.each_written([&](int i) {
      if (traced.values[i] >= 0) ++writers[traced.values[i]];
    });
  return writers;
}

bool is_number_or_constant(const Plan& plan, const TracedCall& traced, int operand) {
  const int v = traced.values[operand];
  if (v < 0) return traced.call.operands()[operand].number_input() < 0;
  return plan.values[v].kind == Value::Kind::constant && plan.values[v].storage;
}

// Whether the launch computes from numbers and constants alone.
bool has_no_input(const Plan& plan, const TracedCall& traced) {
  if (!traced.call.is_elementwise()) return false;
  for (int i = 1; i < traced.values.size(); ++i)
    if (!is_number_or_constant(plan, traced, i)) return false;
  return true;
}

// Whether that is the whole of a small value.
bool is_constant(const Plan& plan, const TracedCall& traced, const std::vector<int>& writers) {
  const Value& made = plan.values[traced.values[0]];
  const TensorImpl& out = *traced.call.operands()[0].tensor();
  return made.kind == Value::Kind::made && !made.kept && made.bytes <= kLargest &&
         writers[traced.values[0]] == 1 && !traced.call.reads(0) && out.contiguous &&
         out.numel * element_size(out.dtype) == static_cast<int64_t>(made.bytes);
}

// Runs the launch on the constants' memory, and makes its result a constant.
void compute(Plan& plan, TracedCall& traced) {
  Value& made = plan.values[traced.values[0]];
  made.kind = Value::Kind::constant;
  made.storage = Storage::allocate(made.bytes);
  for (int i = 0; i < traced.values.size(); ++i) {
    const int v = traced.values[i];
    if (v < 0) continue;
    const TensorImpl& x = *traced.call.operands()[i].tensor();
    traced.call.replace(
        i, Tensor(new TensorImpl(plan.values[v].storage, x.dtype, x.shape, x.strides, x.offset)));
  }
  execute(traced.call.call());
}

}  // namespace

void compute_constants(Plan& plan) {
  std::vector<int> writers;
  std::vector<bool> gone(plan.calls.size());
  int computed = 0;
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    if (!has_no_input(plan, plan.calls[i])) continue;
    if (writers.empty()) writers = writers_of(plan);
    if (!is_constant(plan, plan.calls[i], writers)) continue;
    compute(plan, plan.calls[i]);
    gone[i] = true;
    ++computed;
  }
  if (!computed) return;
  plan.drop(gone);
  plan.remarks.push_back(counted(computed, "launch", "launches") +
                         (computed == 1 ? " runs" : " run") + " once for all replays");
}

}  // namespace steep::program
