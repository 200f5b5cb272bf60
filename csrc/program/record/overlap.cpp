#include "program/record/overlap.h"

#include <algorithm>
#include <tuple>

namespace steep::program {

namespace {
int64_t begin_of(const Storage& x) { return reinterpret_cast<intptr_t>(x.data()); }
int64_t end_of(const Storage& x) { return begin_of(x) + static_cast<int64_t>(x.bytes()); }
}  // namespace

bool any_overlap(SmallVector<const Storage*, 8> storages) {
  const auto bounds = [](const Storage* x) { return std::make_tuple(begin_of(*x), end_of(*x), x); };
  std::sort(storages.begin(), storages.end(),
            [&](const Storage* a, const Storage* b) { return bounds(a) < bounds(b); });
  int64_t reached = 0;
  for (int i = 0; i < storages.size(); ++i) {
    const Storage& storage = *storages[i];
    if (storage.bytes() == 0 || (i > 0 && &storage == storages[i - 1])) continue;
    if (begin_of(storage) < reached) return true;
    reached = std::max(reached, end_of(storage));
  }
  return false;
}

bool overlap(const Storage& a, const Storage& b) {
  return &a != &b && (a.borrowed() || b.borrowed()) && a.data() && b.data() &&
         begin_of(a) < end_of(b) && begin_of(b) < end_of(a);
}

Ground::Ground(std::vector<const Storage*> storages) {
  std::sort(storages.begin(),
            storages.end(),  // sorted, because adding at the end of Intervals is fast
            [](const Storage* a, const Storage* b) { return begin_of(*a) < begin_of(*b); });
  for (const Storage* storage : storages) {
    all_.add(begin_of(*storage), end_of(*storage));
    if (storage->borrowed()) borrowed_.add(begin_of(*storage), end_of(*storage));
  }
}

bool Ground::overlaps(const Storage& storage) const {
  const Intervals& others = storage.borrowed() ? all_ : borrowed_;
  return !others.empty() && storage.bytes() > 0 &&
         others.overlaps(begin_of(storage), end_of(storage));
}

}  // namespace steep::program
