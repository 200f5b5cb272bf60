// The blocks of memory that a recording has to do with, by number, and notes on each.
#pragma once

#include <unordered_map>
#include <vector>

#include "tensor/storage.h"

namespace steep::program {

class RecordedMemory {
 public:
  // A block that exists before the recording is held from the first launch that touches it; so is a
  // block that the host has filled, for it may have to be compared. Other blocks that are made go
  // when they would without a recording.
  struct Block {
    Ref<Storage> held;
    WeakStorage weak;  // of one that is not held; empty soon after it has gone
    size_t bytes;
    bool made;                // during the recording
    bool filled = false;      // by the host, with numbers from Python
    bool written = false;     // by a launch
    bool read_first = false;  // made, and read by a launch before any had written it
    Storage* storage() const { return held ? held.get() : weak.get(); }
  };

  // Makes room for so many.
  void reserve(size_t blocks);
  // Begins with the next storage that this thread allocates.
  void begin();
  // Ends with the last one; on the same thread. False if there were more than it can distinguish.
  bool end();
  // Whether this is memory that was made while recording.
  bool has_made(const Storage& storage) const { return storage.id() - first_ < count_; }

  // The number of a block, which it is given when it is first asked for.
  int number_of(Storage& storage) {
    const uint64_t index = storage.id() - first_;
    const bool known = index < made_.size() && made_[index] >= 0;
    return known ? made_[index] : find_or_add(storage);
  }
  // The same for what a launch touches; `read`: whether it reads what is there. To be called for
  // all its operands before note_written().
  int touch(Storage& storage, bool read) {
    const int number = number_of(storage);
    Block& block = blocks_[static_cast<size_t>(number)];
    if (block.made && (!block.written || block.filled)) note_touch(block, storage, read);
    return number;
  }
  void note_written(int number) { blocks_[static_cast<size_t>(number)].written = true; }
  void note_filled(Storage& storage);
  // Drops what is left of a block that has gone, one at each call. Then its bytes serve the next
  // ones, instead of all lying around until the end.
  void tidy();

  const std::vector<Block>& blocks() const { return blocks_; }
  // Whether a block was made by the host: filled, or read first.
  bool has_filled() const { return has_filled_; }
  // Whether a launch recorded so far has written there.
  bool has_written(const Storage& memory) const;
  // Forgets all blocks, though not which storages were made.
  void let_go();

 private:
  int find_or_add(Storage& storage);
  void note_touch(Block& block, Storage& storage, bool read);

  uint64_t first_ = 0, count_ = 0;  // by id
  std::vector<Block> blocks_;
  size_t tidied_ = 0;  // how many blocks tidy() has looked at
  bool has_filled_ = false;
  std::vector<int> made_;  // by the place among the storages made: its number, or -1
  std::unordered_map<const Storage*, int> others_;
};

}  // namespace steep::program
