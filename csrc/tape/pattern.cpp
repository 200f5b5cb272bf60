#include "tape/pattern.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace steep::tape {

using program::Recorder;

namespace {

// How a rule's copy in a pattern encodes the node of a saved tensor in SavedParts::swaps: 0 for
// none, a node of the pattern, or the node that an exit leads to.
constexpr uint32_t kExit = 0x80000000u;
uint32_t code_of_node(int node) { return 1 + static_cast<uint32_t>(node); }
uint32_t code_of_exit(int exit) { return kExit | static_cast<uint32_t>(exit); }

bool was_there(const Node& node, const Recorder& recorder) {
  return node.number <= recorder.first_node();  // accumulators have number 0
}
bool was_made(const Tensor& x, const Recorder& recorder) { return recorder.has_made(*x->storage); }
// Whether a rule has saved the tensor itself: see Saved.
bool is_itself(const SavedParts& parts) { return history(parts.tensor) != nullptr; }

int input_on(const Tensors& inputs, const Storage* storage) {
  for (int i = 0; i < inputs.size(); ++i)
    if (inputs[i]->storage.get() == storage) return i;
  return -1;
}

constexpr char kOutside[] =
    "a result depends on a tensor that has a graph from outside the function and is not an "
    "argument; pass it as an argument, or detach() it";

}  // namespace

// Finds the nodes of saved tensors, to which there may be no edge.
class Pattern::Finder final : public SavedCopies {
 public:
  explicit Finder(std::vector<Ref<Node>>& found) : found_(found) {}
  void copied(SavedParts& parts) override {
    if (parts.grad_fn) found_.push_back(parts.grad_fn);
  }

 private:
  std::vector<Ref<Node>>& found_;
};

// Takes the tensors out of a copied rule, and leaves in it what Filler needs.
class Pattern::Emptier final : public SavedCopies {
 public:
  Emptier(Pattern& pattern, const Tensors& inputs, const Recorder& recorder)
      : pattern_(pattern), inputs_(inputs), recorder_(recorder) {}

  void at(int node) { node_ = node; }
  void copied(SavedParts& parts) override {
    const Tensor x = parts.tensor;
    if (x->swaps != parts.swaps || x->version() != parts.version)
      pattern_.refuse(
          "it writes to a tensor that the graph of its result has saved; write to a clone()");
    const uint32_t link = parts.grad_fn ? link_of(parts) : 0;
    int64_t start = 0;
    const int origin = origin_of(x, is_itself(parts), start);
    pattern_.templates_[static_cast<size_t>(node_)].origins.push_back(origin);
    pattern_.saved_.push_back(x);
    pattern_.origin_of_saved_.push_back(origin);
    parts.tensor = Tensor(
        new TensorImpl(Ref<Storage>(), x.dtype(), x.shape(), x.strides(), x->offset - start));
    parts.grad_fn.reset();
    parts.version = static_cast<uint32_t>(origin);
    parts.swaps = link;
  }

 private:
  uint32_t link_of(const SavedParts& parts) {
    const Node& node = *parts.grad_fn;
    if (!was_there(node, recorder_)) {
      const int index = pattern_.index_of(&node);
      if (index >= node_) pattern_.refuse("its graph is not in order");
      for (const Root& root : pattern_.roots_) pattern_.nested_ |= index == root.node;
      return code_of_node(index);
    }
    Edge edge;
    edge.node = parts.grad_fn;
    edge.index = parts.index;
    const int end = pattern_.end_of(edge, inputs_, recorder_);
    for (size_t i = 0; i < pattern_.exits_.size(); ++i)
      if (pattern_.exits_[i] == end) return code_of_exit(static_cast<int>(i));
    pattern_.refuse(kOutside);
    return 0;
  }

