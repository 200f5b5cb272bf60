// The graph of a recorded call without its values, from which the graphs of replayed calls are
// made.
#pragma once

#include <string>
#include <vector>

#include "program/record/recorder.h"
#include "tape/saved.h"

namespace steep::tape {

// A tensor that rules have saved, in one call.
struct Bound {
  Tensor tensor;  // a leaf itself, or a view from which the offsets in the pattern count
  uint32_t version = 0;
  uint32_t swaps = 0;
};
using BoundTensors = std::vector<Bound>;

class Pattern {
 public:
  // Where a saved tensor comes from.
  struct Origin {
    bool leaf = false;  // the tensor itself, not only its memory
    int input = -1;     // index of the argument that it is, or lies in
    int output = -1;    // index of the program's output that it lies in
    Tensor fixed;       // otherwise: the tensor, which is the same in every call
  };
  // A tensor from outside that gradients go to.
  struct End {
    int input = -1;
    Tensor leaf;  // if it is not an argument
    int exits = 0;
  };
  // Where the gradient of a node's input goes: on to another node, or out.
  struct Link {
    int node = -1;  // index of the next node
    int exit = -1;
  };
  struct NodeTemplate {
    Ref<Node> rule;               // a copy, whose edges lead to no nodes
    SmallVector<Link, 2> links;   // by input
    SmallVector<int, 4> origins;  // of the tensors it has saved
  };
  struct Root {
    int node = -1;  // -1: a result without a graph
    int index = 0;
  };

  // From the part of the graph of `results` that was made by the call that `recorder` recorded.
  // `inputs` are its arguments.
  Pattern(const Tensors& results, const Tensors& inputs, const program::Recorder& recorder);

  // Why graphs of other calls cannot be made of it; empty if they can.
  const std::string& refusal() const { return refusal_; }
  bool empty() const { return templates_.empty(); }
  // How it differs from `other`; empty if it is the same.
  std::string difference(const Pattern& other) const;

  // In the order of node numbers: what a node leads to comes before it.
  const std::vector<NodeTemplate>& templates() const { return templates_; }
  const std::vector<Root>& roots() const { return roots_; }  // by result
  // Whether one result is computed from another, which then gets gradients from inside as well.
  bool nested() const { return nested_; }
  // By exit, in the order in which a pass reaches them: the index of its end.
  const std::vector<int>& exits() const { return exits_; }
  const std::vector<End>& ends() const { return ends_; }
  const std::vector<Origin>& origins() const { return origins_; }

  // The tensors that the recorded call has saved; until let_go().
  const Tensors& saved() const { return saved_; }
  // Sets which of the program's outputs each of saved() lies in; -1: none.
  void settle(const std::vector<int>& outputs);
  // The origins as they were in the recorded call.
  BoundTensors recorded(const Tensors& inputs) const;
  // Drops what belongs to the recorded call.
  void let_go();

  // Makes the graph of one call: its nodes, in order, numbered from `first`. `exits` are edges of
  // that call.
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

  std::vector<Ref<Node>> recorded_nodes_;  // until they are copied
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
