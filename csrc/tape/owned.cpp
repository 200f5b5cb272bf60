#include "tape/owned.h"

namespace steep::tape {

OwnedNodes::OwnedNodes(const Ref<Node>& root) {
  constexpr int kMost = 4096;  // the collector runs often
  if (!root || root->references() != 1) return;
  Node* seen = nullptr;  // nodes whose references are being counted
  append(root.get());
  int visited = 0;
  for (Node* node = first_; node && visited < kMost; node = node->mark.next, ++visited) {
    for (const Edge& edge : node->inputs) {
      Node* const input = edge.node.get();
      if (!input) continue;
      Node::OwnershipMark& mark = input->mark;
      if (mark.references++ == 0) mark.seen_before = std::exchange(seen, input);
      if (mark.references == input->references()) append(input);
    }
  }
  while (seen) {
    seen->mark.references = 0;
    seen = seen->mark.seen_before;
  }
}

void OwnedNodes::append(Node* node) {
  node->mark.next = nullptr;
  (first_ ? last_->mark.next : first_) = node;
  last_ = node;
}

}  // namespace steep::tape
