// Softmax, logarithm and loss of classes in one pass over each row.
//
//   loss[r] = log(sum(exp(x[r] - max))) - (x[r][target] - max)
//   shift[r] = max, log(sum(exp(x[r] - max)))
//   grad_x[r][j] = (exp((x[r][j] - max) - log(sum)) - (j == target)) * grad / count
//
// The two parts of log(sum(exp(x))) are kept apart: beside a large maximum their sum would round
// the logarithm away. An ignored row has loss, shift and gradient 0. The mean of no rows is NaN.
// The caller has checked the targets; one outside [0, classes) all the same is never used as an
// index, and makes the loss NaN.
#pragma once

#include "kernels/kernel.h"
#include "kernels/loss/reduction.h"

namespace steep::kernels {

struct CrossEntropy {
  int64_t n, classes, ignore_index;
  LossReduction reduction;
};

// CrossEntropy.  Operands: loss (1, or n for none), shift[n, 2], count[1] (T, rows not ignored),
// x[n, classes], target[n] (int64).
extern Kernel kCrossEntropy;
// CrossEntropy.  Operands: grad_x[n, classes], grad (1, or n for none), shift, count, x, target.
extern Kernel kCrossEntropyBackward;

}  // namespace steep::kernels
