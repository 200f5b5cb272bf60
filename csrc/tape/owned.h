// Which part of a graph lives by one reference alone: what a collector of cycles may count as that reference's.
#pragma once

#include "tape/node.h"

namespace steep::tape {

// `root` and the nodes that it leads to, if all the references to each come from such nodes and `root` is the only one
// to its own. Empty where it is not. Stops after some thousand nodes: a cycle longer than that is not found.
std::vector<Node*> owned_nodes(const Ref<Node>& root);

}  // namespace steep::tape
