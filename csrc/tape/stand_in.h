// Nodes that another one stands in front of: what leads to their outputs leads to that one.
#pragma once

#include "tape/node.h"

namespace steep::tape {

// Under the interpreter lock, as all of the graph. `node` has one output, which is output `index` of
// `front`; forget_stand_in() before that ends.
void set_stand_in(const Node* node, Node* front, int index);
void forget_stand_in(const Node* node);

// Where the output of a node is found; `index` becomes its number there.
Ref<Node> front_of(Node* node, int& index);

}  // namespace steep::tape
