#include "tape/owned.h"

#include <unordered_map>

namespace steep::tape {

std::vector<Node*> owned_nodes(const Ref<Node>& root) {
  constexpr size_t kMost = 4096;  // the collector comes by often
  std::vector<Node*> owned;
  if (!root || root->references() != 1) return owned;
  owned.push_back(root.get());
  std::unordered_map<Node*, int64_t> seen;
  for (size_t i = 0; i < owned.size() && i < kMost; ++i) {
    for (const Edge& edge : owned[i]->inputs) {
      Node* node = edge.node.get();
      if (!node) continue;
      const int64_t references = node->references();
      if (references == 1 || ++seen[node] == references) owned.push_back(node);
    }
  }
  return owned;
}

}  // namespace steep::tape
