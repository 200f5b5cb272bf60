// The profiler's collector: what ran, when, and on whose behalf. One for the process, told by every
// thread: by launch() for each launch, by a program's replay for each step, by Python for the
// ranges around them.
#pragma once

#include <atomic>
#include <vector>

#include "program/kernel.h"
#include "program/site.h"
#include "runtime/fork.h"

namespace steep::program {

struct ProfileEvent {
  // Ranges hold other events of their thread: a call of a layer, a pass or a step of the engine's,
  // a user's own.
  enum class Kind : uint8_t { kernel, layer, phase, range };

  const char* name;  // lives as long as the process: a kernel's, or a lasting() one
  const char* layer = nullptr;
  int64_t start = 0, end = 0;  // by Profile::now()
  int threads = 1;
  int64_t bytes = 0, flops = 0;
  // What a replayed step may leave out.
  Kind kind = Kind::kernel;
  Phase phase = Phase::forward;
  const char* dtype = "";
  Dims shape = {};      // of the first operand
  uint64_t thread = 0;  // set by add()
};
const char* name(ProfileEvent::Kind kind);

class Profile {
 public:
  // The collector while a profile runs, else null: one branch on a plain pointer. It is never
  // freed, so a thread that has just got it may still call add() after the end; what it adds is
  // then dropped.
  static Profile* active() { return active_.load(std::memory_order_acquire); }

  // Begins, and gives the number of this thread; refuses while one runs.
  static uint64_t start();
  // Ends, and gives what was added, in order of the ends, with times from the start on. Refuses
  // where none runs.
  static std::vector<ProfileEvent> stop(int64_t* duration);
  // In a forked child, which goes on without its parent's profile.
  static void abandon();

  // Nanoseconds of a clock that only goes forward.
  static int64_t now();

  // A range: its start, 0 where no profile runs; and its end, which adds it to the profile it
  // started in, if any.
  static int64_t start_of_range() { return active() ? now() : 0; }
  static void end_range(ProfileEvent::Kind kind, const char* name, int64_t start) noexcept;

  // Any thread; what began before the profile did is not of it.
  void add(ProfileEvent event);
  // A launch; its site is the thread's.
  void add(const Call& call, int64_t start, int64_t end, int threads, double bytes, double flops);

 private:
  static std::atomic<Profile*> active_;

  runtime::Mutex mutex_;
  std::vector<ProfileEvent> events_;
  int64_t start_ = 0;
  bool running_ = false;
};

}  // namespace steep::program
