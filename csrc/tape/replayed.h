// What a backward pass does with the results of a replayed call: a program where one has been made,
// else the rules of its graph, which is then made of a pattern.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/replay/replay.h"
#include "tape/pass.h"

namespace steep::tape {

// The backward passes of one program's results.
class Replayed : public std::enable_shared_from_this<Replayed> {
 public:
  // Of a call that `recorder` has recorded, and whose results still have their graph.
  Replayed(const Tensors& results, const Tensors& inputs, const program::Recorder& recorder)
      : pattern_(results, inputs, recorder), results_(results.size()) {
    for (const Tensor& result : results) metadata_.push_back({result.dtype(), result.shape()});
  }

  const Pattern& pattern() const { return pattern_; }
  // Once the call's launches are known: records the pass that the results' gradients, all of them,
  // begin. Says why there can be no program; empty if there can.
  std::string complete(const program::Trace& trace, const Tensors& inputs);
  // Where another recording has another graph, or another pass; empty where they are the same.
  std::string difference(const Replayed& other) const;
  // Makes the program of the pass recorded, and in a call that agrees with it.
  void plan(const Replayed& other);
  // The memory that its programs use in turn with others.
  void share(const std::shared_ptr<program::MemoryPool>& pool);
  const std::vector<std::shared_ptr<program::Program>>& programs() const { return programs_; }

  // A node for the results of a call that `program` is about to replay: what that writes is counted
  // as written.
  class Call;
  Ref<Call> bind(const Tensors& inputs, program::Program& program);

 private:
  struct ResultMetadata {
    DType dtype;
    Dims shape;
  };
  using Key = std::vector<int64_t>;
  using Flags = Pass::Flags;
  // How one kind of pass goes: which results have gradients, in which order of memory, and which
  // exits want any.
  struct Variant {
    Key key;
    std::shared_ptr<program::Program> program;  // null: not yet, or never
    bool refused = false;
    std::vector<int> exits;       // by output of the program: where it goes
    std::vector<uint8_t> passed;  // by place: whether the pass comes by
    int64_t last_used = 0;
  };
  struct Recorded {
    std::unique_ptr<program::Trace> trace;
    Variant variant;
  };

  bool fits(const Tensor* grads) const;
  Key key_of(const Tensor* grads, const Flags& wanted, const Flags& vacant) const;
  Recorded record(Pass& pass, const BoundTensors& bound, const std::vector<uint8_t>& used_up) const;
  std::shared_ptr<Variant> variant_of(const Key& key, bool& known);

  Pattern pattern_;
  int results_;
  std::vector<ResultMetadata> metadata_;
  Recorded first_;
  std::vector<std::shared_ptr<Variant>> variants_;
  std::vector<std::shared_ptr<program::Program>> programs_;
  std::shared_ptr<program::MemoryPool> pool_;
  int64_t passes_ = 0;
};

// The node of the results of one replayed call.
class Replayed::Call final : public Node {
 public:
  Call(std::shared_ptr<Replayed> of, int outputs)
      : Node("CompiledFunctionBackward", outputs), of_(std::move(of)) {}

  ~Call() override;

  // Gives a result its place in the graph.
  void attach(const Tensor& result, int i);
  void apply(const Tensor* grads, Grads& out) override;
  void refuse_again(const Tensor* grads) const override;
  // Its own graph, which the pass then walks as it walks any.
  void unfold() override;
  // What this pass came by is used up; another pass may still come by the rest.
  void release_after(const Grads& grads) override;

 protected:
  void give_up() override;

 private:
  friend class Replayed;
  bool is_unchanged() const;
  bool replay(Variant& variant, Pass& pass, const BoundTensors& bound);
  bool learn(Variant& variant, Pass& pass, const BoundTensors& bound);
  void walk(Pass& pass, const BoundTensors& bound);
  bool is_used_up(const std::vector<uint8_t>& passed) const;

  std::shared_ptr<Replayed> of_;
  BoundTensors bound_;
  uint64_t first_number_ = 0;  // of the nodes that it stands for
  bool unfolded_ = false;
  std::vector<Ref<Node>> nodes_;  // where results lead to them, until they do
  std::vector<uint8_t> used_up_;  // by place; empty: none
};

}  // namespace steep::tape
