// The registry's entries of fused steps, made from what their kernels say of them.
#include "kernels/optim/fused_step.h"
#include "ops/optim/optim.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

using kernels::FusedStep;
using kernels::StateKind;

std::string signature_of(const FusedStep& step) {
  std::string text = "(params: Sequence[Tensor], grads: Sequence[Tensor], ";
  for (const auto* list = step.lists; list->name; ++list)
    text.append(list->name).append(": Sequence[Tensor], ");
  text += "hyper: Tensor";
  for (const auto* name = step.switches; *name; ++name)
    text.append(", ").append(*name).append(": bool");
  return text + ") -> None";
}

std::string said_of_lists(const FusedStep& step) {
  std::string text;
  for (const auto* list = step.lists; list->name; ++list) {
    if (list->kind == StateKind::tensor) continue;
    text.append("\n").append(list->name);
    text += list->kind == StateKind::optional ? " may be empty." : " are float32 numbers.";
  }
  return text;
}

std::string example_of(const FusedStep& step) {
  std::string text = ">>> p = steep.ones(1)\n>>> hyper = steep.tensor([0.5";
  for (const auto* name = step.hyper + 1; *name; ++name) text += ", 0";
  text.append("], dtype=steep.float64)\n>>> steep._core.").append(step.kernel->name);
  text += "([p], [steep.ones(1)], ";
  for (const auto* list = step.lists; list->name; ++list)
    text += list->kind == StateKind::optional ? "[], "
            : list->kind == StateKind::number ? "[steep.tensor(0.0)], "
                                              : "[steep.zeros(1)], ";
  text += "hyper";
  for (const auto* name = step.switches; *name; ++name) text += ", False";
  return text + ")\n>>> p\ntensor([0.5000])\n";
}

std::string docstring_of(const FusedStep& step) {
  std::string text = "One step of ";
  text.append(step.what).append(" over all parameters, in place and in one launch.\n\n");
  text.append(step.formula).append("\n\nhyper is a float64 tensor [").append(step.hyper[0]);
  for (const auto* name = step.hyper + 1; *name; ++name) text.append(", ").append(*name);
  return text + "], read when the kernel runs." + said_of_lists(step) +
         "\n\nRaises ValueError for lists of different lengths, RuntimeError for shapes or dtypes "
         "that differ from\nthe parameter's; nothing is written then.\n\n" +
         example_of(step);
}

void register_optim(Registry& registry) {
  for (const FusedStep* step = kernels::newest_step; step; step = step->next)
    registry.add_shared(take_step, step, step->kernel->name, kInternal, signature_of(*step),
                        docstring_of(*step));
}

const Registration registered("optimiser", register_optim);

}  // namespace

}  // namespace steep::ops
