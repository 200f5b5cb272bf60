// The shared half of the allocator: freed blocks of all sizes under one lock, and the lists that
// threads keep of their own in front of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/fork.h"
#include "runtime/size_class.h"
#include "runtime/system_memory.h"

namespace steep::runtime {

constexpr int kSmallClasses = size_class(65536) + 1;  // those that threads keep lists of

// What a freed block holds while it waits: it is a member of its size class and of the line in
// which blocks grow old. Lists of a thread use `next` alone.
struct FreeBlock {
  FreeBlock* next;
  FreeBlock* previous;
  FreeBlock* newer;
  FreeBlock* older;
  int size_class;
};

// The counters behind MemoryStats that all threads share.
struct MemoryCounters {
  std::atomic<int64_t> allocated{0};
  std::atomic<int64_t> reserved{0};
  std::atomic<int64_t> peak{0};
  std::atomic<int64_t> system_allocations{0};

  void add_allocated(int64_t bytes) {
    const int64_t now = allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t most = peak.load(std::memory_order_relaxed);
    while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }
};

class ThreadLists;

class BlockCache {
 public:
  // The process's one, never destroyed: tensors may be freed after static destructors have run.
  static BlockCache& instance();

  bool off() const { return limit_ == 0; }

  // The size of the block that serves a request: its class's, or just that where nothing is cached.
  std::size_t block_bytes(std::size_t bytes) const {
    return off() ? bytes : class_bytes(size_class(bytes));
  }

  // A block of the class, from the cache or else from the system. Throws std::bad_alloc.
  void* take(int size_class);
  // Up to `most` cached blocks of the class, as a list; null when there are none.
  FreeBlock* take_list(int size_class, int most, int* taken);
  void give(void* block, int size_class);
  void give_list(FreeBlock* blocks, int size_class);
  void give_all_back();

  // Straight from the system and back, counted.
  void* take_new(std::size_t bytes);
  void give_back(void* block, std::size_t bytes);

  void enlist(ThreadLists* lists);
  void retire(ThreadLists* lists);
  int64_t allocations();  // of all threads, those that have ended included
  void count_allocation() { other_allocations_.fetch_add(1, std::memory_order_relaxed); }

  MemoryCounters counters;

 private:
  BlockCache();
  void push(FreeBlock* block, int size_class);
  FreeBlock* pop(int size_class);
  void unlink(FreeBlock* block);
  void shrink_to(std::size_t bytes);

  Mutex mutex_;
  Blocks blocks_;      // what comes from the system
  std::size_t limit_;  // bytes that may be cached here; 0 turns all caching off
  std::size_t cached_ = 0;
  FreeBlock* free_[kSizeClasses] = {};
  FreeBlock* newest_ = nullptr;
  FreeBlock* oldest_ = nullptr;
  ThreadLists* threads_ = nullptr;
  std::atomic<int64_t> other_allocations_{0};  // of threads that have ended or are ending
};

// Lists of small blocks that only their thread touches; nothing here is locked.
class ThreadLists {
 public:
  void* take(int size_class);  // null when the list is empty and so is the shared cache
  void give(void* block, int size_class);
  void give_all_back();  // to the shared cache

  std::atomic<int64_t> allocations{0};  // written by its thread, read by memory_stats()
  ThreadLists* next = nullptr;          // in BlockCache's list of threads
  ThreadLists* previous = nullptr;

 private:
  FreeBlock* lists_[kSmallClasses] = {};
  int counts_[kSmallClasses] = {};
};

}  // namespace steep::runtime
