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

  // The host has filled it with numbers from Python.
  void note_filled(const Storage& storage) { note(storage, kFilled); }
  bool is_filled(const Storage& storage) const { return is_noted(storage, kFilled); }
  // A recorded launch has written to it.
  void note_computed(const Storage& storage) { note(storage, kComputed); }
  bool is_computed(const Storage& storage) const { return is_noted(storage, kComputed); }

 private:
  enum Note : uint8_t { kFilled = 1, kComputed = 2 };
  void note(const Storage& storage, Note note);
  bool is_noted(const Storage& storage, Note note) const;

  uint64_t first_ = 0, count_ = 0;  // by id
  std::vector<uint8_t> notes_;      // in the order of ids, up to the last one with a note
};

}  // namespace steep::program
