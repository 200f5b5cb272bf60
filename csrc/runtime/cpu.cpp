#include "runtime/cpu.h"

#include <cstdlib>
#include <stdexcept>

#include "runtime/levels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace steep::runtime {
namespace {

struct Features {
  bool avx2_fma = false;
  bool avx512 = false;  // the subsets the kernels are compiled for: F, BW, DQ, VL
  bool vbmi2 = false;   // see chosen_unasked
};

#if defined(__x86_64__)

// Which register files the operating system saves: without that, an instruction the CPU has would
// still lose its registers at the next context switch.
uint64_t saved_registers() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

Features detect() {
  constexpr uint32_t kOsXsave = 1u << 27, kFma = 1u << 12, kAvx = 1u << 28;
  constexpr uint32_t kAvx2 = 1u << 5;
  constexpr uint32_t kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  constexpr uint32_t kVbmi2 = 1u << 6;
  constexpr uint64_t kYmm = 0x06, kZmm = 0xe6;
  Features features;
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsXsave)) return features;
  const uint32_t leaf1 = c;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
  const uint64_t saved = saved_registers();
  features.avx2_fma = (saved & kYmm) == kYmm && (leaf1 & kFma) && (leaf1 & kAvx) && (b & kAvx2);
  features.avx512 = features.avx2_fma && (saved & kZmm) == kZmm && (b & kAvx512) == kAvx512;
  features.vbmi2 = c & kVbmi2;
  return features;
}

#else

Features detect() { return {}; }

#endif

const Features& features() {
  static const Features found = detect();
  return found;
}

bool runs_here(Level level) {
  switch (level) {
    case Level::baseline:
    case Level::neon:  // built on aarch64 alone, where every CPU has it
      return true;
    case Level::scalar_fma:  // scalar code, in the encoding that came with AVX
    case Level::avx2:
      return features().avx2_fma;
    case Level::avx512:
      return features().avx512;
  }
  return false;
}

// scalar_fma exists for the tests alone. The first CPUs with AVX-512 (Skylake-X to Cascade Lake)
// run all code slower for a while after such an instruction; those that do not came with VBMI2 (Ice
// Lake, Zen 4), and are quicker with it on the whole: see benchmarks.levels.
bool chosen_unasked(Level level) {
  if (level == Level::avx512) return features().vbmi2;
  return level != Level::scalar_fma;
}

const Build& best_build() {
  const Build* best = nullptr;
  for (int i = 0; i < kBuildCount; ++i) {
    if (chosen_unasked(kBuilds[i].level) && runs_here(kBuilds[i].level)) best = &kBuilds[i];
  }
  if (!best) throw std::runtime_error("steep was built without kernels for this kind of CPU");
  return *best;
}

const Build& build_named(const std::string& name) {
  for (int i = 0; i < kBuildCount; ++i) {
    if (name == kBuilds[i].name && runs_here(kBuilds[i].level)) return kBuilds[i];
  }
  std::string levels;
  for (const std::string& level : available_levels()) {
    levels += (levels.empty() ? "" : ", ") + level;
  }
  bool known = false;
  for (const char* level : {"baseline", "scalar_fma", "avx2", "avx512", "neon"}) {
    known = known || name == level;
  }
  throw std::runtime_error(
      "STEEP_CPU: expected one of " + levels + ", got '" + name + "', " +
      (known ? "which this CPU or this build of steep does not have" : "which is not a level") +
      "; unset STEEP_CPU to let steep choose");
}

const char* chosen = nullptr;

}  // namespace

void select_level() {
  const char* wish = std::getenv("STEEP_CPU");
  const Build& build = wish && *wish ? build_named(wish) : best_build();
  build.fill();
  chosen = build.name;
}

const char* level_name() { return chosen; }

std::vector<std::string> available_levels() {
  std::vector<std::string> names;
  for (int i = 0; i < kBuildCount; ++i) {
    if (runs_here(kBuilds[i].level)) names.emplace_back(kBuilds[i].name);
  }
  return names;
}

}  // namespace steep::runtime
