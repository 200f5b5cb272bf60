// Sets of intervals: the parts of memory that are in use.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/small_vector.h"

namespace steep::program {

// Sorted and disjoint: those that overlap or touch are merged. There are few, because memory is
// given out from the lowest offset up.
class Intervals {
 public:
  struct Stretch {
    int64_t begin, end;
  };

  void add(int64_t begin, int64_t end) {
    if (begin >= end) return;
    Stretch* const first = std::lower_bound(
        all_.begin(), all_.end(), begin,
        [](const Stretch& stretch, int64_t offset) { return stretch.end < offset; });
    Stretch* last = first;
    for (; last != all_.end() && last->begin <= end; ++last) {
      begin = std::min(begin, last->begin);
      end = std::max(end, last->end);
    }
    if (first == last) {
      const int at = static_cast<int>(first - all_.begin());
      all_.push_back({begin, end});
      std::rotate(all_.begin() + at, all_.end() - 1, all_.end());
    } else {
      *first = {begin, end};
      std::copy(last, all_.end(), first + 1);
      all_.resize(all_.size() - static_cast<int>(last - first) + 1);
    }
  }
  // The first that ends beyond an offset; null if none does.
  const Stretch* beyond(int64_t offset) const {
    const auto found =
        std::upper_bound(all_.begin(), all_.end(), offset,
                         [](int64_t at, const Stretch& stretch) { return at < stretch.end; });
    return found == all_.end() ? nullptr : found;
  }
  bool overlaps(int64_t begin, int64_t end) const {
    const Stretch* const next = beyond(begin);
    return next && next->begin < end;
  }
  bool empty() const { return all_.empty(); }

 private:
  SmallVector<Stretch, 2> all_;
};

}  // namespace steep::program
