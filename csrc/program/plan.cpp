#include "program/plan.h"

namespace steep::program {

Plan::Plan(const Trace& trace)
    : calls(trace.calls()),
      values(trace.values()),
      outputs(trace.outputs()),
      gradients(trace.gradients()),
      generators(trace.generators()),
      launches(static_cast<int>(trace.calls().size())) {}

Plan make_plan(const Trace& trace) {
  Plan plan(trace);
  elide_copies(plan);
  drop_dead(plan);
  compute_constants(plan);
  fold(plan);
  reuse_packed(plan);
  fuse(plan);
  choose_threads(plan);
  arrange(plan);
  place(plan);
  synchronise(plan);
  return plan;
}

}  // namespace steep::program
