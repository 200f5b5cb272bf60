// Makes actions from a plan's steps, and notes every pointer that depends on where a value lies.
#include <algorithm>
#include <numeric>

#include "kernels/product/gemm.h"
#include "program/replay/replay.h"

namespace steep::program {

namespace {

Dims shape_of(const RecordedCall& call) {
  for (const Operand& operand : call.operands())
    if (operand.tensor()) return operand.tensor()->shape;
  return {};
}

}  // namespace

// "fused mul, add, tanh". A step is often like the last one that was fused.
const char* Program::name_of(const Step& step) {
  const auto same_kernels = [this](int a, int b) {
    return &plan_.calls[a].call.kernel() == &plan_.calls[b].call.kernel();
  };
  if (named_ && std::equal(named_->calls.begin(), named_->calls.end(), step.calls.begin(),
                           step.calls.end(), same_kernels))
    return name_;
  std::string text = "fused";
  for (size_t i = 0; i < step.calls.size(); ++i)
    text.append(i ? ", " : " ").append(plan_.calls[step.calls[i]].call.name());
  named_ = &step;
  return name_ = lasting(text);
}

std::unique_ptr<Action> Program::build_action(const Step& step) {
  auto action = std::make_unique<Action>();
  action->threads = step.threads;
  action->home = step.home;
  action->barrier = step.barrier;
  action->kernel = &plan_.calls[step.calls[0]].call.kernel();
  action->launch_index = plan_.calls[step.calls[0]].launch_index;
  const RecordedCall& first = plan_.calls[step.calls[0]].call;
  action->event.name = step.calls.size() > 1 ? name_of(step) : first.name();
  action->event.layer = first.site().layer;
  action->event.phase = first.site().phase;
  action->event.dtype = name(first.type());
  action->event.shape = shape_of(first);
  action->event.threads = step.threads;
  action->event.bytes = static_cast<int64_t>(step.cost.bytes);
  action->event.flops = static_cast<int64_t>(step.cost.flops);
  action->scratch_offset = scratch_offset(step);
  if (action->kernel->own_scratch) action->scratch_step = plan_.scratch_per_rank;
  if (step.calls.size() > 1) {
    build_group(step, *action);
  } else {
    build_launch(step, *action);
  }
  return action;
}

// Where the first rank's scratch is. Behind the arena, each rank has scratch of its own that all
// steps use: memory that only one core writes to stays in its cache.
int64_t Program::scratch_offset(const Step& step) const {
  return plan_.calls[step.calls[0]].call.kernel().own_scratch ? plan_.arena : step.scratch_offset;
}

void Program::build_launch(const Step& step, Action& action) {
  const TracedCall& traced = plan_.calls[step.calls[0]];
  const RecordedCall& recorded = traced.call;
  const Call call = recorded.call();
  const Kernel& kernel = *call.kernel;
  char** data;
  if (kernel.kind == Kind::elementwise || kernel.kind == Kind::cast) {
    action.nest = std::make_unique<LoopNest>();
    describe(call, *action.nest);
    action.nest->rows = step.rows;
    data = action.nest->data;
  } else {
    action.routine = routine_of(kernel, call.type);
    action.arguments = recorded.words().data();
    if (kernel.kind == Kind::product && step.rows > 0) {
      action.own_arguments = recorded.words();
      action.arguments = action.own_arguments.data();
      reinterpret_cast<kernels::Gemm*>(action.own_arguments.data())->by_rows = 1;
    }
    action.data = SmallVector<char*, 8>(call.operand_count, nullptr);
    data = action.data.data();
  }
  for (int i = 0; i < call.operand_count; ++i)
    if (const TensorImpl* x = call.operands[i].tensor()) {
      point(traced.values[i], data + i, x->offset * element_size(x->dtype));
    } else if (action.nest) {
      const Operand& given = call.operands[i];
      expect(given.number_input(), given.negated(), call.type, &action.nest->numbers[i]);
    }
}

void Program::build_group(const Step& step, Action& action) {
  action.group = step.group;
  action.group->rows = step.rows;
  auto& views = action.group->views;
  action.data = SmallVector<char*, 8>(static_cast<int>(views.size()), nullptr);
  for (size_t s = 0; s < views.size(); ++s) {
    if (views[s].value < 0) {
      action.data[static_cast<int64_t>(s)] = reinterpret_cast<char*>(&views[s].number);
      expect(views[s].input, views[s].negated, views[s].type, &views[s].number);
    } else if (views[s].buffer < 0) {
      point(views[s].value, action.data.data() + s, views[s].offset);
    }
  }
}

// Notes where a number that each replay is given goes.
void Program::expect(int input, bool negated, DType type, NumberBits* where) {
  if (input >= 0) number_patches_.push_back({where, type, input, negated});
}

void Program::point(int value, char** where, int64_t offset) {
  patches_.push_back({where, offset, value});
}

// Puts the patches into the order of their values, as rebase() expects.
void Program::sort_patches() {
  first_patch_.assign(plan_.values.size() + 1, 0);
  for (const Patch& patch : patches_) ++first_patch_[static_cast<size_t>(patch.value) + 1];
  std::partial_sum(first_patch_.begin(), first_patch_.end(), first_patch_.begin());
  std::vector<Patch> sorted(patches_.size());
  std::vector<size_t> next(first_patch_.begin(), first_patch_.end() - 1);
  for (const Patch& patch : patches_) sorted[next[static_cast<size_t>(patch.value)]++] = patch;
  patches_ = std::move(sorted);
}

}  // namespace steep::program
