// Destroys objects that may hold others of their kind: a chain of any length is destroyed without
// recursion.
#pragma once

#include "tensor/small_vector.h"

namespace steep {

// Deletes the object. Further objects that this drops wait in a list instead of on the stack.
template <class T>
void destroy_in_turn(T* object) {
  using Doomed = SmallVector<T*, 8>;
  static thread_local Doomed* t_doomed = nullptr;
  if (t_doomed) {
    t_doomed->push_back(object);
    return;
  }
  Doomed doomed;
  t_doomed = &doomed;
  doomed.push_back(object);
  while (!doomed.empty()) {
    T* next = doomed.back();
    doomed.pop_back();
    delete next;
  }
  t_doomed = nullptr;
}

}  // namespace steep
