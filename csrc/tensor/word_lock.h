// Adding to one leaf's gradient is one thread's business at a time. The interpreter lock does not
// see to it: kernels that take long run without it.
#pragma once

#include <atomic>
#include <cstdint>

#include "tensor/small_vector.h"

namespace steep {

// Holds `word` from construction to destruction; waits, without the interpreter lock, while another
// thread does. Nothing within may run code of the user's. Free words, and those that a forked
// child's parent held, hold another number than this process's.
class WordLock {
 public:
  explicit WordLock(std::atomic<uint32_t>& word);
  ~WordLock() { word_.store(0, std::memory_order_release); }
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

 private:
  std::atomic<uint32_t>& word_;
};

// Those of several leaves, all of them or none: nothing is waited for, so that what was looked at
// before still holds.
class WordLocks {
 public:
  using Words = SmallVector<std::atomic<uint32_t>*, 16>;
  explicit WordLocks(const Words& words);
  ~WordLocks() { release(); }
  WordLocks(const WordLocks&) = delete;
  WordLocks& operator=(const WordLocks&) = delete;

  // Whether another thread has one of them.
  bool refused() const { return busy_ != nullptr; }
  // Until that one is free, without the interpreter lock. Its leaf must be held meanwhile.
  void wait() const;

 private:
  void release();

  Words words_;
  int held_ = 0;
  const std::atomic<uint32_t>* busy_ = nullptr;
};

}  // namespace steep
