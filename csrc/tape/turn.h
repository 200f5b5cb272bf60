// Adding to one leaf's gradient is one thread's business at a time. The interpreter lock does not see to it: kernels
// that take long run without it.
#pragma once

#include <atomic>
#include <cstdint>

namespace steep::tape {

// Holds `word` from construction to destruction; waits, without the interpreter lock, while another thread does. Nothing
// within may run code of the user's. Free words, and those that a forked child's parent held, hold another number than
// this process's.
class Turn {
 public:
  explicit Turn(std::atomic<uint32_t>& word);
  ~Turn() { word_.store(0, std::memory_order_release); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<uint32_t>& word_;
};

}  // namespace steep::tape
