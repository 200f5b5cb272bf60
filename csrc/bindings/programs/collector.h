// When the garbage collector runs by itself on a thread that records a function. It may do so at
// any allocation. The callbacks of others and the finalisers that it calls then are no part of the
// function, whatever they read or change. A function that calls gc.collect() wants all that.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Whether it runs on this thread, which has a CollectorWatch.
bool collector_runs() noexcept;

// Tells of a C function that the recorded function calls, or that has returned to it.
void note_c_call(PyObject* function, bool begins) noexcept;

// Watches this thread's collections as long as it lasts.
class CollectorWatch {
 public:
  CollectorWatch() = default;
  ~CollectorWatch();
  CollectorWatch(const CollectorWatch&) = delete;
  CollectorWatch& operator=(const CollectorWatch&) = delete;

  void start();
  // Whether the beginning and the end of every collection were seen. From now on none is.
  bool end() noexcept;

 private:
  bool on_ = false;
};

void add_collector();

}  // namespace steep::bindings