  int origin_of(const Tensor& x, bool itself, int64_t& start) {
    int input = -1;
    for (int i = 0; itself && i < inputs_.size() && input < 0; ++i)
      if (inputs_[i].same(x)) input = i;
    if (!itself) input = input_on(inputs_, x->storage.get());
    if (input >= 0 && !itself) start = inputs_[input]->offset;
    if (itself && input < 0 && was_made(x, recorder_))
      pattern_.refuse("it creates a leaf that requires a gradient; create it outside the function");
    const bool made = !itself && input < 0 && was_made(x, recorder_);
    auto& origins = pattern_.origins_;
    for (size_t o = 0; o < origins.size(); ++o) {
      const Tensor& other = pattern_.recorded_[o];
      if (origins[o].leaf != itself) continue;
      if (itself ? other.same(x) : other->storage == x->storage) return static_cast<int>(o);
    }
    Origin origin;
    origin.leaf = itself;
    origin.input = input;
    if (input < 0 && itself) origin.fixed = x;
    if (input < 0 && !itself && !made) origin.fixed = alias(x, x.shape(), x.strides(), 0);
    origins.push_back(std::move(origin));
    pattern_.recorded_.push_back(x);
    return static_cast<int>(origins.size()) - 1;
  }

  Pattern& pattern_;
  const Tensors& inputs_;
  const Recorder& recorder_;
  int node_ = 0;
};

// Puts the tensors of one call into copied rules.
class Pattern::Filler final : public SavedCopies {
 public:
  Filler(const Pattern& pattern, const BoundTensors& bound, const std::vector<Ref<Node>>& nodes,
         const SmallVector<Edge, 2>& exits)
      : origins_(pattern.origins_), bound_(bound), nodes_(nodes), exits_(exits) {}

  void copied(SavedParts& parts) override {
    const bool leaf = origins_[parts.version].leaf;
    const Bound& from = bound_[parts.version];
    const uint32_t link = parts.swaps;
    const Tensor& x = from.tensor;
    if (!x.defined()) {  // dropped, because the node has been released
      parts.tensor.reset();
      return;
    }
    const Tensor placed = parts.tensor;
    const TensorImpl& view = *placed.impl();
    parts.version = from.version;
    parts.swaps = leaf ? from.swaps : 0;
    if (leaf) {
      parts.tensor = x;
    } else {
      parts.tensor = alias(x, view.shape, view.strides, x->offset + view.offset);
      parts.tensor->dtype = view.dtype;
    }
    if (link & kExit) {
      const Edge& edge = exits_[static_cast<int>(link & ~kExit)];
      parts.grad_fn = edge.node;
      parts.index = edge.index;
    } else if (link) {
      parts.grad_fn = nodes_[link - 1];
    }
  }

 private:
  const std::vector<Origin>& origins_;
  const BoundTensors& bound_;
  const std::vector<Ref<Node>>& nodes_;
  const SmallVector<Edge, 2>& exits_;
};

Pattern::Pattern(const Tensors& results, const Tensors& inputs, const Recorder& recorder) {
  find_nodes(results, recorder);
  if (!refusal_.empty()) return;
  find_links(inputs, recorder);
  empty_rules(inputs, recorder);
  recorded_nodes_.clear();
}

