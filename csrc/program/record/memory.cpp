#include "program/record/memory.h"

#include <algorithm>

#include "program/record/overlap.h"

namespace steep::program {

namespace {
constexpr uint64_t kMost = uint64_t{1} << 32;
constexpr size_t kRecent = 8;  // blocks that are likely to be in use still
}  // namespace

void RecordedMemory::reserve(size_t blocks) {
  blocks_.reserve(blocks);
  made_.reserve(blocks);
}

void RecordedMemory::begin() {
  first_ = Storage::reserve_ids(kMost);
  count_ = kMost;
  made_.clear();
}

bool RecordedMemory::end() {
  const uint64_t made = Storage::next_id() - first_;
  count_ = std::min(made, kMost);
  return made <= kMost;
}

int RecordedMemory::find_or_add(Storage& storage) {
  const bool made = has_made(storage);
  const size_t index = made ? storage.id() - first_ : 0;
  while (made && index >= made_.size()) made_.push_back(-1);
  int& number = made ? made_[index] : others_.try_emplace(&storage, -1).first->second;
  if (number >= 0) return number;
  blocks_.emplace_back();
  Block& block = blocks_.back();
  if (made) {
    block.weak = WeakStorage(&storage);
  } else {
    block.held = Ref<Storage>(&storage);
  }
  block.bytes = storage.bytes();
  block.made = made;
  return number = static_cast<int>(blocks_.size()) - 1;
}

// The first touch of a block, or one of a block that the host has filled.
void RecordedMemory::note_touch(Block& block, Storage& storage, bool read) {
  if (read && !block.written) block.read_first = has_filled_ = true;
  if (!block.held && (block.read_first || block.filled || storage.borrowed()))
    block.held = Ref<Storage>(&storage);
}

void RecordedMemory::note_filled(Storage& storage) {
  if (!has_made(storage)) return;
  blocks_[static_cast<size_t>(number_of(storage))].filled = has_filled_ = true;
}

void RecordedMemory::tidy() {
  if (tidied_ + kRecent >= blocks_.size()) return;
  Block& block = blocks_[tidied_++];
  if (block.weak.get() && block.weak.get()->references() == 0) block.weak = WeakStorage();
}

bool RecordedMemory::has_written(const Storage& memory) const {
  return std::any_of(blocks_.begin(), blocks_.end(), [&memory](const Block& block) {
    const Storage* const touched = block.storage();
    return block.written && touched && (touched == &memory || overlap(*touched, memory));
  });
}

void RecordedMemory::let_go() {
  blocks_ = {};
  made_ = {};
  others_ = {};
  tidied_ = 0;
}

}  // namespace steep::program
