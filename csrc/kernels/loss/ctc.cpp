#include "kernels/loss/ctc.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/vec_exp.h"
#include "kernels/simd/vec_log.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
int64_t most_states(const Ctc& ctc) { return 2 * (ctc.width < 0 ? ctc.labels : ctc.width) + 1; }
Cost cost(const LaunchView& launch) {
  const Ctc& ctc = launch.as<Ctc>();
  constexpr double kFlops = 60;  // of a state in a step: three exponentials and a logarithm
  return {kFlops * static_cast<double>(ctc_room(ctc)), launch.bytes};
}
// One rank's rows of states: which class, what may be skipped, y, and two of a recursion.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  const int64_t row = most_states(launch.as<Ctc>()) + 2 * kCtcFront;
  return ceil_div(row * (8 + 4 * launch.element_size), 64) * 64;
}
}  // namespace

Kernel kCtc = routine("ctc", Kind::opaque, "wwr").with_cost(cost).with_scratch(scratch, true);
Kernel kCtcBackward =
    routine("ctc_backward", Kind::opaque, "wr").with_cost(cost).with_scratch(scratch, true);
#endif

namespace {

template <class T>
constexpr T kNever = -static_cast<T>(__builtin_inf());  // the logarithm of 0

// log(e^a + e^b + e^c); of what cannot be, what cannot be.
template <class T>
STEEP_INLINE T log_sum(T a, T b, T c) {
  const T ab = a > b ? a : b, top = ab > c ? ab : c;
  const T by = top == kNever<T> ? T(0) : top;
  return vec::log(vec::exp(a - by) + vec::exp(b - by) + vec::exp(c - by)) + top;
}

// out[s] = log(e^x + e^y + e^(z + skip)) + now, each at s: one step for all states.
template <class T>
__attribute__((noinline)) void log_sums(T* out, const T* x, const T* y, const T* z, const T* skip,
                                        const T* now, int64_t n) {
#pragma omp simd
  for (int64_t s = 0; s < n; ++s) out[s] = log_sum(x[s], y[s], z[s] + skip[s]) + now[s];
}

// One sample: its states, and rows for the recursions over them.
template <class T>
class CtcSample {
 public:
  CtcSample(const Task& task, int first_operand)
      : how_(arguments<Ctc>(task)),
        y_(static_cast<const T*>(task.data[first_operand])),
        targets_(static_cast<const int64_t*>(task.data[first_operand + 1])),
        input_lengths_(static_cast<const int64_t*>(task.data[first_operand + 2])),
        target_lengths_(static_cast<const int64_t*>(task.data[first_operand + 3])) {
    const int64_t most = 2 * (how_.width < 0 ? how_.labels : how_.width) + 1 + 2 * kCtcFront;
    classes_ = static_cast<int64_t*>(task.scratch);
    T* const rows = reinterpret_cast<T*>(classes_ + most);
    skips_ = rows, now_ = rows + most, first_ = rows + 2 * most, second_ = rows + 3 * most;
  }

  // Goes to sample n: which states there are, and where what belongs to it lies.
  void go_to(int64_t n) {
    sample_ = n;
    before_ = how_.width < 0 ? 0 : n * how_.width;
    for (int64_t i = 0; how_.width < 0 && i < n; ++i) before_ += within(target_lengths_[i]);
    const int64_t room = how_.width < 0 ? how_.labels - before_ : how_.width;
    const int64_t labels = room < target_length() ? room : target_length();
    states_ = 2 * labels + 1;
    const int64_t* const target = targets_ + before_;
    for (int64_t s = 0; s < states_; ++s) {
      const int64_t label = s % 2 ? target[s / 2] : how_.blank;
      classes_[s] = static_cast<uint64_t>(label) < static_cast<uint64_t>(how_.classes) ? label : 0;
    }
    for (int64_t s = 0; s < states_ + kCtcFront; ++s) {
      const bool other = s % 2 && s > 1 && s < states_ && classes_[s] != classes_[s - 2];
      skips_[s] = other ? T(0) : kNever<T>;
    }
  }

  int64_t states() const { return states_; }
  int64_t steps() const {
    const int64_t length = input_lengths_[sample_];
    return length < 0 ? 0 : length < how_.steps ? length : how_.steps;
  }
  // Where the sample's rows of alpha begin, and how far apart they are.
  int64_t stride() const {
    const int64_t labels = how_.width < 0 ? (states_ - 1) / 2 : how_.width;
    return 2 * labels + 1 + kCtcFront;
  }
  int64_t first_row() const { return how_.steps * (2 * before_ + (1 + kCtcFront) * sample_); }
  const T* y(int64_t t) const { return y_ + (t * how_.batch + sample_) * how_.classes; }
  const int64_t* classes() const { return classes_; }

