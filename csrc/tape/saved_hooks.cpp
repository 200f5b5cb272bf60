#include "tape/saved_hooks.h"

#include "program/record/recorder.h"
#include "tape/accumulate.h"
#include "tensor/shape.h"

namespace steep::tape {

namespace {

// What a stand-in carries: it has no memory and no history, and no tensor outside of SavedParts
// refers to it.
struct Packed final : Attachment {
  Packed(std::shared_ptr<PackingHooks> hooks, std::shared_ptr<void> object, const Tensor& x)
      : hooks(std::move(hooks)), object(std::move(object)), dtype(x.dtype()), shape(x.shape()) {}
  std::shared_ptr<PackingHooks> hooks;
  std::shared_ptr<void> object;
  DType dtype;
  Dims shape;
};

const Packed* packed_in(const SavedParts& parts) {
  return dynamic_cast<const Packed*>(parts.tensor->autograd.get());
}

// What the packing function is shown: a leaf itself; of another input, its place in the graph as
// well, but not of a result, which would lead back to the node that saves it.
Tensor shown(const SavedParts& parts) {
  if (!parts.grad_fn || parts.is_output) return parts.tensor;
  const Tensor x = alias(parts.tensor);
  set_grad_fn(x, parts.grad_fn, parts.index);
  return x;
}

class Packer final : public SavedCopies {
 public:
  explicit Packer(const std::shared_ptr<PackingHooks>& hooks) : hooks_(hooks) {}
  void copied(SavedParts& parts) override {
    if (packed_in(parts)) return;  // by a watch further inside
    const WatchesOff off;
    const GradMode unrecorded(false);
    const Tensor x = shown(parts);
    const uint32_t before = x->version();
    std::shared_ptr<void> object = hooks_->pack(x);
    if (x->version() != before) {
      throw Error(ErrorKind::runtime,
                  "A saved tensor pack hook is modifying its input in place. Tensors provided as "
                  "input to pack hook can not be modified by in-place operations as this can lead "
                  "to unexpected side-effects; let it write to a clone()");
    }
    if (const History* const h = history(parts.tensor); h && h->requires_grad && !h->grad_fn) {
      parts.grad_fn = accumulator_of(parts.tensor);
      parts.index = 0;
    }
    Tensor stand_in = empty({0}, x.dtype());
    stand_in->autograd = std::make_unique<Packed>(hooks_, std::move(object), x);
    parts.swaps = stand_in->swaps + 1;  // looks changed, so that reading it takes the slow way
    parts.tensor = std::move(stand_in);
  }

 private:
  const std::shared_ptr<PackingHooks>& hooks_;
};

}  // namespace

bool is_packed(const SavedParts& parts) { return packed_in(parts) != nullptr; }

Tensor unpacked(const SavedParts& parts) {
  const Packed& packed = *packed_in(parts);
  const WatchesOff off;
  const GradMode unrecorded(false);
  const Tensor x = packed.hooks->unpack(packed.object);
  if (x.shape() != packed.shape || x.dtype() != packed.dtype) {
    throw Error(ErrorKind::runtime,
                join("saved_tensors_hooks: expected unpack_hook to return what was packed, a ",
                     name(packed.dtype), " tensor of shape ", to_string(packed.shape), ", got a ",
                     name(x.dtype()), " tensor of shape ", to_string(x.shape())));
  }
  return history(x) ? alias(x) : x;
}

Ref<Node> PackingWatch::packed_copy(const Ref<Node>& node) const {
  const Packer packer(hooks_);
  const Ref<Node> copy = node->copy();
  if (!copy) return node;  // its rule is written in Python, and packs what it saves itself
  copy->number = node->number;
  copy->inputs = node->inputs;
  if (node->find_extras()) copy->extras() = std::move(*node->find_extras());
  return copy;
}

void PackingWatch::recorded(const Tensor&, History& h) {
  if (!h.grad_fn || packing_watch() != this) return;
  if (fresh_.takes(*h.grad_fn)) {
    program::refuse_recording("it saves tensors for backward through hooks of Python");
    const Ref<Node> node = h.grad_fn;
    h.grad_fn = packed_copy(node);
    const bool has_more = node->outputs > 1;
    latest_ = has_more ? node : Ref<Node>();  // else what it has saved may go
    copy_ = has_more ? h.grad_fn : Ref<Node>();
  } else if (h.grad_fn == latest_) {
    h.grad_fn = copy_;
  }
}

Saved PackingWatch::packed(const Saved& saved) const {
  program::refuse_recording("it saves tensors for backward through hooks of Python");
  const Packer packer(hooks_);
  return saved;
}

PackingWatch* packing_watch() {
  for (Watch* watch = innermost_watch(); watch; watch = watch->outer())
    if (auto* const packing = dynamic_cast<PackingWatch*>(watch)) return packing;
  return nullptr;
}

}  // namespace steep::tape
