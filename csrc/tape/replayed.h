// Backward passes through the results of replayed calls: by a program if there is one, else by the
// rules of the graph, which is then made from its pattern.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/replay/replay.h"
#include "tape/pass.h"

namespace steep::tape {

// Backward passes through the results of one program.
class Replayed : public std::enable_shared_from_this<Replayed> {
 public:
  // From a call that `recorder` has recorded, whose results still have their graph.
  Replayed(const Tensors& results, const Tensors& inputs, const program::Recorder& recorder)
      : pattern_(results, inputs, recorder), results_(results.size()) {
    for (const Tensor& result : results) metadata_.push_back({result.dtype(), result.shape()});
  }

  const Pattern& pattern() const { return pattern_; }
  // After the call's trace is made: records the pass from gradients of all results. Returns why
  // there can be no program, or an empty string.
  std::string complete(const program::Trace& trace, const Tensors& inputs);
  // How its graph or pass differs from another recording's; empty if they are the same.
  std::string difference(const Replayed& other) const;
  // Makes the program of the recorded pass, with which another call's agrees.
  void plan(const Replayed& other);
  // Sets the memory pool of its programs.
  void share(const std::shared_ptr<program::MemoryPool>& pool);
  const std::vector<std::shared_ptr<program::Program>>& programs() const { return programs_; }

  // Makes the node for the results of a call that `program` is about to replay; versions count its
  // writes already.
  class Call;
  Ref<Call> bind(const Tensors& inputs, program::Program& program);

 private:
  struct ResultMetadata {
    DType dtype;
    Dims shape;
  };
  using Key = std::vector<int64_t>;
  using Flags = Pass::Flags;
  // One kind of pass: which results have gradients, with which strides, and which exits want
  // gradients.
  struct Variant {
    Key key;
    std::shared_ptr<program::Program> program;  // null: not made yet, or refused
    bool refused = false;
    std::vector<int> exits;       // by output of the program: the exit it goes to
    std::vector<uint8_t> passed;  // by node: whether the pass uses it
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

// The graph node of the results of one replayed call.
class Replayed::Call final : public Node {
 public:
  Call(std::shared_ptr<Replayed> of, int outputs)
      : Node("CompiledFunctionBackward", outputs), of_(std::move(of)) {}

  ~Call() override;

  // Makes this node (or one of its own nodes) the one that made a result.
  void attach(const Tensor& result, int i);
  void apply(const Tensor* grads, Grads& out) override;
  void refuse_again(const Tensor* grads) const override;
  // Makes its own graph, which the pass then walks like any other.
  void unfold() override;
  // Releases the nodes that this pass has used; other passes may still use the rest.
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
  uint64_t first_number_ = 0;  // the first number of the nodes that it stands for
  bool unfolded_ = false;
  // Only if one result is computed from another: results then lead to them.
  std::vector<Ref<Node>> nodes_;
  std::vector<uint8_t> used_up_;  // by node: whether it has been released; empty: none
};

}  // namespace steep::tape
