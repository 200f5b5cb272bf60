#include "runtime/allocator.h"

#include <new>
#include <utility>

#include "runtime/block_cache.h"

namespace steep::runtime {
namespace {

thread_local ThreadLists* thread_lists = nullptr;
thread_local bool thread_ended = false;

// Returns a thread's lists when it ends. Blocks freed even later, by another destructor of the same
// thread, go to the shared cache.
struct Retirement {
  ThreadLists* lists = nullptr;
  ~Retirement() {
    if (!lists) return;
    thread_lists = nullptr;
    thread_ended = true;
    BlockCache::instance().retire(lists);
    delete lists;
  }
};

// Null where nothing is kept by thread: the cache is off, or the thread is ending.
ThreadLists* make_thread_lists() {
  if (thread_ended || BlockCache::instance().off()) return nullptr;
  thread_local Retirement retirement;
  retirement.lists = thread_lists = new ThreadLists;
  BlockCache::instance().enlist(thread_lists);
  return thread_lists;
}

ThreadLists* lists_of_thread() { return thread_lists ? thread_lists : make_thread_lists(); }

// See fail_allocation().
struct Failure {
  bool on = false;
  int64_t left = -1;
  ThreadLists* set_aside = nullptr;  // the thread's lists meanwhile
};
thread_local Failure t_failure;

// Called where the thread's lists have no block to give.
void fail_if_told() {
  Failure& failure = t_failure;
  if (failure.left >= 0 && failure.left-- == 0) throw std::bad_alloc();
}

}  // namespace

void* allocate(std::size_t bytes) {
  const int index = size_class(bytes);
  if (index >= kSizeClasses) throw std::bad_alloc();
  BlockCache& cache = BlockCache::instance();
  ThreadLists* lists = lists_of_thread();
  void* block = lists && index < kSmallClasses ? lists->take(index) : nullptr;
  if (!block) {
    fail_if_told();
    block = cache.off() ? cache.take_new(bytes) : cache.take(index);
  }
  cache.counters.add_allocated(static_cast<int64_t>(cache.block_bytes(bytes)));
  if (lists) {
    const int64_t count = lists->allocations.load(std::memory_order_relaxed);
    lists->allocations.store(count + 1, std::memory_order_relaxed);
  } else {
    cache.count_allocation();
  }
  return block;
}

void deallocate(void* block, std::size_t bytes) {
  if (!block) return;
  BlockCache& cache = BlockCache::instance();
  cache.counters.allocated.fetch_sub(static_cast<int64_t>(cache.block_bytes(bytes)),
                                     std::memory_order_relaxed);
  if (cache.off()) return cache.give_back(block, bytes);
  const int index = size_class(bytes);
  ThreadLists* lists = index < kSmallClasses ? lists_of_thread() : nullptr;
  if (lists) return lists->give(block, index);
  cache.give(block, index);
}

MemoryStats memory_stats() {
  BlockCache& cache = BlockCache::instance();
  const MemoryCounters& counters = cache.counters;
  return {counters.allocated.load(), counters.reserved.load(), counters.peak.load(),
          cache.allocations(), counters.system_allocations.load()};
}

void reset_peak() {
  MemoryCounters& counters = BlockCache::instance().counters;
  counters.peak.store(counters.allocated.load());
}

void fail_allocation(int64_t count) {
  Failure& failure = t_failure;
  failure.left = count;
  if (failure.on == (count >= 0)) return;
  failure.on = count >= 0;
  if (failure.on && thread_lists) thread_lists->give_all_back();
  std::swap(failure.set_aside, thread_lists);
  thread_ended = failure.on;
}

int64_t allocations_until_failure() { return t_failure.left; }

void empty_cache() {
  if (thread_lists) thread_lists->give_all_back();
  BlockCache::instance().give_all_back();
}

}  // namespace steep::runtime
