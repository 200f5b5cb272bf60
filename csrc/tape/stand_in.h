// Nodes whose output is taken over by another node in front of them.
#pragma once

#include "tape/node.h"

namespace steep::tape {

// Guarded, like all of the graph, by the interpreter lock. The only output of `node` becomes output
// `index` of `front`; to be undone by forget_stand_in() before `front` is destroyed.
void set_stand_in(const Node* node, Node* front, int index);
void forget_stand_in(const Node* node);

// The node that has the output of `node` now; `index` becomes its number there.
Ref<Node> front_of(Node* node, int& index);

}  // namespace steep::tape
