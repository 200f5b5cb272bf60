// A block of memory with a version counter: every write through any view of it counts, unless the
// view counts for itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tensor/ref.h"

namespace steep {

// How often graphs are told that memory was written to in place.
class Versions {
 public:
  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  const char* last_writer() const { return last_writer_; }  // the operation that wrote last
  void bump(const char* writer) {
    count_.fetch_add(1, std::memory_order_relaxed);
    last_writer_ = writer;
  }

 private:
  std::atomic<uint32_t> count_{0};
  const char* last_writer_ = "";
};

// The versions of x.data and its views: writes through them are kept from the graphs that have
// saved x.
class OwnVersions : public Counted, public Versions {
 public:
  static void destroy(OwnVersions* versions) { delete versions; }
};

class Storage : public Counted {
 public:
  // Uninitialised memory from the caching allocator.
  static Ref<Storage> allocate(size_t bytes);
  // Unique, even among storages that have been freed. Each thread's storages have rising ids.
  uint64_t id() const { return id_; }
  // The id of the next storage that this thread makes.
  static uint64_t next_id();
  // The same; it and the following storages, `count` in all, get consecutive ids.
  static uint64_t reserve_ids(uint64_t count);
  // Memory of another owner: `release(owner)` is called when the last reference is gone.
  static Ref<Storage> borrow(void* data, size_t bytes, void* owner, void (*release)(void* owner));

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool borrowed() const { return release_ != nullptr; }

  Versions& versions() { return versions_; }
  // How often it was written to, the writes included that graphs are not told of.
  uint32_t writes() const { return versions_.count() + unseen_.load(std::memory_order_relaxed); }
  void count_unseen() { unseen_.fetch_add(1, std::memory_order_relaxed); }

  static void destroy(Storage* storage);

 private:
  friend class WeakStorage;
  Storage(void* data, size_t bytes);
  void drop_weakly();
  void* data_;
  size_t bytes_;
  void* owner_ = nullptr;
  void (*release_)(void*) = nullptr;
  Versions versions_;
  std::atomic<uint32_t> unseen_{0};
  const uint64_t id_;
  std::atomic<int32_t> weak_{1};  // weak references; all other references together count as one
};

// A weak reference: it keeps the object, but not its memory.
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

  // If no other references are left, only its id and size are valid.
  Storage* get() const { return storage_; }

 private:
  Storage* storage_ = nullptr;
};

}  // namespace steep
