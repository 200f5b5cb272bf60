// Checks of what exists before the first step, such as of a loss's targets, are made before it. If
// one fails, the function itself is called instead, and its own code deals with the error. The
// steps need not make them again, so that no rank waits for them.
#include <algorithm>

#include "program/plan/plan.h"

namespace steep::program {

namespace {

// By value: whether any launch writes to it.
std::vector<bool> written_values(const Plan& plan) {
  std::vector<bool> written(plan.values.size());
  for (const TracedCall& traced : plan.calls)
    for (int i = 0; i < traced.values.size(); ++i)
      if (const int v = traced.values[i]; v >= 0 && traced.call.writes(i)) written[v] = true;
  return written;
}

}  // namespace

void take_checks(Plan& plan) {
  if (!plan.had_checks) return;
  const std::vector<bool> written = written_values(plan);
  std::vector<Step> left;
  for (Step& step : plan.steps) {
    const TracedCall& traced = plan.calls[step.calls[0]];
    const Kernel& kernel = traced.call.kernel();
    bool early = kernel.checks, writes_any = false;
    for (int i = 0; early && i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      const bool made = v >= 0 && plan.values[v].kind == Value::Kind::made;
      // What an early check writes must belong to this replay alone; it is written again when the
      // step runs.
      early = traced.call.writes(i) ? made : v < 0 || (!made && !written[v]);
      writes_any |= traced.call.writes(i);
    }
    if (early) plan.checks.push_back(step);
    if (!early || writes_any) left.push_back(std::move(step));
  }
  plan.steps = std::move(left);
}

bool may_refuse_after_stores(const Plan& plan) {
  const auto is_made_before = [&plan](const Step& step) {
    return std::any_of(plan.checks.begin(), plan.checks.end(),
                       [&](const Step& check) { return check.calls[0] == step.calls[0]; });
  };
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
    const TracedCall& traced = plan.calls[step.calls[0]];
    const Kernel& kernel = traced.call.kernel();
    return traced.has_stored && (kernel.may_throw || (kernel.checks && !is_made_before(step)));
  });
}

}  // namespace steep::program
