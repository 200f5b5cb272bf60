// Whoever is told what a thread records, and what its backward passes compute. Without a watch,
// recording costs one look at a null pointer.
#pragma once

#include "program/site.h"
#include "tape/history.h"

namespace steep::tape {

// On a thread's stack of watches as long as it exists; to be destroyed on that thread.
class Watch {
 public:
  Watch();
  virtual ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // `out` has just become a result of `h.grad_fn`, which the watch may replace. That is a new node,
  // or one that was recorded before: see FreshNodes.
  virtual void recorded(const Tensor& out, History& h) = 0;
  // The rule of `node` has made `made` of `grads`. Only told while layers are followed
  // (program/site.h).
  virtual void ran(Node& node, GradList grads, GradList made);
  // The rule of `node` has thrown, and the pass is about to fail. Likewise.
  virtual void failed(const Node& node) noexcept;
  // Whether what is recorded or computed must not be replayed by a compiled function instead.
  virtual bool forbids_replays() const { return false; }
  Watch* outer() const { return outer_; }

 private:
  Watch* outer_;
};

// The thread's innermost watch, or null.
Watch* innermost_watch();

// A scope in which a watch runs code of the user's, which must not end a watch: passes go through
// the list of them.
class WatchSpeaks {
 public:
  WatchSpeaks();
  ~WatchSpeaks();
  WatchSpeaks(const WatchSpeaks&) = delete;
  WatchSpeaks& operator=(const WatchSpeaks&) = delete;
};
// Throws within such a scope of this thread.
void refuse_while_watch_speaks(const char* what);

// Whether one of the thread's watches forbids replays; they are looked for while layers are
// followed.
inline bool replays_forbidden() {
  if (!program::sites_followed()) return false;
  if (program::eager_demands.load(std::memory_order_relaxed) > 0) return true;
  for (Watch* watch = innermost_watch(); watch; watch = watch->outer())
    if (watch->forbids_replays()) return true;
  return false;
}

// Without watches on this thread for a scope.
class WatchesOff {
 public:
  WatchesOff();
  ~WatchesOff();
  WatchesOff(const WatchesOff&) = delete;
  WatchesOff& operator=(const WatchesOff&) = delete;

 private:
  Watch* const before_;
};

// Tells new nodes from those that a tensor is only attached to again: numbers rise.
class FreshNodes {
 public:
  FreshNodes() : last_(Node::take_numbers(1)) {}
  bool takes(const Node& node) {
    if (node.number <= last_) return false;
    last_ = node.number;
    return true;
  }

 private:
  uint64_t last_;
};

}  // namespace steep::tape
