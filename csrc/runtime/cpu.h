// Which build of the kernels this process runs.
//
// The choice is made once, at load, from CPUID and from what the operating system saves on a
// context switch (XGETBV). STEEP_CPU=baseline|avx2|avx512|neon|scalar_fma overrides it, which is
// how the test suite compares the builds.
#pragma once

#include <string>
#include <vector>

namespace steep::runtime {

enum class Level { baseline, scalar_fma, avx2, avx512, neon };

// Chooses the level, and enters its loops into the kernels. Throws std::runtime_error when
// STEEP_CPU names a level that is unknown, was not built, or that this CPU cannot run. Called at
// module load; calling it again chooses again.
void select_level();

// The chosen level's name: "avx2", ...
const char* level_name();

// Every level that is built in and that this CPU can run, in the order of Level.
std::vector<std::string> available_levels();

}  // namespace steep::runtime
