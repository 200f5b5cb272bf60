#include "program/site.h"

#include <set>

#include "runtime/fork.h"

namespace steep::program {

std::atomic<int> site_followers{0};
std::atomic<int> eager_demands{0};

const char* name(Phase phase) {
  constexpr const char* kNames[] = {"forward", "backward", "optimizer"};
  return kNames[static_cast<int>(phase)];
}

const char* lasting(const std::string& name) {
  // Never destroyed: threads may outlive the statics.
  static auto* const mutex = new runtime::Mutex();
  static auto* const names = new std::set<std::string>();
  const runtime::Lock lock(*mutex);
  return names->insert(name).first->c_str();
}

Site& thread_site() {
  static thread_local Site site;
  return site;
}

}  // namespace steep::program
