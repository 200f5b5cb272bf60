// Finds storages whose bytes overlap: steep's own never do, but memory borrowed from other
// libraries may, such as one array given to from_numpy twice, or an array on a tensor's memory.
#pragma once

#include <vector>

#include "program/intervals.h"
#include "tensor/small_vector.h"
#include "tensor/storage.h"

namespace steep::program {

// Whether two storages overlap.
bool overlap(const Storage& a, const Storage& b);
// Whether any two of these overlap.
bool any_overlap(SmallVector<const Storage*, 8> storages);

// The address ranges of some storages.
class Ground {
 public:
  Ground() = default;
  explicit Ground(std::vector<const Storage*> storages);
  // Whether a storage that is not one of them overlaps one of them.
  bool overlaps(const Storage& storage) const;

 private:
  Intervals all_, borrowed_;
};

}  // namespace steep::program
