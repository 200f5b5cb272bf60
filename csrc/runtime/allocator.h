// Memory for tensors: a cache of freed blocks in front of the system's allocator.
//
// Every block is aligned to 64 bytes. Sizes are rounded up to classes, four to each power of two,
// so at most a fifth of a block is unused. Small blocks (to 64 KB) go through lists of the calling
// thread, larger ones through one shared cache, and from 2 MB on blocks are mapped with advice to
// use huge pages. What is cached is capped at a quarter of the memory the process may use
// (STEEP_CACHE_LIMIT, in bytes, overrides). STEEP_ALLOC=system turns the cache off, so that
// sanitizers see every allocation; STEEP_ALLOC=guarded ends every block at a page that may not be
// touched, for tests of kernels (guarded_before begins it behind one).
#pragma once

#include <cstddef>
#include <cstdint>

namespace steep::runtime {

// At least `bytes` bytes, aligned to 64, not initialised; never null, not even for 0. Throws
// std::bad_alloc.
void* allocate(std::size_t bytes);

// Takes a block back, from whichever thread. `bytes` is what it was allocated with. A null pointer
// is ignored.
void deallocate(void* block, std::size_t bytes);

struct MemoryStats {
  int64_t allocated_bytes;       // in use now, counted in whole blocks
  int64_t reserved_bytes;        // held from the system: in use and cached
  int64_t peak_allocated_bytes;  // the most that was in use since the start or reset_peak()
  int64_t allocations;           // calls of allocate()
  int64_t system_allocations;    // those that the cache could not serve
};
MemoryStats memory_stats();

// Starts the peak again from what is in use now.
void reset_peak();

// For tests: of this thread's allocations from now on, the one after `count` more fails, as where
// no memory is left; a negative count ends this. Meanwhile the thread goes without lists of its
// own, which are not counted.
void fail_allocation(int64_t count);
// How many of them are left until one fails; negative where none is going to, or has failed
// already.
int64_t allocations_until_failure();

// Gives every cached block back to the system, but for those in the lists of other threads.
void empty_cache();

}  // namespace steep::runtime
