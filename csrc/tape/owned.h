// Which part of a graph lives by one reference alone: what a collector of cycles may count as that
// reference's.
#pragma once

#include "tape/node.h"

namespace steep::tape {

// `root` and the nodes that it leads to, if all the references to each come from such nodes and
// `root` is the only one to its own. Empty where it is not. Stops after some thousand nodes: a
// cycle longer than that is not found.
//
// Nothing is allocated, for a collector has no use for an exception: the nodes themselves are the
// list, which holds until the next one is made or the graph changes.
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
