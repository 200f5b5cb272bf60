#include "tensor/storage.h"

#include "runtime/allocator.h"

namespace steep {

namespace {
thread_local uint32_t t_epoch = 0;

// Each thread takes numbers by the million.
uint64_t next_id() {
  constexpr uint64_t kBlock = 1 << 20;
  static std::atomic<uint64_t> blocks{0};
  thread_local uint64_t next = 0, end = 0;
  if (next == end) {
    next = blocks.fetch_add(1, std::memory_order_relaxed) * kBlock + 1;
    end = next + kBlock - 1;
  }
  return next++;
}

}  // namespace

Storage::Storage(void* data, size_t bytes)
    : data_(data), bytes_(bytes), epoch_(t_epoch), id_(next_id()) {}

void Storage::set_epoch(uint32_t epoch) { t_epoch = epoch; }

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
  // The last one need not say so: no other can come to know it meanwhile.
  if (weak_.load(std::memory_order_acquire) == 1 ||
      weak_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

WeakStorage::WeakStorage(Storage* storage) : storage_(storage) {
  if (storage_) storage_->weak_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace steep
