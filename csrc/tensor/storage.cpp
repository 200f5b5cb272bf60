#include "tensor/storage.h"

#include "runtime/allocator.h"

namespace steep {

namespace {

// Each thread reserves ids by the million.
struct Ids {
  uint64_t next = 0, end = 0;
  void take(uint64_t count) {
    static std::atomic<uint64_t> taken{1};  // 0 is no one's
    next = taken.fetch_add(count, std::memory_order_relaxed);
    end = next + count;
  }
};
thread_local Ids t_ids;

}  // namespace

uint64_t Storage::next_id() {
  if (t_ids.next == t_ids.end) t_ids.take(1 << 20);
  return t_ids.next;
}

uint64_t Storage::reserve_ids(uint64_t count) {
  // Twice as many, so that the next such call finds enough.
  if (t_ids.end - t_ids.next < count) t_ids.take(2 * count);
  return t_ids.next;
}

Storage::Storage(void* data, size_t bytes) : data_(data), bytes_(bytes), id_(next_id()) {
  ++t_ids.next;
}

Ref<Storage> Storage::allocate(size_t bytes) {
  return Ref<Storage>(new Storage(runtime::allocate(bytes), bytes));
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, void* owner, void (*release)(void*)) {
  Ref<Storage> storage(new Storage(data, bytes));
  storage->owner_ = owner;
  storage->release_ = release;
  return storage;
}

void Storage::destroy(Storage* storage) {
  if (storage->release_) {
    storage->release_(storage->owner_);
  } else {
    runtime::deallocate(storage->data_, storage->bytes_);
  }
  storage->data_ = nullptr;
  storage->drop_weakly();
}

void Storage::drop_weakly() {
  // If this is the last reference, no other can appear meanwhile, so the counter need not be
  // changed.
  if (weak_.load(std::memory_order_acquire) == 1 ||
      weak_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

WeakStorage::WeakStorage(Storage* storage) : storage_(storage) {
  if (storage_) storage_->weak_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace steep
