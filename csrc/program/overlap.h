// Memory of other libraries' that lies on the same bytes, such as what from_numpy has taken in twice.
#pragma once

#include "tensor/small_vector.h"
#include "tensor/storage.h"

namespace steep::program {

// Whether two storages of other libraries' memory lie on the same bytes.
bool overlap(const Storage& a, const Storage& b);
// Whether two of these do, which are all of other libraries' memory.
bool any_overlap(SmallVector<const Storage*, 8> borrowed);

}  // namespace steep::program
