// The process's one team of threads. Nothing else in steep opens a parallel region.
//
// A body is SPMD: every rank runs it, does its share and waits for the others in barrier(). The
// ranks a body gets are at most those asked for: it gets one when the team is taken by another
// thread, in a forked child (where libgomp would hang), and in a build without OpenMP. So a body
// must read `size`, and never remember how many it asked for.
#pragma once

namespace steep::runtime {

// The threads a team has at most. At the start: STEEP_NUM_THREADS, else OMP_NUM_THREADS, else the
// physical cores within the process's affinity and its cgroup's CPU quota.
int num_threads();

// Sets it; more than the machine has is allowed. Throws std::invalid_argument when n < 1.
void set_num_threads(int n);

using TeamBody = void (*)(void* context, int rank, int size, void (*barrier)());

// Runs body on ranks 0 to size - 1 and returns when all have finished. Rank 0 is the calling
// thread. With one rank the barrier does nothing. The body must not throw.
void run_team(int size, TeamBody body, void* context);

// Ranks one after the other, from one barrier to the next: what a missing barrier lets happen by
// chance happens always then. For tests.
enum class RankOrder { together, rising, falling };
void set_rank_order(RankOrder order);

// How a thread lets others work while it computes: Python's bindings release the interpreter lock
// in `release` and take it again in `acquire`, which is given what `release` returned. Both null
// (the start): nothing is done.
struct InterpreterLockHooks {
  void* (*release)();
  void (*acquire)(void*);
};
void set_interpreter_lock_hooks(InterpreterLockHooks hooks);

// Calls the hooks around a scope when `active`; put around kernels that take longer than about 20
// us.
class WithoutInterpreterLock {
 public:
  explicit WithoutInterpreterLock(bool active);
  ~WithoutInterpreterLock();
  WithoutInterpreterLock(const WithoutInterpreterLock&) = delete;
  WithoutInterpreterLock& operator=(const WithoutInterpreterLock&) = delete;

 private:
  void (*acquire_)(void*) = nullptr;
  void* state_ = nullptr;
};

}  // namespace steep::runtime
