// Sets of intervals: the parts of memory that are in use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

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
    const auto first = std::lower_bound(
        all_.begin(), all_.end(), begin,
        [](const Stretch& stretch, int64_t offset) { return stretch.end < offset; });
    auto last = first;
    for (; last != all_.end() && last->begin <= end; ++last) {
      begin = std::min(begin, last->begin);
      end = std::max(end, last->end);
    }
    if (first == last) {
      all_.insert(first, {begin, end});
    } else {
      *first = {begin, end};
      all_.erase(first + 1, last);
    }
  }
  // The first that ends beyond an offset; null if none does.
  const Stretch* beyond(int64_t offset) const {
    const auto found =
        std::upper_bound(all_.begin(), all_.end(), offset,
                         [](int64_t at, const Stretch& stretch) { return at < stretch.end; });
    return found == all_.end() ? nullptr : &*found;
  }
  bool overlaps(int64_t begin, int64_t end) const {
    const Stretch* const next = beyond(begin);
    return next && next->begin < end;
  }
  bool empty() const { return all_.empty(); }

 private:
  std::vector<Stretch> all_;
};

}  // namespace steep::program