  // alpha of step t from the row before it (null: of the first step), both with states in front.
  // Returns what has been taken from all of it.
  T forward(int64_t t, const T* before, T* alpha) const {
    take(t);
    for (int64_t s = 0; s < kCtcFront; ++s) alpha[s] = kNever<T>;
    alpha += kCtcFront;
    if (!before) {
      for (int64_t s = 0; s < states_; ++s) alpha[s] = s < 2 ? now_[s] : kNever<T>;
      return settled(alpha);
    }
    before += kCtcFront;
    log_sums(alpha, before, before - 1, before - 2, skips_, now_, states_);
    return settled(alpha);
  }
  // beta of step t from the row after it, with states behind.
  void back(int64_t t, const T* after, T* beta) const {
    take(t);
    for (int64_t s = 0; s < kCtcFront; ++s) beta[states_ + s] = kNever<T>;
    if (!after) {
      for (int64_t s = 0; s < states_; ++s) beta[s] = s + 2 < states_ ? kNever<T> : now_[s];
    } else {
      log_sums(beta, after, after + 1, after + 2, skips_ + kCtcFront, now_, states_);
    }
    settled(beta);
  }
  // The logarithm of the sum over the states in which all labels have been seen.
  T end(const T* alpha) const {
    const T* const last = alpha + kCtcFront + states_ - 1;
    const T never = kNever<T>, nothing = 0;
    T sum;
    log_sums(&sum, last, states_ > 1 ? last - 1 : &never, &never, &nothing, &nothing, 1);
    return sum;
  }
  // Takes the probabilities of the states in the step last taken from what each class has.
  void take_probabilities(const T* alpha, const T* beta, T* of_classes) const {
    alpha += kCtcFront;
#pragma omp simd
    for (int64_t s = 0; s < states_; ++s) {
      const T both = alpha[s] + beta[s];
      now_[s] = both == kNever<T> ? both : both - now_[s];
    }
    settled(now_);
    T sum = 0;
#pragma omp simd
    for (int64_t s = 0; s < states_; ++s) now_[s] = vec::exp(now_[s]);
    for (int64_t s = 0; s < states_; ++s) sum += now_[s];
    const T share = T(1) / sum;
    for (int64_t s = 0; s < states_; ++s) of_classes[classes_[s]] -= now_[s] * share;
  }
  T* row(int64_t which) const { return which % 2 ? second_ : first_; }

 private:
  static int64_t within(int64_t length) { return length < 0 ? 0 : length; }
  int64_t target_length() const { return within(target_lengths_[sample_]); }
  // Takes the largest of a row from all of it, and returns it: the logarithm of a likelihood of many
  // steps is a large number, beside which a state's part would be rounded away.
  T settled(T* row) const {
    T top = kNever<T>;
    for (int64_t s = 0; s < states_; ++s) top = row[s] > top ? row[s] : top;
    if (top == kNever<T>) return 0;
#pragma omp simd
    for (int64_t s = 0; s < states_; ++s) row[s] -= top;
    return top;
  }
  // y of each state in step t.
  void take(int64_t t) const {
    const T* const of_step = y(t);
    for (int64_t s = 0; s < states_; ++s) now_[s] = of_step[classes_[s]];
  }

  const Ctc& how_;
  const T* const y_;
  const int64_t *const targets_, *const input_lengths_, *const target_lengths_;
  int64_t* classes_;  // of each state
  T *skips_, *now_, *first_, *second_;
  int64_t sample_ = 0, before_ = 0, states_ = 1;
};

template <class T>
void ctc(const Task& task) {
  const Ctc& how = arguments<Ctc>(task);
  T* const loss = static_cast<T*>(task.data[0]);
  T* const kept = static_cast<T*>(task.data[1]);
  CtcSample<T> sample(task, 2);
  const Range mine = share(how.batch, 1, task.rank, task.size);
  for (int64_t n = mine.begin; n < mine.end; ++n) {
    sample.go_to(n);
    const T* last = nullptr;
    double taken = 0;
    for (int64_t t = 0; t < sample.steps(); ++t) {
      T* const alpha = kept ? kept + sample.first_row() + t * sample.stride() : sample.row(t);
      taken += static_cast<double>(sample.forward(t, last, alpha));
      last = alpha;
    }
    // Without steps there is one way to have no labels.
    const T end = last ? sample.end(last) : sample.states() == 1 ? T(0) : kNever<T>;
    loss[n] = static_cast<T>(-(taken + static_cast<double>(end)));
  }
}

// grad_y of one sample.
template <class T>
void ctc_sample_backward(CtcSample<T>& sample, const Ctc& how, int64_t n, T* grad_y, T grad,
                         const T* kept, T loss) {
  const bool none = loss == -kNever<T>;
  const int64_t step = how.batch * how.classes, steps = sample.steps();
  T* out = grad_y + n * how.classes + how.steps * step;
  const T* after = nullptr;
  for (int64_t t = how.steps - 1; t >= 0; --t) {
    out -= step;
    if (t >= steps || none) {
      const bool wrong = t < steps && !how.zero_infinity;
      for (int64_t k = 0; k < how.classes; ++k)
        out[k] = wrong ? static_cast<T>(__builtin_nan("")) : T(0);
      continue;
    }
    T* const beta = sample.row(t);
    sample.back(t, after, beta);
    after = beta;
    const T* const y = sample.y(t);
#pragma omp simd
    for (int64_t k = 0; k < how.classes; ++k) out[k] = vec::exp(y[k]);
    sample.take_probabilities(kept + sample.first_row() + t * sample.stride(), beta, out);
#pragma omp simd
    for (int64_t k = 0; k < how.classes; ++k) out[k] *= grad;
  }
}

template <class T>
void ctc_backward(const Task& task) {
  const Ctc& how = arguments<Ctc>(task);
  T* const grad_y = static_cast<T*>(task.data[0]);
  const T* const grad = static_cast<const T*>(task.data[1]);
  const T* const loss = static_cast<const T*>(task.data[2]);
  const T* const alpha = static_cast<const T*>(task.data[3]);
  CtcSample<T> sample(task, 4);
  const Range mine = share(how.batch, 1, task.rank, task.size);
  for (int64_t n = mine.begin; n < mine.end; ++n) {
    sample.go_to(n);
    ctc_sample_backward(sample, how, n, grad_y, grad[n], alpha, loss[n]);
  }
}

template <class T>
void fill() {
  set_routine<T>(kCtc, ctc<T>);
  set_routine<T>(kCtcBackward, ctc_backward<T>);
}

}  // namespace

void STEEP_FILL(loss_ctc)() {
  fill<float>();
  fill<double>();
}

}  // namespace steep::kernels
