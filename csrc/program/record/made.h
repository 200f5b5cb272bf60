// The storages that a thread makes during a recording, and what is known of each.
#pragma once

#include <vector>

#include "tensor/storage.h"

namespace steep::program {

class MadeStorages {
 public:
  // From now on they are this thread's new ones.
  void begin();
  // Until now; for the thread that has begun. False where it has made more than can be told apart.
  bool end();
  bool has(const Storage& storage) const { return storage.id() - first_ < count_; }

  // The host has put its values there, from numbers of Python's.
  void note_filled(const Storage& storage) { note(storage, kFilled); }
  bool is_filled(const Storage& storage) const { return is_noted(storage, kFilled); }
  // A launch that is recorded has written to it.
  void note_computed(const Storage& storage) { note(storage, kComputed); }
  bool is_computed(const Storage& storage) const { return is_noted(storage, kComputed); }

 private:
  enum Note : uint8_t { kFilled = 1, kComputed = 2 };
  void note(const Storage& storage, Note note);
  bool is_noted(const Storage& storage, Note note) const;

  uint64_t first_ = 0, count_ = 0;  // by id
  std::vector<uint8_t> notes_;      // in order of their making, as far as there are any
};

}  // namespace steep::program
