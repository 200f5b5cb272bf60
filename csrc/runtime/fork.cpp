#include "runtime/fork.h"

#include <pthread.h>

#include <atomic>

namespace steep::runtime {

namespace {

std::atomic<uint32_t> number{1};

// All locks there are. Never destroyed: threads may outlive the statics.
struct Known {
  std::mutex mutex;
  Mutex* first = nullptr;
};
Known& known() {
  static auto* const all = new Known();
  return *all;
}

}  // namespace

struct ForkHandlers {
  static void before() {
    known().mutex.lock();
    for (Mutex* one = known().first; one; one = one->next_) one->mutex_.lock();
  }
  static void after() {
    for (Mutex* one = known().first; one; one = one->next_) one->mutex_.unlock();
    known().mutex.unlock();
  }
  static void in_child() {
    after();
    number.fetch_add(1, std::memory_order_relaxed);
  }
};

namespace {
[[maybe_unused]] const int handlers =
    pthread_atfork(ForkHandlers::before, ForkHandlers::after, ForkHandlers::in_child);
}  // namespace

Mutex::Mutex() {
  const std::lock_guard<std::mutex> lock(known().mutex);
  next_ = known().first;
  if (next_) next_->previous_ = this;
  known().first = this;
}

Mutex::~Mutex() {
  const std::lock_guard<std::mutex> lock(known().mutex);
  (previous_ ? previous_->next_ : known().first) = next_;
  if (next_) next_->previous_ = previous_;
}

uint32_t process_number() { return number.load(std::memory_order_relaxed); }
bool in_forked_child() { return process_number() > 1; }

}  // namespace steep::runtime
