// The profiler's collector: what ran, when, and for which layer. There is one for the process.
// launch() adds each launch, a replay each step, and Python the ranges around them.
#pragma once

#include <atomic>
#include <vector>

#include "program/kernel.h"
#include "program/site.h"
#include "runtime/fork.h"

namespace steep::program {

struct ProfileEvent {
  // All but `kernel` are ranges, which contain other events of their thread: a call of a layer, a
  // phase of the training step, or a range of the user's.
  enum class Kind : uint8_t { kernel, layer, phase, range };

  const char* name;  // valid for the life of the process: a kernel's name, or a lasting() one
  const char* layer = nullptr;
  int64_t start = 0, end = 0;  // by Profile::now()
  int threads = 1;
  int64_t bytes = 0, flops = 0;
  // Left out of some events of replayed steps.
  Kind kind = Kind::kernel;
  Phase phase = Phase::forward;
  const char* dtype = "";
  Dims shape = {};      // of the first operand
  uint64_t thread = 0;  // set by add()
};
const char* name(ProfileEvent::Kind kind);

class Profile {
 public:
  // The collector while a profile runs or launches are watched, else null. It is never freed, so a
  // thread that has just got the pointer may still call add() after the profile has ended, which
  // then does nothing.
  static Profile* active() { return active_.load(std::memory_order_acquire); }

  // Begins a profile and returns the number of this thread; throws if one is running.
  static uint64_t start();
  // Ends the profile and returns its events, in the order in which they ended, with times counted
  // from its start. Throws if none is running.
  static std::vector<ProfileEvent> stop(int64_t* duration);
  // Launches are looked at by a LaunchWatch (program/launch_watch.h) on some thread, or one less:
  // it shares the one test that a launch makes for a profile.
  static void count_watches(int more);
  // For a forked child, which does not continue its parent's profile.
  static void abandon();

  // Nanoseconds of a monotonic clock.
  static int64_t now();

  // A range: its start time, 0 if no profile runs; and its end, which adds it to the profile that
  // it started in, if any.
  static int64_t start_of_range() { return active() ? now() : 0; }
  static void end_range(ProfileEvent::Kind kind, const char* name, int64_t start) noexcept;

  // May be called by any thread. An event that began before the profile is dropped.
  void add(ProfileEvent event);
  // Adds a launch from the thread's current site.
  void add(const Call& call, int64_t start, int64_t end, int threads, double bytes, double flops);

 private:
  static std::atomic<Profile*> active_;

  runtime::Mutex mutex_;
  std::vector<ProfileEvent> events_;
  int64_t start_ = 0;
  bool running_ = false;
  int watches_ = 0;
};

}  // namespace steep::program
