// Where in the user's program a launch comes from: the layer that made it, and the phase of the
// training step. Tracked only while something follows sites (a profile or a recording); otherwise
// only a flag is read.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace steep::program {

enum class Phase : uint8_t { forward, backward, optimizer };
const char* name(Phase phase);

struct Site {
  const char* layer = nullptr;  // a lasting() name, such as "encoder.0"; null outside of any layer
  Phase phase = Phase::forward;
};

// A copy of the name that lasts as long as the process, so that nodes, programs and profiles can
// keep a pointer to it. Equal names have one copy.
const char* lasting(const std::string& name);

extern std::atomic<int> site_followers;
inline bool sites_followed() { return site_followers.load(std::memory_order_relaxed) > 0; }
inline void follow_sites() { site_followers.fetch_add(1, std::memory_order_relaxed); }
inline void unfollow_sites() { site_followers.fetch_sub(1, std::memory_order_relaxed); }

// While it is above 0, compiled functions run eagerly, as long as sites are followed as well: hooks
// are registered that a replay would not call.
extern std::atomic<int> eager_demands;

// Of this thread. Meaningful, and to be changed, only while sites are followed.
Site& thread_site();
inline Site current_site() { return sites_followed() ? thread_site() : Site(); }

// Sets the site for a scope. For example, a node's gradient rule runs at the layer that recorded
// the node.
class AtSite {
 public:
  explicit AtSite(const Site& site) : active_(sites_followed()) {
    if (active_) enter(site);
  }
  // Changes the layer alone, or the phase alone.
  explicit AtSite(const char* layer) : active_(sites_followed()) {
    if (active_) enter({layer, thread_site().phase});
  }
  explicit AtSite(Phase phase) : active_(sites_followed()) {
    if (active_) enter({thread_site().layer, phase});
  }
  ~AtSite() {
    if (active_) thread_site() = before_;
  }
  AtSite(const AtSite&) = delete;
  AtSite& operator=(const AtSite&) = delete;
  // Whether sites are followed.
  explicit operator bool() const { return active_; }

 private:
  void enter(const Site& site) {
    before_ = thread_site();
    thread_site() = site;
  }

  const bool active_;
  Site before_;
};

}  // namespace steep::program
