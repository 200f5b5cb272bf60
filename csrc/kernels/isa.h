// Names of one instruction set's build of the kernels. CMake compiles every kernel file once per
// set with -DSTEEP_ISA=<name>; all definitions of a kernel file live in an anonymous namespace but
// its one entry, STEEP_FILL(family), whose name carries the set.
#pragma once

#define STEEP_PASTE_(a, b) fill_##a##_##b
#define STEEP_PASTE(a, b) STEEP_PASTE_(a, b)
#define STEEP_FILL(family) STEEP_PASTE(family, STEEP_ISA)

// FMA wherever the set has it; the baseline multiplies and adds. Written out, never left to
// contraction.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define STEEP_HAS_FMA 1
#else
#define STEEP_HAS_FMA 0
#endif
