#include "tape/saved.h"

#include "program/launch.h"
#include "tape/saved_hooks.h"
#include "tape/stand_in.h"

namespace steep::tape {

namespace {
thread_local Node* t_current = nullptr;
thread_local SavedCopies* t_copies = nullptr;

void count_saved(const Tensor& x) {
  program::Counters& counters = program::counters();
  ++counters.saved_tensors;
  counters.saved_bytes += x.numel() * element_size(x.dtype());
}
}  // namespace

Node* current_node() { return t_current; }
CurrentNode::CurrentNode(Node* node) : before_(t_current) { t_current = node; }
CurrentNode::~CurrentNode() { t_current = before_; }

SavedCopies::SavedCopies() : before_(t_copies) { t_copies = this; }
SavedCopies::~SavedCopies() { t_copies = before_; }

Saved::Saved(const Saved& other) : parts_(other.parts_) {
  if (t_copies && parts_.tensor.defined()) t_copies->copied(parts_);
}

Saved::Saved(const Tensor& x, bool needed) {
  if (!needed || !x.defined()) return;
  count_saved(x);
  parts_.version = x->version();
  const History* h = history(x);
  if (h && h->requires_grad && !h->grad_fn) {
    parts_.tensor = x;  // a leaf cannot lead back to the node that saves it
    parts_.swaps = x->swaps;
    return;
  }
  parts_.tensor = alias(x);
  if (h) {
    parts_.grad_fn = grad_fn(x);
    parts_.index = h->output;
  }
}

Saved Saved::output(const Tensor& out, int index) {
  Saved saved;
  count_saved(out);
  saved.parts_.version = out->version();
  saved.parts_.tensor = alias(out);
  saved.parts_.index = index;
  saved.parts_.is_output = true;
  return saved;
}

void Saved::refuse_changed() const {
  const char* op = t_current ? t_current->name : "an operation";
  const std::string what = join("the ", name(parts_.tensor.dtype()), " tensor of shape ",
                                to_string(parts_.tensor.shape()), " that ", op, " saved was ");
  if (parts_.tensor->swaps != parts_.swaps) {
    throw Error(ErrorKind::runtime,
                join("one of the variables needed for gradient computation has been given other "
                     "memory: ",
                     what, "assigned to by `.data = ...`. Do so after backward."));
  }
  throw Error(
      ErrorKind::runtime,
      join("one of the variables needed for gradient computation has been modified by an inplace "
           "operation: ",
           what, "changed by ", parts_.tensor->versions().last_writer(), "; it is at version ",
           parts_.tensor->version(), ", expected version ", parts_.version,
           ". Write to a clone(), or after backward."));
}

Tensor Saved::get() const {
  if (!parts_.tensor.defined()) return parts_.tensor;
  if (parts_.tensor->swaps != parts_.swaps || parts_.tensor->version() != parts_.version) {
    if (is_packed(parts_)) return with_graph(unpacked(parts_));
    refuse_changed();
  }
  return with_graph(parts_.tensor);
}

Tensor Saved::with_graph(const Tensor& x) const {
  if (!grad_enabled()) return x;
  int index = parts_.index;
  Ref<Node> node = parts_.is_output ? front_of(t_current, index) : parts_.grad_fn;
  if (!node) return x;
  const Tensor again = alias(x);
  set_grad_fn(again, std::move(node), index);
  return again;
}

}  // namespace steep::tape
