#include "program/record/made.h"

#include <algorithm>

namespace steep::program {

namespace {
constexpr uint64_t kMost = uint64_t{1} << 32;
}

void MadeStorages::begin() {
  first_ = Storage::reserve_ids(kMost);
  count_ = kMost;
  notes_.clear();
}

bool MadeStorages::end() {
  const uint64_t made = Storage::next_id() - first_;
  count_ = std::min(made, kMost);
  return made <= kMost;
}

void MadeStorages::note(const Storage& storage, Note note) {
  if (!has(storage)) return;
  const size_t index = storage.id() - first_;
  if (index >= notes_.size()) notes_.resize(index + 1);
  notes_[index] |= note;
}

bool MadeStorages::is_noted(const Storage& storage, Note note) const {
  const size_t index = storage.id() - first_;
  return has(storage) && index < notes_.size() && (notes_[index] & note) != 0;
}

}  // namespace steep::program
