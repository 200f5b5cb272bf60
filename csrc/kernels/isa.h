// Names of one instruction set's build of the kernels. CMake compiles every kernel source once per
// set with -DSTEEP_ISA=<name>; all that is compiled for the set lives in an anonymous namespace,
// but its one entry, STEEP_FILL(family), whose name carries the set. (The functions of kernel.h
// with other linkage are used in constant initialisers, and in what STEEP_DESCRIBES says, alone.)
#pragma once

#include "kernels/kernel.h"

#define STEEP_PASTE_(a, b) fill_##a##_##b
#define STEEP_PASTE(a, b) STEEP_PASTE_(a, b)
#define STEEP_FILL(family) STEEP_PASTE(family, STEEP_ISA)

// 1 in the build for the least capable set, which every CPU can run: that one defines the handles,
// with their cost, scratch and rows, for all.
#ifndef STEEP_DESCRIBES
#define STEEP_DESCRIBES 0
#endif

// FMA wherever the set has it; the baseline multiplies and adds. Written out, never left to
// contraction.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define STEEP_HAS_FMA 1
#else
#define STEEP_HAS_FMA 0
#endif

namespace steep::kernels {
namespace {

// Enter a kernel's function for element type T.
template <class T>
inline void set_loop(Kernel& kernel, Loop loop) {
  kernel.loops.at[kTypeIndex<T>] = loop;
}
template <class T>
inline void set_routine(Kernel& kernel, Routine routine) {
  kernel.routines.at[kTypeIndex<T>] = routine;
}

}  // namespace
}  // namespace steep::kernels
