// Memory that the programs of a function share: as a rule one runs at a time, and its arena is not
// needed after it has run.
#pragma once

#include <utility>
#include <vector>

#include "runtime/allocator.h"

namespace steep::program {

class Program;

// Guarded by the interpreter lock.
class MemoryPool {
 public:
  struct Block {
    char* data = nullptr;
    size_t bytes = 0;
  };

  MemoryPool() = default;
  ~MemoryPool() { trim(); }
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // A block of at least so many bytes, preferably the one given back last.
  Block take(size_t bytes) {
    for (size_t i = free_.size(); i-- > 0;) {
      const Block block = free_[i];
      if (block.bytes < bytes) continue;
      free_.erase(free_.begin() + static_cast<int64_t>(i));
      return block;
    }
    trim();                                           // no free block is large enough
    free_.reserve(static_cast<size_t>(blocks_) + 1);  // so that giving back cannot fail
    // What the recorded calls left in the cache would lie beside a large arena for good.
    if (bytes >= kLarge) runtime::empty_cache();
    const Block block{static_cast<char*>(runtime::allocate(bytes)), bytes};
    ++blocks_;
    return block;
  }
  // Keeps only the largest block if no program is running.
  void give_back(Block block) {
    if (static_cast<size_t>(blocks_) == free_.size() + 1) keep_largest(block);
    free_.push_back(block);
  }
  // Frees the blocks that no program uses now.
  void trim() {
    for (const Block& block : free_) drop(block);
    free_.clear();
  }

  // The program that ran last, which alone keeps the memory of its results for its next run.
  Program* last = nullptr;

 private:
  void keep_largest(Block& block) {
    for (Block& other : free_) {
      if (other.bytes > block.bytes) std::swap(other, block);
      drop(other);
    }
    free_.clear();
  }
  void drop(const Block& block) {
    runtime::deallocate(block.data, block.bytes);
    --blocks_;
  }

  static constexpr size_t kLarge = size_t{16} << 20;

  int blocks_ = 0;  // free, and in use
  std::vector<Block> free_;
};

}  // namespace steep::program
