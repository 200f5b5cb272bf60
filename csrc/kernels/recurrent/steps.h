// The recurrent kernels: recurrent.h says what they compute. They are compiled with gemm.cpp,
// whose tiles they share.
#pragma once

#include <cstdint>

#include "kernels/recurrent/cells.h"
#include "kernels/recurrent/panels.h"
#include "kernels/recurrent/recurrent.h"

namespace steep::kernels {
namespace {

// One rank's room, in elements: the packed weights of the recurrent product and of a projection,
// then rows that nobody keeps, and one of zeros.
struct RecurrentRoom {
  int64_t weights, projection, rows, zeros;
  constexpr int64_t all() const { return weights + projection + rows + zeros; }
};
constexpr RecurrentRoom recurrent_room(const Recurrent& how) {
  const int64_t gates = gates_of(how.cell);
  const int64_t forward = gates * panel_room(how.state, how.hidden);
  const int64_t back = panel_room(gates * how.hidden, how.state);
  RecurrentRoom room{forward < back ? back : forward, 0, how.batch * how.hidden, 0};
  if (how.state != how.hidden)
    room.projection = panel_room(how.hidden, how.state) + panel_room(how.state, how.hidden);
  room.zeros = how.state < how.hidden ? how.hidden : how.state;
  return room;
}

inline Cost recurrent_cost(const LaunchView& launch) {
  const Recurrent& how = launch.as<Recurrent>();
  constexpr double kSpeed = 4, kCell = 100;  // a gate's activation takes as many operations
  const double gates = static_cast<double>(gates_of(how.cell) * how.hidden);
  const double state = static_cast<double>(how.state);
  return {static_cast<double>(how.rows) * gates * (2 * state + kCell), launch.bytes, kSpeed};
}
inline int64_t recurrent_scratch(const LaunchView& launch, int /*threads*/) {
  return round_up(recurrent_room(launch.as<Recurrent>()).all() * launch.element_size, 64);
}

// One rank's part: sequences of the batch, and hidden units of each.
struct RecurrentPart {
  Range rows, units;
  bool split;  // whether other ranks have the other units
};

// The steps that the first `count` of packed sequences take together.
inline int64_t steps_of(const Recurrent& how, const int64_t* sizes, int64_t count) {
  int64_t steps = 0;
  for (int64_t t = 0; t < how.steps; ++t) steps += smaller(sizes[t], count);
  return steps;
}

// The first sequence of rank `rank`: steps of packed sequences are shared as evenly as can be.
inline int64_t first_sequence(const Recurrent& how, const int64_t* sizes, int rank, int size) {
  if (!how.packed) return how.batch * rank / size;
  int64_t low = 0, high = how.batch;  // the least count whose steps are this rank's share
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (steps_of(how, sizes, middle) * size >= how.rows * rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

inline RecurrentPart part_of(const Recurrent& how, const int64_t* sizes, int rank, int size) {
  const bool split = size > 1 && how.batch < size && how.state == how.hidden;
  if (split) return {{0, how.batch}, share(how.hidden, kMaxTileCols, rank, size), true};
  return {{first_sequence(how, sizes, rank, size), first_sequence(how, sizes, rank + 1, size)},
          {0, how.hidden},
          false};
}

// Calls step(at, rows) for each step: its first row of all, and how many of the part's it has.
// Going back, the steps come the other way round.
template <class Step>
void for_steps(const Recurrent& how, const int64_t* sizes, const RecurrentPart& part, bool back,
               Step step) {
  const bool falling = (how.reverse != 0) != back;
  int64_t at = falling ? how.rows : 0;
  for (int64_t i = 0; i < how.steps; ++i) {
    const int64_t size = how.packed ? sizes[falling ? how.steps - 1 - i : i] : how.batch;
    if (falling) at -= size;
    const int64_t rows = smaller(size, part.rows.end) - part.rows.begin;
    step(at + part.rows.begin, rows < 0 ? 0 : rows);
    if (!falling) at += size;
  }
}

template <class T>
void copy_units(T* out, const T* x, int64_t rows, int64_t stride, const Range& units) {
  for (int64_t i = 0; i < rows; ++i, out += stride, x += stride)
    __builtin_memcpy(out + units.begin, x + units.begin,
                     static_cast<uint64_t>(units.end - units.begin) * sizeof(T));
}

// Rows of state as they are given, or zeros.
template <class T>
void begin_state(T* state, const T* given, const Range& rows, int64_t stride, const Range& units) {
  for (int64_t i = rows.begin * stride; i < rows.end * stride; i += stride) {
    for (int64_t j = units.begin; j < units.end; ++j) state[i + j] = given ? given[i + j] : T(0);
  }
}

template <class T>
T* operand(const Task& task, int which) {
  return static_cast<T*>(task.data[which]);
}
// Row `row` of an operand that may have been left out.
template <class T>
T* row_of(T* x, int64_t row, int64_t stride) {
  return x ? x + row * stride : nullptr;
}

// ---- forward ----

template <class T>
class RecurrentForward {
 public:
  explicit RecurrentForward(const Task& task)
      : task_(task),
        how_(arguments<Recurrent>(task)),
        sizes_(sizes_after<Recurrent>(task)),
        part_(part_of(how_, sizes_, task.rank, task.size)),
        width_(gates_of(how_.cell) * how_.hidden) {}

  void run() {
    pack();
    const Range states = how_.state == how_.hidden ? part_.units : Range{0, how_.state};
    begin_state(last_h_, operand<const T>(task_, kRnnH0), part_.rows, how_.state, states);
    if (is_lstm())
      begin_state(last_c_, operand<const T>(task_, kRnnC0), part_.rows, how_.hidden, part_.units);
    if (part_.split) task_.barrier();
    for_steps(how_, sizes_, part_, false, [&](int64_t at, int64_t rows) {
      if (rows > 0) multiply(at, rows);
      if (part_.split) task_.barrier();  // all have read the state
      if (rows > 0) update(at, rows, states);
      if (part_.split) task_.barrier();  // all have written it
    });
  }

 private:
  bool is_lstm() const { return how_.cell == RecurrentCell::lstm; }
  bool is_gru() const { return how_.cell == RecurrentCell::gru; }
  bool projects() const { return how_.state != how_.hidden; }

  // Panels of neighbouring gates are one where the part has all units, but for a GRU's n, whose
  // product is kept by itself.
  void pack() {
    const RecurrentRoom room = recurrent_room(how_);
    T* const scratch = static_cast<T*>(task_.scratch);
    const int64_t rows = part_.rows.end - part_.rows.begin, gates = gates_of(how_.cell);
    const int64_t units = part_.units.end - part_.units.begin;
    const T* const weight = operand<const T>(task_, kRnnWeight);
    T* at = scratch;
    const int64_t together = part_.split ? 1 : is_gru() ? 2 : gates;
    for (int64_t gate = 0; gate < gates; gate += together) {
      const int64_t several = smaller(together, gates - gate);
      const int64_t first = gate * how_.hidden + part_.units.begin;
      first_[panels_] = first;
      panel_[panels_++] = make_panel(at, how_.state, several * units, rows,
                                     weight + first * how_.state, how_.state, true);
      at += panel_room(how_.state, several * units);
    }
    if (projects())
      projection_ = make_panel(scratch + room.weights, how_.hidden, how_.state, rows,
                               operand<const T>(task_, kRnnProjection), how_.hidden, true);
    own_rows_ = scratch + room.weights + room.projection;
  }

  // gates += h W_hh^T + b_hh; of a GRU's n by itself.
  void multiply(int64_t at, int64_t rows) {
    const T* const h = last_h_ + part_.rows.begin * how_.state;
    for (int p = 0; p < panels_; ++p) {
      Tile<T> end{};
      if (bias_) end.bias = bias_ + first_[p];
      if (is_gru() && first_[p] >= 2 * how_.hidden) {
        end.out = other(at) + first_[p] - 2 * how_.hidden, end.out_stride = how_.hidden;
      } else {
        end.out = gates_ + at * width_ + first_[p], end.out_stride = width_;
        end.old = end.out, end.old_stride = width_, end.old_step = 1;
      }
      multiply_panel(panel_[p], rows, h, how_.state, end);
    }
  }

  // What a GRU keeps of the state's part of n, or a projection of what it projects.
  T* other(int64_t at) { return kept_ ? kept_ + at * how_.hidden : own_rows_; }
  T* mixed(int64_t at) {
    T* const kept = operand<T>(task_, kRnnMixed);
    return kept ? kept + at * how_.hidden : own_rows_;
  }

  void update(int64_t at, int64_t rows, const Range& states) {
    const int64_t hidden = how_.hidden, state = how_.state, first = part_.rows.begin;
    T* const h = last_h_ + first * state;
    T* const c = is_lstm() ? last_c_ + first * hidden : nullptr;
    if (previous_) copy_units(previous_ + at * state, h, rows, state, states);
    if (kept_ && is_lstm()) copy_units(kept_ + at * hidden, c, rows, hidden, part_.units);
    T* const out = row_of(out_, at, state);
    T* const made = projects() ? mixed(at) : nullptr;
    for (int64_t i = 0; i < rows; ++i) {
      CellRow<T> row{gates_ + (at + i) * width_, h + i * state, row_of(c, i, hidden),
                     row_of(out, i, state), nullptr};
      if (made) row.h = row.out = made + i * hidden;
      if (is_lstm()) {
        lstm_row(row, hidden, part_.units);
      } else if (is_gru()) {
        row.other = other(at) + i * hidden;
        gru_row(row, hidden, part_.units);
      } else {
        rnn_row(row, how_.cell == RecurrentCell::rnn_relu, part_.units);
      }
    }
    if (!made) return;
    Tile<T> end{};
    end.out = out, end.out_stride = state;
    multiply_panel(projection_, rows, made, hidden, end);
    copy_units(h, out, rows, state, states);
  }

  const Task& task_;
  const Recurrent& how_;
  const int64_t* const sizes_;
  const RecurrentPart part_;
  const int64_t width_;  // of a row of gates
  T* const out_ = operand<T>(task_, kRnnOut);
  T* const previous_ = operand<T>(task_, kRnnPrevious);
  T* const kept_ = operand<T>(task_, kRnnKept);
  T* const last_h_ = operand<T>(task_, kRnnLastH);
  T* const last_c_ = operand<T>(task_, kRnnLastC);
  T* const gates_ = operand<T>(task_, kRnnGates);
  const T* const bias_ = operand<const T>(task_, kRnnBias);
  Panel<T> panel_[4], projection_{};
  int64_t first_[4];  // the column of the product at which each panel begins
  int panels_ = 0;
  T* own_rows_ = nullptr;
};

// ---- back ----

template <class T>
class RecurrentBack {
 public:
  explicit RecurrentBack(const Task& task)
      : task_(task),
        how_(arguments<Recurrent>(task)),
        sizes_(sizes_after<Recurrent>(task)),
        part_(part_of(how_, sizes_, task.rank, task.size)),
        width_(gates_of(how_.cell) * how_.hidden) {}

  // The gradient of the state is carried from step to step in that of the first.
  void run() {
    pack();
    const Range states = projects() ? Range{0, how_.state} : part_.units;
    begin_state(grad_h_, operand<const T>(task_, kRnnGradLastH), part_.rows, how_.state, states);
    if (is_lstm())
      begin_state(grad_c_, operand<const T>(task_, kRnnGradLastC), part_.rows, how_.hidden,
                  part_.units);
    for_steps(how_, sizes_, part_, true, [&](int64_t at, int64_t rows) {
      if (rows > 0) update(at, rows);
      if (part_.split) task_.barrier();  // the gradients of all gates are there
      if (rows > 0) multiply(at, rows);
    });
  }

 private:
  bool is_lstm() const { return how_.cell == RecurrentCell::lstm; }
  bool is_gru() const { return how_.cell == RecurrentCell::gru; }
  bool projects() const { return how_.state != how_.hidden; }

  void pack() {
    const RecurrentRoom room = recurrent_room(how_);
    T* const scratch = static_cast<T*>(task_.scratch);
    const int64_t rows = part_.rows.end - part_.rows.begin;
    const Range states = projects() ? Range{0, how_.state} : part_.units;
    const T* const weight = operand<const T>(task_, kRnnWeightBack);
    panel_ = make_panel(scratch, width_, states.end - states.begin, rows, weight + states.begin,
                        how_.state, false);
    first_ = states.begin;
    if (projects())
      projection_ = make_panel(scratch + room.weights, how_.state, how_.hidden, rows,
                               operand<const T>(task_, kRnnProjectionBack), how_.hidden, false);
    own_rows_ = scratch + room.weights + room.projection;
    zeros_ = own_rows_ + room.rows;
    __builtin_memset(zeros_, 0, static_cast<uint64_t>(room.zeros) * sizeof(T));
  }

  // The gradient of what is projected: that of the state, which is left behind, times W_hr.
  void project(int64_t at, int64_t rows) {
    const int64_t state = how_.state;
    T* const whole = operand<T>(task_, kRnnGradState) + at * state;
    const T* const carried = grad_h_ + part_.rows.begin * state;
    for (int64_t i = 0; i < rows * state; ++i)
      whole[i] = carried[i] + (grad_ ? grad_[at * state + i] : T(0));
    Tile<T> end{};
    end.out = own_rows_, end.out_stride = how_.hidden;
    multiply_panel(projection_, rows, whole, state, end);
  }

  void update(int64_t at, int64_t rows) {
    const int64_t hidden = how_.hidden;
    if (projects()) project(at, rows);
    const T* const before = operand<const T>(task_, is_gru() ? kRnnPreviousBack : kRnnKeptBack);
    const T* const kept = operand<const T>(task_, kRnnKeptBack);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = at + i, sequence = part_.rows.begin + i;
      CellRowBack<T> back{grad_gates_ + row * width_,
                          row_of(grad_hidden_, row, width_),
                          projects() ? own_rows_ + i * hidden : grad_h_ + sequence * hidden,
                          row_of(grad_c_, sequence, hidden),
                          grad_ && !projects() ? grad_ + row * hidden : zeros_,
                          gates_ + row * width_,
                          row_of(before, row, hidden),
                          row_of(kept, row, hidden)};
      if (is_lstm()) {
        lstm_row_back(back, hidden, part_.units);
      } else if (is_gru()) {
        gru_row_back(back, hidden, part_.units);
      } else {
        rnn_row_back(back, how_.cell == RecurrentCell::rnn_relu, part_.units);
      }
    }
  }

  // The state's gradient by the recurrent product, besides what a GRU's has already.
  void multiply(int64_t at, int64_t rows) {
    Tile<T> end{};
    end.out = grad_h_ + part_.rows.begin * how_.state + first_, end.out_stride = how_.state;
    if (is_gru()) end.old = end.out, end.old_stride = how_.state, end.old_step = 1;
    const T* const grads = is_gru() ? grad_hidden_ : grad_gates_;
    multiply_panel(panel_, rows, grads + at * width_, width_, end);
  }

  const Task& task_;
  const Recurrent& how_;
  const int64_t* const sizes_;
  const RecurrentPart part_;
  const int64_t width_;
  T* const grad_gates_ = operand<T>(task_, kRnnGradGates);
  T* const grad_hidden_ = operand<T>(task_, kRnnGradHidden);
  T* const grad_h_ = operand<T>(task_, kRnnGradH0);
  T* const grad_c_ = operand<T>(task_, kRnnGradC0);
  const T* const grad_ = operand<const T>(task_, kRnnGradOut);
  const T* const gates_ = operand<const T>(task_, kRnnGatesBack);
  Panel<T> panel_{}, projection_{};
  int64_t first_ = 0;
  T *own_rows_ = nullptr, *zeros_ = nullptr;
};

template <class T>
void recurrent(const Task& task) {
  RecurrentForward<T>(task).run();
}
template <class T>
void recurrent_backward(const Task& task) {
  RecurrentBack<T>(task).run();
}

}  // namespace
}  // namespace steep::kernels