void Pattern::find_nodes(const Tensors& results, const Recorder& recorder) {
  std::vector<Ref<Node>> open;
  std::unordered_set<const Node*> seen;
  Finder finder(open);
  for (const Tensor& result : results)
    if (const Ref<Node> node = grad_fn(result); node && !node->released) {
      if (was_there(*node, recorder)) refuse(kOutside);
      open.push_back(node);
    }
  while (!open.empty() && refusal_.empty()) {
    const Ref<Node> node = std::move(open.back());
    open.pop_back();
    if (was_there(*node, recorder) || !seen.insert(node.get()).second) continue;
    recorded_nodes_.push_back(node);
    if (node->released) {
      refuse("backward has freed part of its result's graph; return the result's detach()");
    } else if (node->find_extras() && node->find_extras()->is_hooked()) {
      refuse(
          "a tensor in the graph of its result has a hook or retains its gradient; do that with "
          "the result, outside the function");
    } else if (!node->copy()) {
      refuse(join("the gradient of ", node->name,
                  " is Python code, which a replay would not call; call backward inside"));
    }
    for (const Edge& edge : node->inputs)
      if (edge.node) open.push_back(edge.node);
  }
  std::sort(recorded_nodes_.begin(), recorded_nodes_.end(),
            [](const Ref<Node>& a, const Ref<Node>& b) { return a->number < b->number; });
  for (const Tensor& result : results) {
    const Ref<Node> node = grad_fn(result);
    roots_.push_back({});
    if (node && !node->released) roots_.back() = {index_of(node.get()), history(result)->output};
  }
  for (size_t i = 0; i < roots_.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (roots_[i].node >= 0 && roots_[i].node == roots_[j].node &&
          roots_[i].index == roots_[j].index)
        refuse("two of its results are the same value in the graph; return it once");
}

int Pattern::index_of(const Node* node) const {
  const auto at = std::lower_bound(
      recorded_nodes_.begin(), recorded_nodes_.end(), node->number,
      [](const Ref<Node>& other, uint64_t number) { return other->number < number; });
  return at != recorded_nodes_.end() && at->get() == node
             ? static_cast<int>(at - recorded_nodes_.begin())
             : -1;
}

// Numbers exits in the order of a pass: later nodes first, then by input.
void Pattern::find_links(const Tensors& inputs, const Recorder& recorder) {
  templates_.resize(recorded_nodes_.size());
  for (size_t p = recorded_nodes_.size(); p-- > 0;) {
    for (const Edge& edge : recorded_nodes_[p]->inputs) {
      Link link;
      if (edge.node && !was_there(*edge.node, recorder)) {
        link.node = index_of(edge.node.get());
      } else if (edge.node) {
        const int end = end_of(edge, inputs, recorder);
        if (end < 0) return refuse(kOutside);
        link.exit = static_cast<int>(exits_.size());
        exits_.push_back(end);
        ++ends_[static_cast<size_t>(end)].exits;
      }
      for (const Root& root : roots_) nested_ |= link.node >= 0 && link.node == root.node;
      templates_[p].links.push_back(link);
    }
  }
}

// The index of the end that the edge leads to, which is added if it is new; -1 if other calls would
// not have it.
int Pattern::end_of(const Edge& edge, const Tensors& inputs, const Recorder& recorder) {
  End end;
  TensorImpl* const leaf = edge.node->leaf();
  for (int i = 0; i < inputs.size(); ++i) {
    const History* const of = history(inputs[i]);
    const bool leads = leaf ? inputs[i].impl() == leaf
                            : of && of->grad_fn == edge.node && of->output == edge.index;
    if (!leads || (end.input >= 0 && inputs[i].same(inputs[end.input]))) continue;
    if (end.input >= 0)
      return -1;  // two arguments with the same edge, which may differ in another call
    end.input = i;
  }
  if (end.input < 0) {
    if (!leaf) return -1;
    end.leaf = Tensor(leaf);
    if (was_made(end.leaf, recorder))
      refuse("it creates a leaf that requires a gradient; create it outside the function");
  }
  for (size_t i = 0; i < ends_.size(); ++i)
    if (ends_[i].input == end.input && (end.input >= 0 || ends_[i].leaf.same(end.leaf)))
      return static_cast<int>(i);
  ends_.push_back(std::move(end));
  return static_cast<int>(ends_.size()) - 1;
}

void Pattern::empty_rules(const Tensors& inputs, const Recorder& recorder) {
  Emptier emptier(*this, inputs, recorder);
  for (size_t p = 0; p < recorded_nodes_.size() && refusal_.empty(); ++p) {
    emptier.at(static_cast<int>(p));
    templates_[p].rule = recorded_nodes_[p]->copy();
    for (const Edge& edge : recorded_nodes_[p]->inputs) {
      templates_[p].rule->inputs.push_back(edge);
      templates_[p].rule->inputs.back().node.reset();
    }
  }
}

void Pattern::settle(const std::vector<int>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] >= 0 && origins_[static_cast<size_t>(origin_of_saved_[i])].input < 0)
      origins_[static_cast<size_t>(origin_of_saved_[i])].output = outputs[i];
}

