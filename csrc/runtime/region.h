// A parallel region, opened in one of three ways: by OpenMP, by plain threads where the thread
// sanitizer watches (it cannot see into libgomp), or not at all. CMake compiles one of
// region_openmp.cpp, region_threads.cpp and region_serial.cpp.
#pragma once

namespace steep::runtime {

// Whether this build runs more than one rank.
extern const bool kHasRegions;

// Calls body(context, rank, given) on ranks 0 to given - 1 at once and returns when all have
// finished; `given` is at most `threads`. Rank 0 is the calling thread.
void open_region(int threads, void (*body)(void* context, int rank, int given), void* context);

}  // namespace steep::runtime
