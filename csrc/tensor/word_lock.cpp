#include "tensor/word_lock.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "runtime/fork.h"
#include "runtime/threads.h"

namespace steep {

namespace {

// False if a thread of this process holds the word.
bool take(std::atomic<uint32_t>& word, uint32_t process) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  while (seen != process)
    if (word.compare_exchange_weak(seen, process, std::memory_order_acquire)) return true;
  return false;
}

// A word is held that long only while a kernel runs, for tens of microseconds at least.
void wait_for(const std::atomic<uint32_t>& word, uint32_t process) {
  const runtime::WithoutInterpreterLock released(true);
  while (word.load(std::memory_order_acquire) == process)
    std::this_thread::sleep_for(std::chrono::microseconds(10));
}

}  // namespace

WordLock::WordLock(std::atomic<uint32_t>& word) : word_(word) {
  const uint32_t process = runtime::process_number();
  while (!take(word, process)) wait_for(word, process);
}

WordLocks::WordLocks(const Words& words) : words_(words) {
  const uint32_t process = runtime::process_number();
  // A word may be listed twice.
  std::sort(words_.begin(), words_.end());
  words_.resize(static_cast<int>(std::unique(words_.begin(), words_.end()) - words_.begin()));
  for (; held_ < words_.size(); ++held_) {
    if (take(*words_[held_], process)) continue;
    busy_ = words_[held_];
    break;
  }
  if (busy_) release();
}

void WordLocks::release() {
  while (held_ > 0) words_[--held_]->store(0, std::memory_order_release);
}

void WordLocks::wait() const { wait_for(*busy_, runtime::process_number()); }

}  // namespace steep
