// The graph of a recorded call without its values: what graphs of later calls, which have been
// replayed, are made of.
#pragma once

#include <string>
#include <vector>

#include "program/record/recorder.h"
#include "tape/saved.h"

namespace steep::tape {

// Something that rules have saved, as it is in one call.
struct Bound {
  Tensor tensor;  // a leaf itself, or a view counted from where the pattern starts
  uint32_t version = 0;
  uint32_t swaps = 0;
};
using BoundTensors = std::vector<Bound>;

class Pattern {
 public:
  // Where what is saved comes from.
  struct Origin {
    bool leaf = false;  // the tensor itself, not only its memory
    int input = -1;     // which argument it is, or lies in
    int output = -1;    // which of the program's outputs it lies in
    Tensor fixed;       // else: what it is in every call
  };
  // A tensor from outside that gradients go to.
  struct End {
    int input = -1;
    Tensor leaf;  // where it is no argument
    int exits = 0;
  };
  // Where the gradient of a node's input goes: on to another node, or out.
  struct Link {
    int node = -1;  // of the other node
    int exit = -1;
  };
  struct NodeTemplate {
    Ref<Node> rule;               // a copy, whose edges lead to no nodes
    SmallVector<Link, 2> links;   // by input
    SmallVector<int, 4> origins;  // of what it has saved
  };
  struct Root {
    int node = -1;  // -1: a result without a graph
    int index = 0;
  };

  // Of the graph of `results` as far as it was made by the call that `recorder` recorded, whose
  // arguments are `inputs`.
  Pattern(const Tensors& results, const Tensors& inputs, const program::Recorder& recorder);

  // Why graphs of other calls cannot be made of it; empty if they can.
  const std::string& refusal() const { return refusal_; }
  bool empty() const { return templates_.empty(); }
  // Where it is another graph than `other`; empty where it is the same.
  std::string difference(const Pattern& other) const;

  // In the order of their numbers: what a node leads to comes before it.
  const std::vector<NodeTemplate>& templates() const { return templates_; }
  const std::vector<Root>& roots() const { return roots_; }  // by result
  // Whether one result is made of another: gradients come to that from within as well.
  bool nested() const { return nested_; }
  // In the order in which a pass comes to them: which of ends() each leads to.
  const std::vector<int>& exits() const { return exits_; }
  const std::vector<End>& ends() const { return ends_; }
  const std::vector<Origin>& origins() const { return origins_; }

  // Until settle(): each tensor that is saved, and those that the recorded call has saved for each
  // origin.
  const Tensors& saved() const { return saved_; }
  // Says which of a program's outputs each of saved() lies in, -1 for none of them.
  void settle(const std::vector<int>& outputs);
  // What the recorded call has saved.
  BoundTensors recorded(const Tensors& inputs) const;
  // Lets go of what belongs to the recorded call.
  void let_go();

  // A graph of one call: nodes by place, numbered from `first`. `exits` are edges of that call.
  std::vector<Ref<Node>> instantiate(const BoundTensors& bound, const SmallVector<Edge, 2>& exits,
                                     uint64_t first) const;

 private:
  class Finder;
  class Emptier;
  class Filler;

  void find_nodes(const Tensors& results, const program::Recorder& recorder);
  void find_links(const Tensors& inputs, const program::Recorder& recorder);
  void empty_rules(const Tensors& inputs, const program::Recorder& recorder);
  int index_of(const Node* node) const;
  int end_of(const Edge& edge, const Tensors& inputs, const program::Recorder& recorder);
  void refuse(const std::string& reason) {
    if (refusal_.empty()) refusal_ = reason;
  }

  std::vector<Ref<Node>> recorded_nodes_;  // of the recorded call, by place, until they are copied
  std::vector<NodeTemplate> templates_;
  std::vector<Root> roots_;
  std::vector<int> exits_;
  std::vector<End> ends_;
  std::vector<Origin> origins_;
  Tensors saved_;
  std::vector<int> origin_of_saved_;
  std::vector<Tensor> recorded_;  // by origin: one of saved_
  bool nested_ = false;
  std::string refusal_;
};

}  // namespace steep::tape
