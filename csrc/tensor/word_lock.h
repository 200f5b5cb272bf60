// A lock in one word. It guards the gradient of a leaf: the interpreter lock does not, because long
// kernels run without it.
#pragma once

#include <atomic>
#include <cstdint>

#include "tensor/small_vector.h"

namespace steep {

// Holds `word` as long as it exists; waits, without the interpreter lock, while another thread
// holds it. No user code may run meanwhile. A held word contains the number of the process, so that
// a word that was held in the parent is free in a forked child.
class WordLock {
 public:
  explicit WordLock(std::atomic<uint32_t>& word);
  ~WordLock() { word_.store(0, std::memory_order_release); }
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

 private:
  std::atomic<uint32_t>& word_;
};

// Holds several words, all of them or none. It does not wait, so that what the caller has checked
// before still holds.
class WordLocks {
 public:
  using Words = SmallVector<std::atomic<uint32_t>*, 16>;
  explicit WordLocks(const Words& words);
  ~WordLocks() { release(); }
  WordLocks(const WordLocks&) = delete;
  WordLocks& operator=(const WordLocks&) = delete;

  // Whether another thread holds one of them.
  bool refused() const { return busy_ != nullptr; }
  // Waits until that one is free, without the interpreter lock. The owner of the word must be kept
  // alive meanwhile.
  void wait() const;

 private:
  void release();

  Words words_;
  int held_ = 0;
  const std::atomic<uint32_t>* busy_ = nullptr;
};

}  // namespace steep
