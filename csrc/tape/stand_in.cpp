#include "tape/stand_in.h"

#include <unordered_map>

namespace steep::tape {

namespace {
struct Front {
  Node* node;
  int index;
};
std::unordered_map<const Node*, Front>& fronts() {
  static auto& map = *new std::unordered_map<const Node*, Front>();
  return map;
}
}  // namespace

void set_stand_in(const Node* node, Node* front, int index) { fronts()[node] = {front, index}; }

void forget_stand_in(const Node* node) { fronts().erase(node); }

Ref<Node> front_of(Node* node, int& index) {
  const auto at = fronts().find(node);
  if (at == fronts().end() || at->second.node->references() == 0) return Ref<Node>(node);
  index = at->second.index;
  return Ref<Node>(at->second.node);
}

}  // namespace steep::tape
