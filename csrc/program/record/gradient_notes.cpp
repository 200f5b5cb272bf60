#include "program/record/gradient_notes.h"

#include <algorithm>

namespace steep::program {

void GradientNotes::add(const Tensor& leaf, const Tensor& before, bool read) {
  if (known_.count(leaf.impl())) return;
  changes_.push_back({leaf, before, read, {}});
  known_.emplace(leaf.impl(), changes_.size() - 1);
}

void GradientNotes::add_event(const Tensor& leaf, const Tensor& now, size_t launch_index) {
  const auto known = known_.find(leaf.impl());
  if (known == known_.end()) return;
  changes_[known->second].events.push_back({launch_index, now.defined() ? now->storage->id() : 0});
}

void GradientNotes::forget_dead_leaves() {
  const auto is_dead = [](const GradientChange& change) { return change.leaf->references() == 1; };
  changes_.erase(std::remove_if(changes_.begin(), changes_.end(), is_dead), changes_.end());
  known_.clear();
  for (size_t i = 0; i < changes_.size(); ++i) known_.emplace(changes_[i].leaf.impl(), i);
}

Tensors GradientNotes::now(const LeafGradients& leaves) const {
  Tensors out;
  for (const GradientChange& change : changes_) out.push_back(leaves.find(change.leaf));
  return out;
}

}  // namespace steep::program
