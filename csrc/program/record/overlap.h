// Memory of other libraries' that lies on the same bytes as other memory, such as what from_numpy has
// taken in twice, or has taken from an array that shows a tensor's own.
#pragma once

#include <vector>

#include "program/intervals.h"
#include "tensor/small_vector.h"
#include "tensor/storage.h"

namespace steep::program {

// Whether two storages lie on the same bytes: two of steep's own never do.
bool overlap(const Storage& a, const Storage& b);
// Whether two of these do.
bool any_overlap(SmallVector<const Storage*, 8> storages);

// Where some storages lie.
class Ground {
 public:
  Ground() = default;
  explicit Ground(std::vector<const Storage*> storages);
  // Whether a storage that is none of them lies on the same bytes as one.
  bool overlaps(const Storage& storage) const;

 private:
  Intervals all_, borrowed_;
};

}  // namespace steep::program
