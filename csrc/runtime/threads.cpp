#include "runtime/threads.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtime/fork.h"
#include "runtime/limits.h"
#include "runtime/region.h"

namespace steep::runtime {
namespace {

// Beyond this, creating the threads is likelier to fail (and libgomp ends the process then) than to
// help anyone.
constexpr int kMaxThreads = 1024;

std::atomic<int> team_size{0};                                  // 0: not determined yet
InterpreterLockHooks interpreter_lock_hooks{nullptr, nullptr};  // set once, at module load

void no_barrier() {}

// A whole number from the environment, 0 when the variable is absent. OMP_NUM_THREADS may be a list
// with one entry per nesting level; the first is ours.
int threads_from(const char* variable, bool list) {
  const char* text = std::getenv(variable);
  if (!text || !*text) return 0;
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  const bool whole = end != text && (*end == '\0' || (list && *end == ','));
  if (whole && errno == 0 && value >= 1 && value <= kMaxThreads) return static_cast<int>(value);
  if (list) return 0;  // not our variable: OpenMP itself ignores what it cannot read
  throw std::runtime_error(std::string(variable) + ": expected a whole number from 1 to " +
                           std::to_string(kMaxThreads) + ", got '" + text +
                           "'; unset it to use every physical core the process may use");
}

int default_threads() {
  if (const int wish = threads_from("STEEP_NUM_THREADS", false)) return wish;
  if (const int wish = threads_from("OMP_NUM_THREADS", true)) return wish;
  return usable_cores();
}

std::atomic<bool> team_taken{false};

// A barrier among the ranks that take part. OpenMP's own counts the whole team, and the team is
// always opened at full size (see run_team). Each word has a cache line of its own; one team at a
// time is open, so one barrier serves the process.
struct Barrier {
  alignas(64) std::atomic<int> arrived{0};
  alignas(64) std::atomic<unsigned> round{0};
  alignas(64) std::atomic<int> spins{0};  // before giving the core to whoever else wants it
} barrier;

thread_local int ranks_to_meet = 1;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void wait_for_all() {
  const unsigned round = barrier.round.load(std::memory_order_relaxed);
  if (barrier.arrived.fetch_add(1, std::memory_order_acq_rel) == ranks_to_meet - 1) {
    barrier.arrived.store(0, std::memory_order_relaxed);
    barrier.round.store(round + 1, std::memory_order_release);
    return;
  }
  const int spins = barrier.spins.load(std::memory_order_relaxed);
  for (int spin = 0; barrier.round.load(std::memory_order_acquire) == round; ++spin) {
    if (spin < spins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
}

std::atomic<RankOrder> rank_order{RankOrder::together};
std::atomic<int> turn{0};            // whose turn it is, where ranks run one after the other
thread_local int place_in_turn = 0;  // of this rank

void wait_for_turn() {
  while (turn.load(std::memory_order_acquire) != place_in_turn) std::this_thread::yield();
}
void pass_turn() { turn.store((place_in_turn + 1) % ranks_to_meet, std::memory_order_release); }
// The first rank goes on when the last one has come.
void meet_in_turn() {
  pass_turn();
  wait_for_turn();
}

void run_in_turn(TeamBody body, void* context, int rank, int size, bool falling) {
  place_in_turn = falling ? size - 1 - rank : rank;
  wait_for_turn();
  body(context, rank, size, size > 1 ? meet_in_turn : no_barrier);
  pass_turn();
}

// About 100 us of spinning where every thread has a core of its own, hardly any where not.
int spins_for(int threads) {
  static const int available = usable_hardware_threads();
  return threads <= available ? 4000 : 20;
}

struct Work {
  TeamBody body;
  void* context;
  int size;
  RankOrder order;
};

void run_rank(void* context, int rank, int given) {
  const Work& work = *static_cast<const Work*>(context);
  const int ranks = work.size < given ? work.size : given;
  ranks_to_meet = ranks;
  if (rank >= ranks) return;
  if (work.order != RankOrder::together) {
    run_in_turn(work.body, work.context, rank, ranks, work.order == RankOrder::falling);
  } else {
    work.body(work.context, rank, ranks, ranks > 1 ? wait_for_all : no_barrier);
  }
}

}  // namespace

int num_threads() {
  int size = team_size.load(std::memory_order_relaxed);
  if (size == 0) {
    size = default_threads();
    team_size.store(size, std::memory_order_relaxed);
  }
  return size;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads) {
    throw std::invalid_argument("set_num_threads: expected a number from 1 to " +
                                std::to_string(kMaxThreads) + ", got " + std::to_string(n));
  }
  team_size.store(n, std::memory_order_relaxed);
}

// The region is opened at the team's full size whatever `size` is, and surplus ranks release at
// once: libgomp ends and creates threads whenever two regions in a row differ in size. Between
// regions its threads spin for some milliseconds (GOMP_SPINCOUNT, 300,000 turns by default) before
// they sleep, which bridges the gaps of a training step, so that a region costs about a microsecond
// and nothing in the process's environment has to be changed.
void run_team(int size, TeamBody body, void* context) {
  const int team = num_threads();
  if (size > team) size = team;
  if (!kHasRegions || size <= 1 || in_forked_child() ||
      team_taken.exchange(true, std::memory_order_acquire)) {
    body(context, 0, 1, no_barrier);
    return;
  }
  const RankOrder order = rank_order.load(std::memory_order_relaxed);
  barrier.spins.store(spins_for(team), std::memory_order_relaxed);
  turn.store(0, std::memory_order_relaxed);
  Work work{body, context, size, order};
  open_region(team, run_rank, &work);
  team_taken.store(false, std::memory_order_release);
}

void set_rank_order(RankOrder order) { rank_order.store(order, std::memory_order_relaxed); }

void set_interpreter_lock_hooks(InterpreterLockHooks hooks) { interpreter_lock_hooks = hooks; }

WithoutInterpreterLock::WithoutInterpreterLock(bool active) {
  if (!active || !interpreter_lock_hooks.release) return;
  acquire_ = interpreter_lock_hooks.acquire;
  state_ = interpreter_lock_hooks.release();
}

WithoutInterpreterLock::~WithoutInterpreterLock() {
  if (acquire_) acquire_(state_);
}

}  // namespace steep::runtime
