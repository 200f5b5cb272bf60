#include "tape/node.h"

#include <atomic>
#include <utility>

#include "program/launch.h"
#include "tape/number.h"

namespace steep::tape {

namespace {
std::atomic<uint64_t> g_next_number{
    0};  // even: the odd ones are for nodes placed right above another
thread_local uint64_t t_placed = 0;
thread_local std::vector<Node*>* t_doomed = nullptr;

uint64_t next_number() {
  if (t_placed) return std::exchange(t_placed, 0);
  return g_next_number.fetch_add(2, std::memory_order_relaxed);
}
}  // namespace

void place_next_node_after(uint64_t number) { t_placed = number | 1; }

Node::Node(const char* name, int outputs) : number(next_number()), name(name), outputs(outputs) {
  ++program::counters().nodes;
}

void Node::destroy(Node* node) {
  // Deleting a node drops the nodes it leads to: those met on the way wait in a list instead of on the stack.
  if (t_doomed) {
    t_doomed->push_back(node);
    return;
  }
  std::vector<Node*> doomed{node};
  t_doomed = &doomed;
  while (!doomed.empty()) {
    Node* next = doomed.back();
    doomed.pop_back();
    delete next;
  }
  t_doomed = nullptr;
}

}  // namespace steep::tape
