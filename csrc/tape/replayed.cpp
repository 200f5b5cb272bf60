#include "tape/replayed.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "program/launch.h"
#include "program/record/recorder.h"
#include "program/site.h"
#include "tape/backward.h"
#include "tape/stand_in.h"

namespace steep::tape {

using program::Program;
using program::Recorder;
using program::Trace;

namespace {

constexpr size_t kMostVariants = 8;

// A copy with the same strides.
Tensor separate(const Tensor& x) {
  const int64_t size = element_size(x.dtype());
  const auto bytes =
      static_cast<size_t>(std::max<int64_t>(0, extent(x.shape(), x.strides())) * size);
  const Ref<Storage> storage = Storage::allocate(bytes);
  if (bytes > 0) std::memcpy(storage->data(), x.data<char>(), bytes);
  return Tensor(new TensorImpl(storage, x.dtype(), x.shape(), x.strides(), 0));
}

// Records as long as it exists, with sites followed.
class PassRecording {
 public:
  explicit PassRecording(Recorder& recorder) : recorder_(recorder) {
    recorder_.start();
    program::follow_sites();
  }
  ~PassRecording() {
    program::unfollow_sites();
    recorder_.stop();
  }
  PassRecording(const PassRecording&) = delete;
  PassRecording& operator=(const PassRecording&) = delete;

