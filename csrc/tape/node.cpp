#include "tape/node.h"

#include <atomic>

#include "program/launch.h"
#include "program/site.h"

namespace steep::tape {

namespace {
std::atomic<uint64_t> g_last_number{0};
using Doomed = SmallVector<Node*, 8>;
thread_local Doomed* t_doomed = nullptr;
}  // namespace

Node::Node(const char* name, int outputs)
    : name(name), layer(program::current_site().layer), outputs(outputs) {
  ++program::counters().nodes;
}

uint64_t Node::next_number() { return g_last_number.fetch_add(1, std::memory_order_relaxed) + 1; }

void Node::destroy(Node* node) {
  // Deleting a node drops the nodes it leads to: those met on the way wait in a list instead of on the stack.
  if (t_doomed) {
    t_doomed->push_back(node);
    return;
  }
  Doomed doomed;
  t_doomed = &doomed;
  doomed.push_back(node);
  while (!doomed.empty()) {
    Node* next = doomed.back();
    doomed.pop_back();
    delete next;
  }
  t_doomed = nullptr;
}

}  // namespace steep::tape