BoundTensors Pattern::recorded(const Tensors& inputs) const {
  BoundTensors bound;
  for (size_t o = 0; o < origins_.size(); ++o) {
    const Origin& origin = origins_[o];
    Tensor x = recorded_[o];
    if (!origin.leaf)
      x = alias(x, x.shape(), x.strides(), origin.input >= 0 ? inputs[origin.input]->offset : 0);
    bound.push_back({x, x->version(), x->swaps});
  }
  return bound;
}

void Pattern::let_go() {
  saved_.clear();
  recorded_.clear();
}

std::vector<Ref<Node>> Pattern::instantiate(const BoundTensors& bound,
                                            const SmallVector<Edge, 2>& exits,
                                            uint64_t first) const {
  std::vector<Ref<Node>> nodes;
  nodes.reserve(templates_.size());
  Filler filler(*this, bound, nodes, exits);
  for (const NodeTemplate& each : templates_) {
    const Ref<Node> node = each.rule->copy();
    node->number = first + nodes.size();
    for (int i = 0; i < each.links.size(); ++i) {
      const Link& link = each.links[i];
      Edge edge = each.rule->inputs[i];
      if (link.node >= 0) edge.node = nodes[static_cast<size_t>(link.node)];
      if (link.exit >= 0) {
        edge.node = exits[link.exit].node;
        edge.index = exits[link.exit].index;
      }
      node->inputs.push_back(std::move(edge));
    }
    nodes.push_back(node);
  }
  return nodes;
}

std::string Pattern::difference(const Pattern& other) const {
  const auto same_ends = [](const End& a, const End& b) {
    return a.input == b.input && a.exits == b.exits && (a.input >= 0 || a.leaf.same(b.leaf));
  };
  if (templates_.size() != other.templates_.size() || exits_ != other.exits_ ||
      roots_.size() != other.roots_.size() ||
      !std::equal(ends_.begin(), ends_.end(), other.ends_.begin(), other.ends_.end(), same_ends))
    return "the graph of the result is different";
  for (size_t i = 0; i < roots_.size(); ++i)
    if (roots_[i].node != other.roots_[i].node || roots_[i].index != other.roots_[i].index)
      return "the graph of the result is different";
  for (size_t p = 0; p < templates_.size(); ++p) {
    const NodeTemplate &a = templates_[p], &b = other.templates_[p];
    bool same = std::strcmp(a.rule->name, b.rule->name) == 0 && a.links.size() == b.links.size() &&
                a.origins.size() == b.origins.size();
    for (int i = 0; same && i < a.links.size(); ++i)
      same = a.links[i].node == b.links[i].node && a.links[i].exit == b.links[i].exit;
    for (int i = 0; same && i < a.origins.size(); ++i) same = a.origins[i] == b.origins[i];
    if (!same) return join("the graph of the result is different at ", a.rule->name);
  }
  for (size_t o = 0; o < origins_.size(); ++o) {
    const Origin &a = origins_[o], &b = other.origins_[o];
    const bool same_fixed = a.fixed.defined() == b.fixed.defined() &&
                            (!a.fixed.defined() || (a.leaf ? a.fixed.same(b.fixed)
                                                           : a.fixed->storage == b.fixed->storage));
    if (a.leaf != b.leaf || a.input != b.input || a.output != b.output || !same_fixed)
      return "different tensors are saved for backward";
  }
  return "";
}

}  // namespace steep::tape
