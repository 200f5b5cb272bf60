// A step of a program, with addresses.
#pragma once

#include <memory>

#include "program/plan/group.h"
#include "program/profile.h"

namespace steep::program {

struct Action {
  // What each run reads comes first: a program of many networks has actions by the thousand, which
  // leave the caches between two runs, and a run then waits for each line of them.
  int threads, home;
  bool barrier;
  const Kernel* kernel;
  // Exactly one of the three is set.
  std::unique_ptr<LoopNest> nest;
  std::shared_ptr<Group> group;  // the plan's own
  kernels::Routine routine = nullptr;
  const int64_t* arguments = nullptr;  // of the routine: the plan's, or its own
  char* first_scratch = nullptr;
  int64_t scratch_step = 0;    // bytes from one thread's scratch to the next; 0 if they share one
  SmallVector<char*, 8> data;  // of the routine's operands, or of the group's views

  int64_t scratch_offset = -1;  // in the arena; -1 where it has none
  size_t launch_index = 0;      // among the recorded launches; for a group, of its first
  ArgumentWords own_arguments;
  ProfileEvent event{""};  // for profiles; without times
  int64_t shortest = 0;    // ns: the shortest timed run; 0: none yet

  // Runs a rank's share on thread `thread` of the team. Measures time for a profile, and in sampled
  // runs for explain().
  void run_timed(const Rank& rank, int thread, bool sampled) {
    Profile* const profile = rank.rank == 0 ? Profile::active() : nullptr;
    if (!profile && !sampled) return run(rank, thread);
    const int64_t start = Profile::now();
    run(rank, thread);
    const int64_t end = Profile::now();
    if (sampled && rank.rank == 0 && (shortest == 0 || end - start < shortest))
      shortest = end - start;
    if (!profile) return;
    ProfileEvent now = event;
    now.start = start, now.end = end;
    profile->add(std::move(now));
  }

  void run(const Rank& rank, int thread) {
    char* const scratch = first_scratch + thread * scratch_step;
    if (nest) {
      run_share(*nest, rank.rank, rank.size);
    } else if (group) {
      run_group(*group, data.data(), scratch, rank);
    } else {
      routine({reinterpret_cast<void* const*>(data.data()), arguments, scratch, rank.rank,
               rank.size, rank.barrier});
    }
  }
};

}  // namespace steep::program
