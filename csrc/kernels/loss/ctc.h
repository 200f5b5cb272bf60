// Connectionist temporal classification (Graves, Fernandez, Gomez and Schmidhuber, 2006): minus the
// logarithm of the probability of a sequence of labels, summed over all ways in which they may be
// spread over the steps, with blanks between them.
//
// The labels l with a blank b around each are states: b l1 b l2 ... b, 2 S + 1 of them. With the
// logarithm y[t][k] of the probability of class k in step t,
//
//   alpha[t][s] = log(e^alpha[t-1][s] + e^alpha[t-1][s-1] + e^alpha[t-1][s-2]) + y[t][state s]
//   loss = -log(e^alpha[T-1][2 S] + e^alpha[T-1][2 S - 1])
//
// where s-2 counts if s is a label other than the one before. beta is the same from the end. Each
// row of them has its largest taken from all of it, for the loss to add up by itself: so the
// probability to be in a state keeps its digits, however many steps there are,
//
//   p[t][s] = e^(alpha + beta - y) / sum of these over s
//   grad_y[t][k] = (e^y[t][k] - sum over states s of class k of p[t][s]) * grad
//
// which is the gradient of what a log_softmax was given, as PyTorch has it: log_softmax's own
// gradient leaves it as it is. A sample without any such way has the loss infinity and NaN for
// gradients, or with zero_infinity 0 for both.
//
// Ranks share the samples, whose states are in the order of s everywhere.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

struct Ctc {
  int64_t steps, batch, classes;
  // Columns of targets, where it is [batch, width]; -1: the samples' labels one after the other.
  int64_t width;
  int64_t labels;  // in all of targets
  int64_t blank;
  Flag zero_infinity;
};

// Ctc.  Operands: loss[batch] (infinite where it is, whatever zero_infinity says), alpha (as many
// elements as ctc_room says, or left out), y[steps, batch, classes], targets, input_lengths[batch],
// target_lengths[batch] (all three int64). The caller has checked lengths and labels; of those that
// are wrong all the same none is used as an index.
extern Kernel kCtc;
// Ctc.  Operands: grad_y, grad[batch], loss, alpha, y, targets, input_lengths, target_lengths.
extern Kernel kCtcBackward;

namespace {
// In front of the states of a step lie two that cannot be, so that s-1 and s-2 are always there.
constexpr int64_t kCtcFront = 2;
// The elements of alpha: for each sample and step its states and those in front.
constexpr int64_t ctc_room(const Ctc& ctc) {
  const int64_t labels = ctc.width < 0 ? ctc.labels : ctc.batch * ctc.width;
  return ctc.steps * (2 * labels + (1 + kCtcFront) * ctc.batch);
}
}  // namespace

}  // namespace steep::kernels
