#include "tape/turn.h"

#include <pthread.h>

#include <chrono>
#include <thread>

#include "runtime/threads.h"

namespace steep::tape {

namespace {

std::atomic<uint32_t> g_process{1};
[[maybe_unused]] const int fork_handler =
    pthread_atfork(nullptr, nullptr, [] { g_process.fetch_add(1, std::memory_order_relaxed); });

// Who waits has seen a kernel run that takes tens of microseconds at least.
void wait_for(const std::atomic<uint32_t>& word, uint32_t process) {
  const runtime::Blocking released(true);
  while (word.load(std::memory_order_acquire) == process)
    std::this_thread::sleep_for(std::chrono::microseconds(10));
}

}  // namespace

Turn::Turn(std::atomic<uint32_t>& word) : word_(word) {
  const uint32_t process = g_process.load(std::memory_order_relaxed);
  uint32_t seen = word.load(std::memory_order_relaxed);
  while (seen == process || !word.compare_exchange_weak(seen, process, std::memory_order_acquire)) {
    if (seen != process) continue;
    wait_for(word, process);
    seen = word.load(std::memory_order_relaxed);
  }
}

}  // namespace steep::tape
