// Finds the part of a graph that a single reference keeps alive: a cycle collector may treat it as
// belonging to that reference.
#pragma once

#include "tape/node.h"

namespace steep::tape {

// The node of `root`, and those nodes that it leads to to which only such nodes refer. Empty if
// `root` is not the only reference to its node. Stops after some thousand nodes, so longer cycles
// are not found.
//
// Allocates nothing, because a collector cannot deal with an exception: the nodes are linked
// through their marks. Valid until the next one is made or the graph changes.
class OwnedNodes {
 public:
  explicit OwnedNodes(const Ref<Node>& root);

  class Iterator {
   public:
    explicit Iterator(Node* node) : node_(node) {}
    Node* operator*() const { return node_; }
    Iterator& operator++() {
      node_ = node_->mark.next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return node_ != other.node_; }

   private:
    Node* node_;
  };
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(nullptr); }

 private:
  void append(Node* node);

  Node *first_ = nullptr, *last_ = nullptr;
};

}  // namespace steep::tape
