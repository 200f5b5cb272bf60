#include "program/profile.h"

#include <chrono>
#include <new>

namespace steep::program {

namespace {

Profile& collector() {
  static auto* const profile = new Profile();
  return *profile;
}

uint64_t this_thread() {
  static std::atomic<uint64_t> last{0};
  static thread_local const uint64_t number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

}  // namespace

std::atomic<Profile*> Profile::active_{nullptr};

const char* name(ProfileEvent::Kind kind) {
  constexpr const char* kNames[] = {"kernel", "layer", "phase", "range"};
  return kNames[static_cast<int>(kind)];
}

int64_t Profile::now() {
  using std::chrono::nanoseconds;
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<nanoseconds>(time).count();
}

uint64_t Profile::start() {
  Profile& profile = collector();
  const runtime::Lock lock(profile.mutex_);
  if (profile.running_) {
    throw Error(ErrorKind::runtime,
                "profile: a profile is already running, in this thread or another; profiles do not "
                "nest: use record_function() to mark a part of one");
  }
  // Reserved now, so that no launch has to wait for it.
  profile.events_.reserve(4096);
  profile.running_ = true;
  profile.start_ = now();
  active_.store(&profile, std::memory_order_release);
  return this_thread();
}

std::vector<ProfileEvent> Profile::stop(int64_t* duration) {
  Profile& profile = collector();
  const runtime::Lock lock(profile.mutex_);
  if (!profile.running_) throw Error(ErrorKind::runtime, "profile: no profile is running");
  *duration = now() - profile.start_;
  profile.running_ = false;
  active_.store(profile.watches_ ? &profile : nullptr, std::memory_order_release);
  std::vector<ProfileEvent> events;
  events.swap(profile.events_);
  for (ProfileEvent& event : events) {
    event.start -= profile.start_;
    event.end -= profile.start_;
  }
  return events;
}

void Profile::abandon() {
  Profile& profile = collector();
  const runtime::Lock lock(profile.mutex_);
  profile.running_ = false;
  active_.store(profile.watches_ ? &profile : nullptr, std::memory_order_release);
  profile.events_.clear();
}

void Profile::count_watches(int more) {
  Profile& profile = collector();
  const runtime::Lock lock(profile.mutex_);
  profile.watches_ += more;
  const bool is_used = profile.running_ || profile.watches_;
  active_.store(is_used ? &profile : nullptr, std::memory_order_release);
}

void Profile::end_range(ProfileEvent::Kind kind, const char* name, int64_t start) noexcept {
  Profile* profile = active();
  if (!profile || !start) return;
  const Site site = current_site();
  ProfileEvent event{name, site.layer, start, now()};
  event.kind = kind;
  event.phase = site.phase;
  try {
    profile->add(std::move(event));
  } catch (
      const std::bad_alloc&) {  // called from destructors: losing a range is better than aborting
  }
}

void Profile::add(ProfileEvent event) {
  event.thread = this_thread();
  const runtime::Lock lock(mutex_);
  if (running_ && event.start >= start_) events_.push_back(std::move(event));
}

void Profile::add(const Call& call, int64_t start, int64_t end, int threads, double bytes,
                  double flops) {
  const Site site = current_site();
  ProfileEvent event{
      call.kernel->name,          site.layer, start, end, threads, static_cast<int64_t>(bytes),
      static_cast<int64_t>(flops)};
  event.phase = site.phase;
  event.dtype = name(call.type);
  const TensorImpl* first = call.operand_count ? call.operands[0].tensor() : nullptr;
  if (first) event.shape = first->shape;
  add(std::move(event));
}

}  // namespace steep::program
