// How an elementwise loop is applied to tensors: broadcasting, collapsing of dimensions, blocks,
// threads.
#pragma once

#include "kernels/elementwise/cast.h"
#include "program/running_kernel.h"

namespace steep::program {

constexpr int kMaxOperands = 1 + kMaxElementwiseInputs;

// A number as an element of the compute type.
struct NumberBits {
  alignas(8) char element[8];
};

// An elementwise launch worked out as far as possible without the addresses of tensors: dimensions
// ordered from outermost to innermost in the output's memory, and merged where all operands allow
// it; strides in elements, a list for each operand. Not to be copied, because data may point at the
// numbers.
struct LoopNest {
  kernels::Loop loop;
  kernels::Transfer transfer = nullptr;  // what a copy is done by, if it is not flat
  int operands;
  int64_t total;
  int64_t rows = 0;  // if not 0: threads' shares consist of whole rows, of so many
  // One loop is enough: every tensor is contiguous with the output's shape, or a single value.
  bool flat;
  int64_t steps[kMaxOperands];  // of the flat loop
  Dims shape;                   // else
  Dims strides[kMaxOperands];
  char* data[kMaxOperands];
  int64_t size[kMaxOperands];  // bytes of an element
  NumberBits numbers[kMaxOperands];
};

kernels::Loop loop_of(const Call& call);
NumberBits bits_of(const Number& number, DType type);
// Whether one flat loop is enough, and the step of each operand in it.
bool is_flat(const Call& call, int64_t* steps);

// Fills in all but the addresses of tensors.
void describe(const Call& call, LoopNest& nest);
// Runs the share of rank `rank` of `size`.
void run_share(const LoopNest& nest, int rank, int size);

void execute_elementwise(const Call& call, Terms& terms);

// A rank's share of n elements; if `rows` is not 0, whole rows of so many.
struct Share {
  int64_t begin, end;
};
Share share_of(int64_t n, int64_t rows, int rank, int size);

}  // namespace steep::program
