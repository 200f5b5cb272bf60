// Whoever looks at the operands of each launch of a thread, before and after it.
#pragma once

#include "program/kernel.h"

namespace steep::program {

// Looks on as long as it exists, unless another one is made meanwhile; to be destroyed on the
// thread that has made it. Replays are not seen.
class LaunchWatch {
 public:
  LaunchWatch();
  virtual ~LaunchWatch();
  LaunchWatch(const LaunchWatch&) = delete;
  LaunchWatch& operator=(const LaunchWatch&) = delete;

  virtual void before(const Call& call) = 0;
  virtual void after(const Call& call) = 0;

  static LaunchWatch* of_thread();

 private:
  LaunchWatch* const outer_;
};

// Whether floating-point elements of a tensor are not finite; read as they lie, without a launch.
struct NotFinite {
  bool nan = false, infinity = false;
  NotFinite& operator|=(const NotFinite& other) {
    nan |= other.nan;
    infinity |= other.infinity;
    return *this;
  }
};
NotFinite not_finite(const TensorImpl& x);

}  // namespace steep::program
