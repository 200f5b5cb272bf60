// What a forked child has to find in order. One place for the whole library: every lock of it is a
// Mutex of this file.
#pragma once

#include <cstdint>
#include <mutex>

namespace steep::runtime {

// A lock that a forked child finds free, and what it guards in one piece: whoever forks waits until
// all of them are free, and holds them while the process is copied. So that this ends, who holds
// one asks for no other, and neither forks nor waits for anybody (Python's interpreter lock
// included).
class Mutex {
 public:
  Mutex();
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend struct ForkHandlers;
  std::mutex mutex_;
  Mutex *previous_ = nullptr, *next_ = nullptr;  // in the list of all
};
using Lock = std::lock_guard<Mutex>;

// 1 in the process that has loaded the library, one more in each child: what it marks as its own, a
// child knows for its parent's.
uint32_t process_number();

// Whether this process was forked from one that had loaded the library: the threads of the team are
// not there then, and libgomp waits for them for ever.
bool in_forked_child();

}  // namespace steep::runtime
