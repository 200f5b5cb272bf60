// What a replay calls first: optimisers write their hyperparameters, and say whether they would
// still take the step that was recorded.
#pragma once

#include <cstdint>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

class Precondition {
 public:
  // From a tuple (call, dicts). The call returns whether a replay may go on: False; True, until one
  // of the dicts changes; or None, which means yes, but ask again next time.
  explicit Precondition(PyObject* item);

  bool holds();
  // Something besides the dicts has changed.
  void ask_again() {
    said_true_ = false;
    ++asked_;  // an answer that is being given no longer counts
  }
  int traverse(visitproc visit, void* arg) const;

 private:
  bool is_unchanged() const;

  Owned call_, dicts_;
  std::vector<const uint64_t*> now_;
  std::vector<uint64_t> then_;  // the versions when the call was last made
  unsigned asked_ = 0;          // how often it was made
  // Whether the last answer was True; always false where dicts have no version tags.
  bool said_true_ = false;
};

}  // namespace steep::bindings
