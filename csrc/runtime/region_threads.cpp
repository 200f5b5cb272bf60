#include <thread>
#include <vector>

#include "runtime/region.h"

namespace steep::runtime {

const bool kHasRegions = true;

// Threads are made for each region and end with it: simple, and slow enough to be used by the
// thread sanitizer alone.
void open_region(int threads, void (*body)(void*, int, int), void* context) {
  std::vector<std::thread> team;
  team.reserve(static_cast<std::size_t>(threads - 1));
  for (int rank = 1; rank < threads; ++rank) team.emplace_back(body, context, rank, threads);
  body(context, 0, threads);
  for (std::thread& thread : team) thread.join();
}

}  // namespace steep::runtime
