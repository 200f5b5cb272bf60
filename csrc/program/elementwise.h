// How an elementwise loop is applied to tensors: broadcasting, collapsing of dimensions, blocks, threads.
#pragma once

#include "program/running_kernel.h"

namespace steep::program {

constexpr int kMaxOperands = 1 + kMaxElementwiseInputs;

// A number as an element of the compute type.
struct NumberBits {
  alignas(8) char element[8];
};

// A launch worked out as far as it can be without the operands' addresses: dimensions from
// outermost to innermost of the output's memory, merged where all operands allow it; strides in
// elements, one list an operand. Not to be copied: data may point at the numbers.
struct LoopNest {
  kernels::Loop loop;
  int operands;
  int64_t total;
  int64_t rows = 0;  // shares end where one of so many rows does; 0: anywhere
  bool flat;  // one loop does: every tensor contiguous and of the output's shape, or a single value
  int64_t steps[kMaxOperands];  // of the flat loop
  Dims shape;                   // else
  Dims strides[kMaxOperands];
  char* data[kMaxOperands];
  int64_t size[kMaxOperands];  // bytes of an element
  NumberBits numbers[kMaxOperands];
};

kernels::Loop loop_of(const Call& call);
NumberBits bits_of(const Number& number, DType type);
// Whether one flat loop does, and the step of each operand in it.
bool is_flat(const Call& call, int64_t* steps);

// Fills in all but the addresses of tensors.
void describe(const Call& call, LoopNest& nest);
// The part of rank `rank` among `size`.
void run_share(const LoopNest& nest, int rank, int size);

void execute_elementwise(const Call& call, Terms& terms);

// The share of n elements, in so many rows if they are to stay whole, that falls to a rank.
struct Share {
  int64_t begin, end;
};
Share share_of(int64_t n, int64_t rows, int rank, int size);

}  // namespace steep::program
