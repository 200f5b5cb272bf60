// A step with its addresses.
#pragma once

#include <memory>

#include "program/group.h"
#include "program/profile.h"

namespace steep::program {

struct Action {
  int threads, home;
  bool meets;
  const Kernel* kernel;
  // One of the three.
  std::unique_ptr<Geometry> geometry;
  std::unique_ptr<Group> group;
  kernels::Routine routine = nullptr;

  ProfileEvent event{""};  // what a profile is told; without times
  int64_t shortest = 0;    // ns, of the runs that were timed; 0 before the first

  SmallVector<char*, 8> data;  // of the routine's operands, or of the group's slots
  Dims dims;
  SmallVector<kernels::Scalar, 2> scalars;
  char* scratch = nullptr;

  // Runs it, and looks at the clock for a profile, and now and then for explain().
  void run_timed(int rank, int size, void (*barrier)(), bool sampled) {
    Profile* const profile = rank == 0 ? Profile::active() : nullptr;
    if (!profile && !sampled) return run(rank, size, barrier);
    const int64_t start = Profile::now();
    run(rank, size, barrier);
    const int64_t end = Profile::now();
    if (sampled && rank == 0 && (shortest == 0 || end - start < shortest)) shortest = end - start;
    if (!profile) return;
    ProfileEvent now = event;
    now.start = start, now.end = end;
    profile->add(std::move(now));
  }

  void run(int rank, int size, void (*barrier)()) {
    if (geometry) {
      run_share(*geometry, rank, size);
    } else if (group) {
      run_group(*group, data.data(), scratch, {rank, size, barrier});
    } else {
      routine({reinterpret_cast<void* const*>(data.data()), dims.data(), scalars.data(), scratch,
               rank, size, barrier});
    }
  }
};

}  // namespace steep::program
