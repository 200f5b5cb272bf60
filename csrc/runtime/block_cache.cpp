#include "runtime/block_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

#include "runtime/limits.h"

namespace steep::runtime {
namespace {

// How many blocks of a class a thread keeps: 256 KB worth, but at least 4 and at most 256 blocks.
struct ListLimits {
  constexpr ListLimits() {
    for (int i = 0; i < kSmallClasses; ++i) {
      blocks[i] = std::clamp(static_cast<int>((std::size_t{256} << 10) / class_bytes(i)), 4, 256);
    }
  }
  int blocks[kSmallClasses] = {};
};
constexpr ListLimits kListLimits;

Blocks chosen_blocks() {
  const char* text = std::getenv("STEEP_ALLOC");
  const std::string wish = text ? text : "";
  if (wish.empty() || wish == "cache") return Blocks::mapped;
  if (wish == "system") return Blocks::plain;
  if (wish == "guarded") return Blocks::guarded;
  if (wish == "guarded_before") return Blocks::guarded_before;
  throw std::runtime_error(
      "STEEP_ALLOC: expected 'cache', 'system', 'guarded' or 'guarded_before', got '" + wish +
      "'; unset it to use the cache");
}

std::size_t cache_limit(Blocks blocks) {
  if (blocks != Blocks::mapped) return 0;
  const char* text = std::getenv("STEEP_CACHE_LIMIT");
  if (!text || !*text) return static_cast<std::size_t>(usable_memory() / 4);
  char* end = nullptr;
  errno = 0;
  const unsigned long long bytes = std::strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0) {
    throw std::runtime_error("STEEP_CACHE_LIMIT: expected a number of bytes, got '" +
                             std::string(text) +
                             "'; unset it for a quarter of the memory the process may use");
  }
  return static_cast<std::size_t>(bytes);
}

}  // namespace

BlockCache::BlockCache() : blocks_(chosen_blocks()), limit_(cache_limit(blocks_)) {
  if (off() && blocks_ == Blocks::mapped) blocks_ = Blocks::plain;
}

BlockCache& BlockCache::instance() {
  static auto* const cache = new BlockCache;
  return *cache;
}

void* BlockCache::take_new(std::size_t bytes) {
  void* block = system_allocate(bytes, blocks_);
  if (!block) {
    give_all_back();
    block = system_allocate(bytes, blocks_);
    if (!block) throw std::bad_alloc();
  }
  counters.system_allocations.fetch_add(1, std::memory_order_relaxed);
  counters.reserved.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  return block;
}

void BlockCache::give_back(void* block, std::size_t bytes) {
  counters.reserved.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  system_deallocate(block, bytes, blocks_);
}

void BlockCache::push(FreeBlock* block, int size_class) {
  FreeBlock*& head = free_[size_class];
  block->size_class = size_class;
  block->previous = nullptr;
  block->next = head;
  if (head) head->previous = block;
  head = block;
  block->newer = nullptr;
  block->older = newest_;
  (newest_ ? newest_->newer : oldest_) = block;
  newest_ = block;
  cached_ += class_bytes(size_class);
}

void BlockCache::unlink(FreeBlock* block) {
  (block->previous ? block->previous->next : free_[block->size_class]) = block->next;
  if (block->next) block->next->previous = block->previous;
  (block->newer ? block->newer->older : newest_) = block->older;
  (block->older ? block->older->newer : oldest_) = block->newer;
  cached_ -= class_bytes(block->size_class);
}

FreeBlock* BlockCache::pop(int size_class) {
  FreeBlock* block = free_[size_class];
  if (block) unlink(block);
  return block;
}

void BlockCache::shrink_to(std::size_t bytes) {
  while (cached_ > bytes) {
    FreeBlock* block = oldest_;
    const std::size_t size = class_bytes(block->size_class);
    unlink(block);
    give_back(block, size);
  }
}

void* BlockCache::take(int size_class) {
  {
    const Lock lock(mutex_);
    if (FreeBlock* block = pop(size_class)) return block;
  }
  return take_new(class_bytes(size_class));
}

FreeBlock* BlockCache::take_list(int size_class, int most, int* taken) {
  const Lock lock(mutex_);
  FreeBlock* list = nullptr;
  *taken = 0;
  while (*taken < most) {
    FreeBlock* block = pop(size_class);
    if (!block) break;
    block->next = list;
    list = block;
    ++*taken;
  }
  return list;
}

void BlockCache::give(void* block, int size_class) {
  const Lock lock(mutex_);
  push(static_cast<FreeBlock*>(block), size_class);
  shrink_to(limit_);
}

void BlockCache::give_list(FreeBlock* blocks, int size_class) {
  const Lock lock(mutex_);
  while (blocks) {
    FreeBlock* next = blocks->next;
    push(blocks, size_class);
    blocks = next;
  }
  shrink_to(limit_);
}

void BlockCache::give_all_back() {
  const Lock lock(mutex_);
  shrink_to(0);
}

void BlockCache::enlist(ThreadLists* lists) {
  const Lock lock(mutex_);
  lists->next = threads_;
  if (threads_) threads_->previous = lists;
  threads_ = lists;
}

void BlockCache::retire(ThreadLists* lists) {
  lists->give_all_back();
  const Lock lock(mutex_);
  (lists->previous ? lists->previous->next : threads_) = lists->next;
  if (lists->next) lists->next->previous = lists->previous;
  other_allocations_.fetch_add(lists->allocations.load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
}

int64_t BlockCache::allocations() {
  const Lock lock(mutex_);
  int64_t sum = other_allocations_.load(std::memory_order_relaxed);
  for (const ThreadLists* lists = threads_; lists; lists = lists->next) {
    sum += lists->allocations.load(std::memory_order_relaxed);
  }
  return sum;
}

void* ThreadLists::take(int size_class) {
  FreeBlock*& list = lists_[size_class];
  if (!list) {
    list = BlockCache::instance().take_list(size_class, kListLimits.blocks[size_class] / 2,
                                            &counts_[size_class]);
    if (!list) return nullptr;
  }
  FreeBlock* block = list;
  list = block->next;
  --counts_[size_class];
  return block;
}

void ThreadLists::give(void* block, int size_class) {
  FreeBlock*& list = lists_[size_class];
  auto* freed = static_cast<FreeBlock*>(block);
  freed->next = list;
  list = freed;
  if (++counts_[size_class] <= kListLimits.blocks[size_class]) return;
  // Half of them go to the other threads; the newest stay here, for they may still be in cache.
  FreeBlock* last = list;
  const int stay = counts_[size_class] / 2;
  for (int i = 1; i < stay; ++i) last = last->next;
  FreeBlock* leaving = last->next;
  last->next = nullptr;
  counts_[size_class] = stay;
  BlockCache::instance().give_list(leaving, size_class);
}

void ThreadLists::give_all_back() {
  for (int i = 0; i < kSmallClasses; ++i) {
    if (lists_[i]) BlockCache::instance().give_list(lists_[i], i);
    lists_[i] = nullptr;
    counts_[i] = 0;
  }
}

}  // namespace steep::runtime
