// Memory that the programs of a function use in turn: as a rule one runs at a time, and what lies in
// its arena is no one's when it has run.
#pragma once

#include <vector>

#include "runtime/allocator.h"

namespace steep::program {

class Program;

// Used with the interpreter lock held.
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

  // At least so many bytes: those that were given back last, where they are enough.
  Block take(size_t bytes) {
    Block block;
    if (!free_.empty()) {
      block = free_.back();
      free_.pop_back();
      if (block.bytes >= bytes) return block;
      drop(block);
    }
    free_.reserve(static_cast<size_t>(blocks_) + 1);  // that giving back cannot fail
    block = {static_cast<char*>(runtime::allocate(bytes)), bytes};
    ++blocks_;
    return block;
  }
  void give_back(Block block) { free_.push_back(block); }
  // Lets go of what no program uses now.
  void trim() {
    for (const Block& block : free_) drop(block);
    free_.clear();
  }

  // The program that ran last; it keeps the memory of its results for its next run.
  Program* last = nullptr;

 private:
  void drop(const Block& block) {
    runtime::deallocate(block.data, block.bytes);
    --blocks_;
  }

  int blocks_ = 0;  // free, and in use
  std::vector<Block> free_;
};

}  // namespace steep::program
