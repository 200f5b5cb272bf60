// The storages that a thread allocates during a recording, and notes on each.
#pragma once

#include <vector>

#include "tensor/storage.h"

namespace steep::program {

class MadeStorages {
 public:
  // Begins with the next storage that this thread allocates.
  void begin();
  // Ends with the last one; on the same thread. False if there were more than it can distinguish.
  bool end();
  bool has(const Storage& storage) const { return storage.id() - first_ < count_; }

  // Its place among them, if it is one.
  size_t index(const Storage& storage) const { return storage.id() - first_; }

  // The host has filled it with numbers from Python.
  void note_filled(const Storage& storage) {
    if (has(storage)) known(storage).notes |= kFilled;
  }
  bool is_filled(const Storage& storage) const { return is_noted(storage, kFilled); }
  // A recorded launch touches it, and may write to it. The object, though not its memory, is kept
  // from then on.
  void note_touched(Storage& storage, bool written);
  // Whether a recorded launch has written to it.
  bool is_computed(const Storage& storage) const { return is_noted(storage, kComputed); }

 private:
  enum Note : uint8_t { kFilled = 1, kComputed = 2 };
  struct Known {
    WeakStorage storage;
    uint8_t notes = 0;
  };
  Known& known(const Storage& storage);
  bool is_noted(const Storage& storage, Note note) const;

  uint64_t first_ = 0, count_ = 0;  // by id
  std::vector<Known> known_;        // in the order of ids, up to the last one with a note
};

}  // namespace steep::program
