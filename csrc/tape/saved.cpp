#include "tape/saved.h"

#include "program/launch.h"

namespace steep::tape {

namespace {
thread_local Node* t_current = nullptr;

void count_saved(const Tensor& x) {
  program::Counters& counters = program::counters();
  ++counters.saved_tensors;
  counters.saved_bytes += x.numel() * element_size(x.dtype());
}
}  // namespace

Node* current_node() { return t_current; }
CurrentNode::CurrentNode(Node* node) : before_(t_current) { t_current = node; }
CurrentNode::~CurrentNode() { t_current = before_; }

Saved::Saved(const Tensor& x, bool needed) {
  if (!needed || !x.defined()) return;
  count_saved(x);
  version_ = x->storage->version();
  const History* h = history(x);
  if (h && h->requires_grad && !h->grad_fn) {
    tensor_ = x;  // a leaf: nothing can lead from it back to the node that saves it
    swaps_ = x->swaps;
    return;
  }
  tensor_ = alias(x);
  if (h) {
    grad_fn_ = grad_fn(x);
    index_ = h->output;
  }
}

Saved Saved::output(const Tensor& out, int index) {
  Saved saved;
  count_saved(out);
  saved.version_ = out->storage->version();
  saved.tensor_ = alias(out);
  saved.index_ = index;
  saved.is_output_ = true;
  return saved;
}

void Saved::refuse_changed() const {
  const char* op = t_current ? t_current->name : "an operation";
  const std::string what = join("the ", name(tensor_.dtype()), " tensor of shape ",
                                to_string(tensor_.shape()), " that ", op, " saved was ");
  if (tensor_->swaps != swaps_) {
    throw Error(ErrorKind::runtime,
                join("one of the variables needed for gradient computation has been given other "
                     "memory: ",
                     what, "assigned to by `.data = ...`. Do so after backward."));
  }
  throw Error(
      ErrorKind::runtime,
      join("one of the variables needed for gradient computation has been modified by an inplace "
           "operation: ",
           what, "changed by ", tensor_->storage->last_writer(), "; it is at version ",
           tensor_->storage->version(), ", expected version ", version_,
           ". Write to a clone(), or after backward."));
}

Tensor Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  if (tensor_->swaps != swaps_ || tensor_->storage->version() != version_) refuse_changed();
  if (!grad_enabled()) return tensor_;
  Ref<Node> node = is_output_ ? Ref<Node>(t_current) : grad_fn_;
  if (!node) return tensor_;
  const Tensor again = alias(tensor_);
  set_grad_fn(again, std::move(node), index_);
  return again;
}

}  // namespace steep::tape
