// Casts between all types, and moves between strided arrays and contiguous blocks.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// to <- from: C conversion; to bool is x != 0; float to integer truncates.
extern Kernel kCast;
// From a type, to a type.
extern PerType<PerType<Loop>> casts;

// Moves n elements between a strided array (stride in elements, may be 0 or negative) and a
// contiguous block.
using Move = void (*)(void* block, void* strided, int64_t stride, int64_t n);
// Moves rows of elements to other places, distances in elements.
struct Rectangle {
  int64_t rows, cols, to_row, to_col, from_row, from_col;
};
using Transfer = void (*)(void* to, const void* from, const Rectangle& rectangle);
struct Moves {
  Move gather = nullptr;   // strided -> block
  Move scatter = nullptr;  // block -> strided
  Transfer transfer = nullptr;
};
// By the bytes of an element: 1, 4 or 8.
constexpr int kWidestElement = 8;
extern Moves moves[kWidestElement + 1];

}  // namespace steep::kernels
