#include "program/record/made.h"

#include <algorithm>

namespace steep::program {

namespace {
constexpr uint64_t kMost = uint64_t{1} << 32;
}

void MadeStorages::begin() {
  first_ = Storage::reserve_ids(kMost);
  count_ = kMost;
  known_.clear();
}

bool MadeStorages::end() {
  const uint64_t made = Storage::next_id() - first_;
  count_ = std::min(made, kMost);
  return made <= kMost;
}

void MadeStorages::note_touched(Storage& storage, bool written) {
  if (!has(storage)) return;
  Known& entry = known(storage);
  if (!entry.storage.get()) entry.storage = WeakStorage(&storage);
  if (written) entry.notes |= kComputed;
}

MadeStorages::Known& MadeStorages::known(const Storage& storage) {
  if (index(storage) >= known_.size()) known_.resize(index(storage) + 1);
  return known_[index(storage)];
}

bool MadeStorages::is_noted(const Storage& storage, Note note) const {
  return has(storage) && index(storage) < known_.size() &&
         (known_[index(storage)].notes & note) != 0;
}

}  // namespace steep::program
