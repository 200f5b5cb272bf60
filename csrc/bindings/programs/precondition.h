// What a replay asks first: optimisers write their hyperparameters, and say whether the step that
// was recorded is still theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

class Precondition {
 public:
  // Of a tuple (call, dicts). The call returns whether a replay may go on: False; True, and need not
  // be asked again before one of the dicts has changed; None: it may, this time.
  explicit Precondition(PyObject* item);

  bool holds();
  // The dicts are no longer all that its answer depends on.
  void ask_again() {
    said_true_ = false;
    ++asked_;  // what is being answered no longer counts
  }
  int traverse(visitproc visit, void* arg) const;

 private:
  bool is_unchanged() const;

  Owned call_, dicts_;
  std::vector<const uint64_t*> now_;
  std::vector<uint64_t> then_;  // when the call was last made
  unsigned asked_ = 0;          // how often it was made
  bool said_true_ = false;      // and was not to be made again; false without versions
};

}  // namespace steep::bindings
