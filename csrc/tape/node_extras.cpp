#include "tape/node_extras.h"

#include "tape/accumulate.h"

namespace steep::tape {

void call_each(const std::shared_ptr<Hooks>& hooks, Tensor& grad) {
  if (!hooks) return;
  for (const Hook& hook : Hooks(*hooks))
    if (Tensor changed = hook.call(grad, {}); changed.defined()) grad = std::move(changed);
}

void call_each(const std::shared_ptr<NodeHooks>& hooks, GradList changed, GradList others) {
  if (!hooks) return;
  for (const NodeHook& hook : NodeHooks(*hooks)) hook.call(changed, others);
}

void NodeExtras::call_tensor_hooks(Tensor* grads) {
  for (size_t i = 0; i < hooks.size(); ++i) {  // which grows if a hook registers another one
    const auto [output, list] = hooks[i];
    if (grads[output].defined()) call_each(list, grads[output]);
  }
  if (retainers.empty()) return;
  std::vector<std::pair<int, Tensor>> keepers;
  for (const auto& [output, keeper] : retainers)
    if (keeper->references() > 0)
      keepers.emplace_back(output, Tensor(keeper));  // not being destroyed
  for (const auto& [output, keeper] : keepers)
    if (grads[output].defined()) accumulate_grad(keeper, grads[output]);
}

}  // namespace steep::tape
