#include "program/plan/plan.h"

#include "kernels/elementwise/arithmetic.h"

namespace steep::program {

Plan::Plan(const Trace& trace)
    : calls(trace.calls()),
      values(trace.values()),
      outputs(trace.outputs()),
      results(trace.results()),
      gradients(trace.gradients()),
      generators(trace.generators()),
      launches(static_cast<int>(trace.calls().size())) {
  for (const TracedCall& traced : calls) {
    const Kernel& kernel = traced.call.kernel();
    kinds |= uint32_t{1} << static_cast<int>(kernel.kind);
    had_checks |= kernel.checks;
    had_copies |= &kernel == &kernels::kCopy;
  }
}

void Plan::drop(const std::vector<bool>& gone) {
  size_t left = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (gone[i]) continue;
    if (left != i) calls[left] = std::move(calls[i]);
    ++left;
  }
  calls.erase(calls.begin() + static_cast<int64_t>(left), calls.end());
}

Plan make_plan(const Trace& trace) {
  Plan plan(trace);
  elide_copies(plan);
  drop_dead(plan);
  compute_constants(plan);
  fuse_epilogues(plan);
  reuse_packed(plan);
  find_parts(plan);
  fuse(plan);
  take_checks(plan);
  choose_threads(plan);
  reorder(plan);
  plan_memory(plan);
  synchronise(plan);
  return plan;
}

}  // namespace steep::program
