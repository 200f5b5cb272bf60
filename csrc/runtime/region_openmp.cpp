#include <omp.h>

#include "runtime/region.h"

namespace steep::runtime {

const bool kHasRegions = true;

void open_region(int threads, void (*body)(void*, int, int), void* context) {
#pragma omp parallel num_threads(threads)
  body(context, omp_get_thread_num(), omp_get_num_threads());
}

}  // namespace steep::runtime
