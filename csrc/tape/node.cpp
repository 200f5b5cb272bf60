#include "tape/node.h"

#include <atomic>

#include "program/launch.h"
#include "program/site.h"
#include "tensor/destroy.h"

namespace steep::tape {

namespace {
std::atomic<uint64_t> g_last_number{0};
}  // namespace

Node::Node(const char* name, int outputs)
    : name(name), shown(name), layer(program::current_site().layer), outputs(outputs) {
  ++program::counters().nodes;
}

uint64_t Node::take_numbers(uint64_t count) {
  return g_last_number.fetch_add(count, std::memory_order_relaxed) + 1;
}

uint64_t Node::last_number() { return g_last_number.load(std::memory_order_relaxed); }

void Node::run(const Tensor* grads, Grads& out) {
  struct Applying {
    explicit Applying(Node& node) : node(node) { ++node.running_; }
    ~Applying() {
      if (--node.running_ == 0 && node.released) node.give_up();
    }
    Node& node;
  } const applying(*this);
  apply(grads, out);
}

void Node::refuse_again(const Tensor*) const {
  throw Error(ErrorKind::runtime,
              join(name,
                   ": Trying to backward through the graph a second time (or directly access saved "
                   "tensors after they have already been freed). Specify retain_graph=True if you "
                   "need to backward through the graph a second time."));
}

void Node::release() {
  released = true;
  if (running_ == 0) give_up();
}

void Node::destroy(Node* node) { destroy_in_turn(node); }

}  // namespace steep::tape
