#include "tape/pass.h"

#include "program/site.h"
#include "tape/backward.h"

namespace steep::tape {

namespace {

void add_to(Tensor& total, Tensor grad) {
  total = total.defined() ? primitives.add(total, grad) : std::move(grad);
}

}  // namespace

std::vector<uint8_t> Pass::leading(const Pattern& pattern) const {
  std::vector<uint8_t> leads(pattern.templates().size());
  for (size_t p = 0; p < leads.size(); ++p)
    for (uint8_t asked : asked_of(pattern.templates()[p], leads)) leads[p] |= asked;
  return leads;
}

Pass::Flags Pass::asked_of(const Pattern::NodeTemplate& node,
                           const std::vector<uint8_t>& leads) const {
  Flags asked;
  for (const Pattern::Link& link : node.links)
    asked.push_back(link.exit >= 0 ? wanted[link.exit]
                                   : link.node >= 0 && leads[static_cast<size_t>(link.node)]);
  return asked;
}

// Does what Walk does: visits nodes in falling order, each once, and adds up gradients as they
// come.
void Pass::run(const Pattern& pattern, const std::vector<Ref<Node>>& nodes,
               const std::vector<uint8_t>& used_up) {
  const auto& templates = pattern.templates();
  const std::vector<uint8_t> leads = leading(pattern);
  std::vector<SmallVector<Tensor, 1>> pending(templates.size());
  const auto grad_at = [&](int node, int index) -> Tensor& {
    auto& grads_of_node = pending[static_cast<size_t>(node)];
    if (grads_of_node.empty()) grads_of_node.resize(nodes[static_cast<size_t>(node)]->outputs);
    return grads_of_node[index];
  };
  passed.assign(templates.size(), 0);
  out.clear();
  out.resize(wanted.size());
  for (size_t i = 0; i < pattern.roots().size(); ++i)
    if (grads[i].defined()) grad_at(pattern.roots()[i].node, pattern.roots()[i].index) = grads[i];
  for (size_t p = templates.size(); p-- > 0;) {
    if (pending[p].empty() || !leads[p]) continue;
    Node& node = *nodes[p];
    const bool is_used_up = node.released || (!used_up.empty() && used_up[p]);
    if (is_used_up && !node.lasts()) node.refuse_again(pending[p].data());
    const program::AtSite site(node.layer);
    const auto& links = templates[p].links;
    const Flags asked = asked_of(templates[p], leads);
    SmallVector<Tensor, 4> made;
    made.resize(links.size());
    {
      Grads grads_of_inputs(made.data(), asked.data());
      const CurrentNode current(&node);
      node.run(pending[p].data(), grads_of_inputs);
    }
    pending[p].clear();
    passed[p] = 1;
    for (int i = 0; i < links.size(); ++i) {
      if (!asked[i] || !made[i].defined()) continue;
      const Edge& edge = node.inputs[i];
      Tensor grad = fit(edge, made[i]);
      made[i].reset();
      if (links[i].exit >= 0) {
        out[links[i].exit] = std::move(grad);
      } else {
        add_to(grad_at(links[i].node, edge.index), std::move(grad));
      }
    }
  }
}

// Adds up gradients for ends that have none yet, in the order in which Walk would.
void Pass::add_up(const Pattern& pattern) {
  std::vector<int> first(pattern.ends().size(), -1);
  for (int k = 0; k < out.size(); ++k) {
    const int end = pattern.exits()[static_cast<size_t>(k)];
    int& to = first[static_cast<size_t>(end)];
    if (!out[k].defined() || !vacant[end]) continue;
    if (to < 0) {
      to = k;
      continue;
    }
    add_to(out[to], std::move(out[k]));
    out[k].reset();
  }
}

}  // namespace steep::tape
