// What of the machine this process may use: its affinity and its control group's limits.
#pragma once

#include <cstdint>
#include <string>

namespace steep::runtime {

// Physical cores within the affinity and the CPU quota (rounded up); at least 1.
int usable_cores();

// Hardware threads within the affinity; at least 1.
int usable_hardware_threads();

// Bytes of memory: the machine's, or the control group's limit where that is less.
int64_t usable_memory();

// The control group that `membership` (the text of /proc/self/cgroup) names, below `mount`
// (/sys/fs/cgroup). A limit anywhere up to the root counts. 0 when there is none.
double cgroup_cpus(const std::string& membership, const std::string& mount);
int64_t cgroup_memory(const std::string& membership, const std::string& mount);

}  // namespace steep::runtime
