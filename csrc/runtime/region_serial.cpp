#include "runtime/region.h"

namespace steep::runtime {

const bool kHasRegions = false;

void open_region(int, void (*body)(void*, int, int), void* context) { body(context, 0, 1); }

}  // namespace steep::runtime
