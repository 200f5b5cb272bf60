#include "program/overlap.h"

#include <algorithm>
#include <tuple>

namespace steep::program {

bool any_overlap(SmallVector<const Storage*, 8> borrowed) {
  const auto begin = [](const Storage* x) { return static_cast<const char*>(x->data()); };
  const auto end = [&](const Storage* x) { return begin(x) + x->bytes(); };
  std::sort(borrowed.begin(), borrowed.end(), [&](const Storage* a, const Storage* b) {
    return std::make_tuple(begin(a), end(a), a) < std::make_tuple(begin(b), end(b), b);
  });
  const char* reached = nullptr;
  for (int i = 0; i < borrowed.size(); ++i) {
    if (i > 0 && borrowed[i] == borrowed[i - 1]) continue;
    if (begin(borrowed[i]) < reached) return true;
    reached = std::max(reached, end(borrowed[i]));
  }
  return false;
}

bool overlap(const Storage& a, const Storage& b) {
  const char *x = static_cast<const char*>(a.data()), *y = static_cast<const char*>(b.data());
  return &a != &b && a.borrowed() && b.borrowed() && x < y + b.bytes() && y < x + a.bytes();
}

}  // namespace steep::program
