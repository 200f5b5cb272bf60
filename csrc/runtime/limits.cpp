#include "runtime/limits.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace steep::runtime {
namespace {

constexpr const char* kMembership = "/proc/self/cgroup";
constexpr const char* kMount = "/sys/fs/cgroup";

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The directories whose files may limit this process through `controller`: its control group's and
// all above it. In version 2 (a line "0::/path") one tree serves all controllers; in version 1
// ("4:cpu,cpuacct:/path") each has its own. A container often sees its own group as the root, so
// directories of the path that do not exist are harmless: their files are simply not there.
std::vector<std::string> directories(const std::string& membership, const std::string& mount,
                                     const std::string& controller) {
  std::vector<std::string> found;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    std::vector<std::string> trees;
    if (names.empty()) {
      trees = {mount, mount + "/unified"};
    } else if (("," + names + ",").find("," + controller + ",") != std::string::npos) {
      trees = {mount + "/" + names, mount + "/" + controller};
    }
    std::string path = line.substr(second + 1);
    while (!path.empty() && path.back() == '/') path.pop_back();
    for (;;) {
      for (const std::string& tree : trees) found.push_back(tree + path);
      if (path.empty()) break;
      path.erase(std::min(path.rfind('/'), path.size() - 1));
    }
  }
  return found;
}

// Both files hold "quota period", or the word max for no limit; version 1 splits them and has -1.
double quota(const std::string& directory) {
  std::istringstream text(read_text(directory + "/cpu.max") + " " +
                          read_text(directory + "/cpu.cfs_quota_us") + " " +
                          read_text(directory + "/cpu.cfs_period_us"));
  double amount = 0, period = 0;
  if (!(text >> amount >> period) || amount <= 0 || period <= 0) return 0;
  return amount / period;
}

int64_t memory(const std::string& directory) {
  std::istringstream text(read_text(directory + "/memory.max") + " " +
                          read_text(directory + "/memory.limit_in_bytes"));
  int64_t bytes = 0;
  return text >> bytes && bytes > 0 ? bytes : 0;
}

template <typename Limit>
auto least(const std::vector<std::string>& directories, Limit limit) -> decltype(limit("")) {
  decltype(limit("")) result = 0;
  for (const std::string& directory : directories) {
    const auto value = limit(directory);
    if (value > 0 && (result == 0 || value < result)) result = value;
  }
  return result;
}

int hardware_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

#if defined(__linux__)

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {  // EINVAL: the mask was too short
    cpu_set_t* mask = CPU_ALLOC(capacity);
    if (!mask) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool known = sched_getaffinity(0, bytes, mask) == 0;
    for (int cpu = 0; known && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, mask)) cpus.push_back(cpu);
    }
    CPU_FREE(mask);
    if (known) break;
  }
  return cpus;
}

// Hardware threads of one core list the same siblings. A CPU that tells nothing counts as a core.
int allowed_cores() {
  std::set<std::string> cores;
  for (const int cpu : allowed_cpus()) {
    const std::string number = std::to_string(cpu);
    const std::string siblings =
        read_text("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? "cpu" + number : siblings);
  }
  return cores.empty() ? hardware_threads() : static_cast<int>(cores.size());
}

#else

int allowed_cores() {
#if defined(__APPLE__)
  int cores = 0;
  std::size_t size = sizeof cores;
  if (sysctlbyname("hw.physicalcpu", &cores, &size, nullptr, 0) == 0 && cores > 0) return cores;
#endif
  return hardware_threads();
}

#endif

}  // namespace

double cgroup_cpus(const std::string& membership, const std::string& mount) {
  return least(directories(membership, mount, "cpu"), quota);
}

int64_t cgroup_memory(const std::string& membership, const std::string& mount) {
  return least(directories(membership, mount, "memory"), memory);
}

int usable_cores() {
  const int cores = allowed_cores();
  const double limit = cgroup_cpus(read_text(kMembership), kMount);
  if (limit <= 0) return cores;
  int whole = 1;
  while (whole < cores && whole < limit) ++whole;
  return whole;
}

int usable_hardware_threads() {
#if defined(__linux__)
  const std::size_t allowed = allowed_cpus().size();
  if (allowed > 0) return static_cast<int>(allowed);
#endif
  return hardware_threads();
}

int64_t usable_memory() {
  const int64_t machine = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const int64_t limit = cgroup_memory(read_text(kMembership), kMount);
  return limit > 0 ? std::min(limit, machine) : machine;
}

}  // namespace steep::runtime
