// A block of memory with a version: every write through any view of it counts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tensor/ref.h"

namespace steep {

class Storage : public Counted {
 public:
  // Uninitialised memory from the caching allocator.
  static Ref<Storage> allocate(size_t bytes);
  // No two storages have one, dead ones included. Those that a thread makes have rising ones.
  uint64_t id() const { return id_; }
  // What the next storage that this thread makes gets.
  static uint64_t next_id();
  // The same, and the storages after it, `count` in all, get ids without a gap.
  static uint64_t reserve_ids(uint64_t count);
  // Memory of someone else's: `release(owner)` is called when the last user is gone.
  static Ref<Storage> borrow(void* data, size_t bytes, void* owner, void (*release)(void* owner));

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool borrowed() const { return release_ != nullptr; }

  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  const char* last_writer() const {
    return last_writer_;
  }  // the operation that last wrote in place
  void bump(const char* writer) {
    version_.fetch_add(1, std::memory_order_relaxed);
    last_writer_ = writer;
  }

  static void destroy(Storage* storage);

 private:
  friend class WeakStorage;
  Storage(void* data, size_t bytes);
  void drop_weakly();
  void* data_;
  size_t bytes_;
  void* owner_ = nullptr;
  void (*release_)(void*) = nullptr;
  std::atomic<uint32_t> version_{0};
  const uint64_t id_;
  const char* last_writer_ = "";
  std::atomic<int32_t> weak_{1};  // those who know it weakly; all others together are one
};

// Knows which storage it was, without keeping its memory.
class WeakStorage {
 public:
  WeakStorage() = default;
  explicit WeakStorage(Storage* storage);
  WeakStorage(const WeakStorage& other) : WeakStorage(other.storage_) {}
  WeakStorage(WeakStorage&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  WeakStorage& operator=(WeakStorage other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~WeakStorage() {
    if (storage_) storage_->drop_weakly();
  }

  // Of one without references left, id and size may be asked for, and no more.
  Storage* get() const { return storage_; }

 private:
  Storage* storage_ = nullptr;
};

}  // namespace steep