 private:
  Recorder& recorder_;
};

}  // namespace

std::string Replayed::complete(const Trace& trace, const Tensors& inputs) {
  pattern_.settle(trace.saved());
  const GradMode off(false);
  Tensors grads;
  for (int i = 0; i < results_; ++i) {
    const ResultMetadata& like = metadata_[static_cast<size_t>(i)];
    grads.push_back(pattern_.roots()[static_cast<size_t>(i)].node < 0
                        ? Tensor()
                        : primitives.fill(like.shape, like.dtype, 1.0));
  }
  Pass pass{grads.data(), {}, {}, {}, {}};
  pass.wanted = Flags(static_cast<int>(pattern_.exits().size()), 1);
  pass.vacant = Flags(static_cast<int>(pattern_.ends().size()), 1);
  first_ = record(pass, pattern_.recorded(inputs), {});
  pattern_.let_go();
  if (first_.trace->lost()) throw std::bad_alloc();
  if (!first_.trace->refusal().empty()) return first_.trace->refusal();
  return first_.variant.refused ? "its backward pass writes to memory that existed before it" : "";
}

// Records a pass, on copies of the gradients, so that memory that they happen to share does not
// become part of the recording.
Replayed::Recorded Replayed::record(Pass& pass, const BoundTensors& bound,
                                    const std::vector<uint8_t>& used_up) const {
  Tensors seeds, inputs;
  for (int i = 0; i < results_; ++i)
    seeds.push_back(pass.grads[i].defined() ? separate(pass.grads[i]) : Tensor());
  for (const Tensor& seed : seeds)
    if (seed.defined()) inputs.push_back(seed);
  // Stands for tensors that were dropped, which this pass does not use.
  const Tensor any = inputs[0];
  for (const Bound& x : bound) inputs.push_back(x.tensor.defined() ? x.tensor : separate(any));
  const Tensor* const given = std::exchange(pass.grads, seeds.data());
  Recorder recorder;
  recorder.let_memory_go();
  {
    SmallVector<Edge, 2> exits;
    exits.resize(static_cast<int>(pattern_.exits().size()));
    const std::vector<Ref<Node>> nodes = pattern_.instantiate(bound, exits, 1);
    const PassRecording recording(recorder);
    const program::AtSite phase(program::Phase::backward);
    pass.run(pattern_, nodes, used_up);
    pass.add_up(pattern_);
  }
  pass.grads = given;
  Recorded made;
  Tensors outputs, bases;
  for (int k = 0; k < pass.out.size(); ++k) {
    if (!pass.out[k].defined()) continue;
    outputs.push_back(pass.out[k]);
    made.variant.exits.push_back(k);
  }
  for (const Tensor& output : outputs)
    if (const History* const view = history(output); view && view->base.defined())
      bases.push_back(view->base);
  made.trace = std::make_unique<Trace>(recorder, inputs, outputs, bases, Tensors{});
  made.variant.key = key_of(pass.grads, pass.wanted, pass.vacant);
  made.variant.passed = pass.passed;
  made.variant.refused = !made.trace->refusal().empty() || made.trace->writes_outside();
  return made;
}

std::string Replayed::difference(const Replayed& other) const {
  std::string found = pattern_.difference(other.pattern_);
  if (found.empty() && first_.trace && other.first_.trace) {
    found = first_.trace->difference(*other.first_.trace);
    if (!found.empty()) found = join("in backward, ", found);
  }
  return found;
}

void Replayed::share(const std::shared_ptr<program::MemoryPool>& pool) {
  pool_ = pool;
  for (const std::shared_ptr<Program>& program : programs_) program->share(pool);
}

void Replayed::plan(const Replayed& other) {
  if (pattern_.nested()) return;
  auto variant = std::make_shared<Variant>(first_.variant);
  variant->program = std::make_shared<Program>(*first_.trace, *other.first_.trace);
  programs_.push_back(variant->program);
  variants_.push_back(std::move(variant));
}

bool Replayed::fits(const Tensor* grads) const {
  for (int i = 0; i < results_; ++i) {
    const ResultMetadata& shape = metadata_[static_cast<size_t>(i)];
    if (grads[i].defined() && (grads[i].dtype() != shape.dtype || grads[i].shape() != shape.shape))
      return false;
  }
  return true;
}

Replayed::Key Replayed::key_of(const Tensor* grads, const Flags& wanted,
                               const Flags& vacant) const {
  Key key;
  for (int i = 0; i < results_; ++i) {
    key.push_back(grads[i].defined());
    if (!grads[i].defined()) continue;
    for (int d = 0; d < grads[i].dim(); ++d) key.push_back(grads[i].strides()[d]);
  }
  for (uint8_t flag : wanted) key.push_back(flag);
  for (int e = 0; e < vacant.size(); ++e)
    key.push_back(pattern_.ends()[static_cast<size_t>(e)].exits > 1 && vacant[e]);
  return key;
}

// The variant for a key, made if there is none; the least recently used one makes room.
std::shared_ptr<Replayed::Variant> Replayed::variant_of(const Key& key, bool& known) {
  known = true;
  auto oldest = variants_.begin();
  for (auto at = variants_.begin(); at != variants_.end(); ++at) {
    if ((*at)->key == key) {
      (*at)->last_used = ++passes_;
      return *at;
    }
    if ((*at)->last_used < (*oldest)->last_used) oldest = at;
  }
  known = false;
  auto made = std::make_shared<Variant>();
  made->key = key;
  made->last_used = ++passes_;
  variants_.reserve(kMostVariants);
  if (variants_.size() >= kMostVariants) {
    programs_.erase(std::remove(programs_.begin(), programs_.end(), (*oldest)->program),
                    programs_.end());
    *oldest = made;
  } else {
    variants_.push_back(made);
  }
  return made;
}

Ref<Replayed::Call> Replayed::bind(const Tensors& inputs, Program& program) {
  const Ref<Call> call(new Call(shared_from_this(), results_));
  SmallVector<Edge, 8> ends;
  for (const Pattern::End& end : pattern_.ends())
    ends.push_back(edge_of(end.input >= 0 ? inputs[end.input] : end.leaf));
  call->inputs.reserve(static_cast<int>(pattern_.exits().size()));
  for (int end : pattern_.exits()) call->inputs.push_back(ends[end]);
  call->bound_.reserve(pattern_.origins().size());
  for (const Pattern::Origin& origin : pattern_.origins()) {
    Bound bound;
    if (origin.input >= 0) {
      bound.tensor = origin.leaf ? inputs[origin.input] : alias(inputs[origin.input]);
    } else {
      bound.tensor = origin.output >= 0 ? program.saved(origin.output) : origin.fixed;
    }
    bound.version = bound.tensor->version() + program.counts_writes_to(bound.tensor);
    bound.swaps = bound.tensor->swaps;
    call->bound_.push_back(std::move(bound));
  }
  const uint64_t count = pattern_.templates().size();
  call->first_number_ = Node::take_numbers(count + 1);
  call->number = call->first_number_ + count;
  // Hooks on a result from which others are computed must see the whole of its gradient.
  if (pattern_.nested())
    call->nodes_ = pattern_.instantiate(call->bound_, call->inputs, call->first_number_);
  return call;
}

Replayed::Call::~Call() {
  if (!unfolded_) return;
  for (const Edge& edge : inputs)
    if (edge.node) forget_stand_in(edge.node.get());
}

void Replayed::Call::attach(const Tensor& result, int i) {
  const Pattern::Root& root = of_->pattern_.roots()[static_cast<size_t>(i)];
  if (root.node < 0) return;
  if (nodes_.empty()) return set_grad_fn(result, Ref<Node>(this), i);
  set_grad_fn(result, nodes_[static_cast<size_t>(root.node)], root.index);
}

bool Replayed::Call::is_unchanged() const {
  for (const Bound& bound : bound_)
    if (bound.tensor.defined() &&
        (bound.tensor->version() != bound.version || bound.tensor->swaps != bound.swaps))
      return false;
  return true;
}

void Replayed::Call::apply(const Tensor* grads, Grads& out) {
  if (unfolded_) {
    for (int i = 0; i < outputs; ++i) out[i] = grads[i];
    return;
  }
  const std::shared_ptr<Replayed> of = of_;
  const BoundTensors bound = bound_;  // another pass may drop them
  Pass pass{grads, {}, {}, {}, {}};
  const Pattern& pattern = of->pattern_;
  pass.vacant = Flags(static_cast<int>(pattern.ends().size()), 1);
  for (int k = 0; k < inputs.size(); ++k) {
    const int end = pattern.exits()[static_cast<size_t>(k)];
    pass.wanted.push_back(out.wanted(k));
    if (out.wanted(k) && pattern.ends()[static_cast<size_t>(end)].exits > 1)
      pass.vacant[end] = !has_pending_gradient(inputs[k]);
  }
  bool done = false;
  // If something was written to since, the rules that saved it throw, if they are run.
  if (!Recorder::active() && of->fits(grads) && is_unchanged()) {
    bool known;
    const std::shared_ptr<Variant> variant =
        of->variant_of(of->key_of(grads, pass.wanted, pass.vacant), known);
    if (variant->program) {
      done = replay(*variant, pass, bound);
    } else if (known && !variant->refused) {
      done = learn(*variant, pass, bound);
    }
  }
  if (!done) walk(pass, bound);
  out.passed = std::move(pass.passed);
  for (int k = 0; k < pass.out.size(); ++k)
    if (pass.out[k].defined()) out[k] = std::move(pass.out[k]);
}

bool Replayed::Call::is_used_up(const std::vector<uint8_t>& passed) const {
  for (size_t p = 0; p < used_up_.size(); ++p)
    if (used_up_[p] && passed[p]) return true;
  return false;
}

// Makes a program for a kind of pass that comes again. If memory runs out for that, the pass itself
// has still been run.
bool Replayed::Call::learn(Variant& variant, Pass& pass, const BoundTensors& bound) {
  Recorded recorded = of_->record(pass, bound, used_up_);
  variant.exits = recorded.variant.exits;
  variant.passed = recorded.variant.passed;
  variant.refused = recorded.variant.refused;
  if (variant.refused) return true;
  try {
    std::shared_ptr<Program> made = std::make_shared<Program>(*recorded.trace, *recorded.trace);
    made->share(of_->pool_);
    of_->programs_.push_back(made);
    variant.program = std::move(made);
  } catch (const std::bad_alloc&) {
    variant.refused = true;
  }
  return true;
}

bool Replayed::Call::replay(Variant& variant, Pass& pass, const BoundTensors& bound) {
  if (is_used_up(variant.passed)) return false;
  const std::shared_ptr<Program> program = variant.program;
  if (!program->take()) return false;
  const program::TakenProgram taken(*program, program::TakenProgram::Results::go);
  Tensors given;
  for (int i = 0; i < outputs; ++i)
    if (pass.grads[i].defined()) given.push_back(pass.grads[i]);
  // Tensors that were dropped have no part in this pass.
  const Tensor any = given[0];
  for (const Bound& x : bound) given.push_back(x.tensor.defined() ? x.tensor : any);
  program->prepare(given, {});
  if (!program->passes_checks()) return false;
  pass.out.resize(pass.wanted.size());
  for (size_t i = 0; i < variant.exits.size(); ++i)
    pass.out[variant.exits[i]] = program->output(static_cast<int>(i));
  pass.passed = variant.passed;
  program->run();
  return true;
}

// Runs the rules themselves, on the graph of this call.
void Replayed::Call::walk(Pass& pass, const BoundTensors& bound) {
  pass.run(of_->pattern_, of_->pattern_.instantiate(bound, inputs, first_number_), used_up_);
}

// Throws what the first of its nodes that the pass comes to would throw.
void Replayed::Call::refuse_again(const Tensor* grads) const {
  const Node* first = this;
  int last = -1;
  for (int i = 0; i < outputs; ++i) {
    const int index = of_->pattern_.roots()[static_cast<size_t>(i)].node;
    if (!grads[i].defined() || index <= last) continue;
    last = index;
    first = of_->pattern_.templates()[static_cast<size_t>(index)].rule.get();
  }
  if (first == this) Node::refuse_again(grads);
  first->refuse_again(grads);
}

void Replayed::Call::unfold() {
  if (unfolded_ || released) return;
  const Pattern& pattern = of_->pattern_;
  const std::vector<Ref<Node>> nodes = pattern.instantiate(bound_, inputs, first_number_);
  for (size_t p = 0; p < used_up_.size(); ++p)
    if (used_up_[p]) nodes[p]->release();
  SmallVector<Edge, 2> roots;
  for (size_t i = 0; i < pattern.roots().size(); ++i) {
    Edge edge;
    const Pattern::Root& root = pattern.roots()[i];
    if (root.node >= 0) edge.node = nodes[static_cast<size_t>(root.node)];
    edge.index = root.index;
    edge.dtype = of_->metadata_[i].dtype;
    edge.shape = of_->metadata_[i].shape;
    roots.push_back(std::move(edge));
  }
  inputs = std::move(roots);
  unfolded_ = true;
  // A rule that has saved its output must lead to the result, which is an output of this node.
  for (int i = 0; i < inputs.size(); ++i)
    if (inputs[i].node) set_stand_in(inputs[i].node.get(), this, i);
  give_up();
}

void Replayed::Call::release_after(const Grads& grads) {
  if (unfolded_) return;
  const Pattern& pattern = of_->pattern_;
  used_up_.resize(pattern.templates().size());
  std::vector<uint8_t> needed(bound_.size());
  for (size_t p = 0; p < grads.passed.size(); ++p)
    if (grads.passed[p]) used_up_[p] = 1;
  bool over = true;
  for (const Pattern::Root& root : pattern.roots())
    over &= root.node < 0 || used_up_[static_cast<size_t>(root.node)];
  if (over) return release();
  for (size_t p = 0; p < used_up_.size(); ++p)
    for (int origin : pattern.templates()[p].origins)
      if (!used_up_[p]) needed[static_cast<size_t>(origin)] = 1;
  for (size_t o = 0; o < bound_.size(); ++o)
    if (!needed[o]) bound_[o].tensor.reset();
}

void Replayed::Call::give_up() { bound_.clear(); }

}  // namespace steep::tape
