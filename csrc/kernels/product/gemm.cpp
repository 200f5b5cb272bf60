#include "kernels/product/gemm.h"

#include "kernels/attention/backward.h"
#include "kernels/attention/forward.h"
#include "kernels/isa.h"
#include "kernels/product/conv.h"
#include "kernels/product/conv_columns.h"
#include "kernels/product/conv_images.h"
#include "kernels/product/gemm_blocks.h"
#include "kernels/product/gemm_rect.h"
#include "kernels/product/gemm_small.h"
#include "kernels/product/winograd_products.h"
#include "kernels/recurrent/steps.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const Gemm& gemm = launch.as<Gemm>();
  const double batch = static_cast<double>(gemm.batch), m = static_cast<double>(gemm.m),
               n = static_cast<double>(gemm.n), k = static_cast<double>(gemm.k);
  constexpr double kSpeed = 4;
  // A curved activation takes as long as this many of the product's operations.
  const Activation activation = gemm.activation;
  const bool curved = activation == Activation::tanh || activation == Activation::sigmoid;
  const double each = curved ? 60 : activation == Activation::none ? 0 : 1;
  return {batch * m * n * (2 * k + each),
          batch * (m * k + k * n + m * n) * static_cast<double>(launch.element_size), kSpeed};
}
// One thread's packed blocks and partial sums.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  const Gemm& gemm = launch.as<Gemm>();
  return gemm_room(gemm.batch * gemm.m, gemm.n, gemm.k, gemm.accumulate).all() *
         launch.element_size;
}
// The rows of C, or the matrices of a batch where each rank takes whole ones.
RowPartition rows(const LaunchView& launch, int ranks) {
  const Gemm& gemm = launch.as<Gemm>();
  if (!launch.floating) return {};
  const bool gradient = is_gradient(gemm.activation);
  if (is_one_product(gemm)) {
    // A single row is cut along it, and so is a column that is computed as one.
    if (gemm.batch * gemm.m == 1 || (gemm.n == 1 && gemm.trans_a)) return {};
    return {gemm.batch * gemm.m,
            {gemm.ldc, gemm.trans_a ? 0 : gemm.lda, 0, 0, gradient ? gemm.aux_row : 0}};
  }
  if (gemm.batch % ranks != 0) return {};
  return {gemm.batch,
          {gemm.c_stride, gemm.a_stride, gemm.b_stride, 0, gradient ? gemm.aux_stride : 0}};
}
Cost attention_cost(const LaunchView& launch) {
  return cost_of_attention(launch.as<Attention>(), launch, 2);
}
Cost attention_backward_cost(const LaunchView& launch) {
  return cost_of_attention(launch.as<AttentionBackward>().of, launch, 5);
}
int64_t attention_scratch(const LaunchView& launch, int /*threads*/) {
  return attention_room(launch.as<Attention>()).all() * launch.element_size;
}
int64_t attention_backward_scratch(const LaunchView& launch, int /*threads*/) {
  return backward_room(launch.as<AttentionBackward>().of).all() * launch.element_size;
}
}  // namespace

Kernel kGemm = routine("gemm", Kind::product, "wrr")
                   .with_cost(cost)
                   .with_scratch(scratch, true)
                   .with_rows(rows)
                   .with_numbers(1);
Kernel kConv = routine("conv", Kind::opaque, "wr")
                   .with_cost(conv_cost)
                   .with_scratch(conv_scratch<false>, true)
                   .with_rows(conv_rows);
Kernel kConvWeight = routine("conv_weight", Kind::opaque, "wr")
                         .with_cost(conv_cost)
                         .with_scratch(conv_scratch<true>, true);
Kernel kConvColumns = routine("conv_columns", Kind::opaque, "wr")
                          .with_cost(conv_cost)
                          .with_scratch(column_scratch, true);
Kernel kWinogradWeights = routine("winograd_weights", Kind::opaque, "wr");
Kernel kWinograd = routine("winograd", Kind::opaque, "wr")
                       .with_cost(winograd_cost)
                       .with_scratch(winograd_scratch<false>, true);
Kernel kWinogradGradient = routine("winograd_gradient", Kind::opaque, "wr")
                               .with_cost(winograd_cost)
                               .with_scratch(winograd_scratch<true>, true);
Kernel kRecurrent = routine("recurrent", Kind::opaque, "wwwwwwur")
                        .with_cost(recurrent_cost)
                        .with_scratch(recurrent_scratch, true);
Kernel kRecurrentBackward = routine("recurrent_backward", Kind::opaque, "wwwwwr")
                                .with_cost(recurrent_cost)
                                .with_scratch(recurrent_scratch, true);
Kernel kAttention = routine("attention", Kind::opaque, "wwr")
                        .with_cost(attention_cost)
                        .with_scratch(attention_scratch, true)
                        .with_numbers(1);
Kernel kAttentionBackward = routine("attention_backward", Kind::opaque, "wwwr")
                                .with_cost(attention_backward_cost)
                                .with_scratch(attention_backward_scratch, true)
                                .with_numbers(1);
#endif

namespace {

// The operands and arguments, with the batch made one with the rows where it can be.
template <class T>
struct Args {
  int64_t batch, a_stride, b_stride, c_stride, aux_stride, lda;
  bool trans_a, by_rows;
  Rect<T> whole{};

  explicit Args(const Task& task) {
    const Gemm& gemm = arguments<Gemm>(task);
    batch = gemm.batch, a_stride = gemm.a_stride, b_stride = gemm.b_stride;
    c_stride = gemm.c_stride, lda = gemm.lda;
    trans_a = gemm.trans_a, by_rows = gemm.by_rows;
    whole.m = gemm.m, whole.n = gemm.n, whole.k = gemm.k;
    whole.a = static_cast<const T*>(task.data[kGemmLeft]);
    whole.a_row = trans_a ? 1 : lda, whole.a_col = trans_a ? lda : 1;
    whole.b = static_cast<const T*>(task.data[kGemmRight]), whole.ldb = gemm.ldb;
    whole.c = static_cast<T*>(task.data[kGemmOut]), whole.ldc = gemm.ldc;
    whole.bias = static_cast<const T*>(task.data[kGemmBias]);
    whole.trans_b = gemm.trans_b, whole.accumulate = gemm.accumulate;
    whole.activation = gemm.activation;
    whole.slope = static_cast<T>(gemm.slope);
    const bool gradient = is_gradient(whole.activation);
    whole.aux = gradient ? static_cast<const T*>(task.data[kGemmAux]) : nullptr;
    whole.aux_row = gradient ? gemm.aux_row : 0, aux_stride = gradient ? gemm.aux_stride : 0;
    if (batch > 1 && is_one_product(gemm)) whole.m *= batch, batch = 1;
  }

  // A column of C, with A stored along it, is the row B^T A^T, which registers can lie along.
  void transpose_column() {
    const T* const column = whole.b;
    const int64_t step = whole.trans_b ? 1 : whole.ldb, stride = b_stride;
    whole.n = whole.m, whole.m = 1;
    whole.b = whole.a, whole.ldb = lda, b_stride = a_stride, whole.trans_b = false;
    whole.a = column, whole.a_row = 0, whole.a_col = step, a_stride = stride;
    whole.ldc = whole.n;
  }
  bool column_is_contiguous() const {
    return whole.ldc == 1 && !whole.bias && (!whole.aux || whole.aux_row == 1);
  }
};

// The rectangle of rows and columns that cell `cell` of a grid takes.
template <class T>
Rect<T> cut(Rect<T> rect, const Range& rows, const Range& cols) {
  rect.a += rows.begin * rect.a_row;
  rect.b += rect.trans_b ? cols.begin * rect.ldb : cols.begin;
  rect.c += rows.begin * rect.ldc + cols.begin;
  if (rect.bias) rect.bias += cols.begin;
  if (rect.aux) rect.aux += rows.begin * rect.aux_row + cols.begin;
  rect.m = rows.end - rows.begin;
  rect.n = cols.end - cols.begin;
  return rect;
}

// The work of one cell of a grid with `rows` row ranges: its elements of C, and its packing.
template <class T>
int64_t cell_cost(int64_t m, int64_t n, int64_t rows, int64_t cells) {
  const int64_t height = ceil_div(m, rows);
  const int64_t width = round_up(ceil_div(n, cells / rows), kTileCols<T>);
  return height * width + 8 * (height + width);
}

// The number of row ranges in a grid of `cells`: for the least work, or nearly so where that keeps
// with one rank what belongs to a layer's output feature. x W^T and dY W are cut by columns then,
// and dY^T x, the one whose left operand is transposed, by rows: a rank computes the gradient of
// the rows of W that it has read and will update, from the columns of dY that it has made. Between
// caches go the rows of x and dY, once, and the part of W that dY W wants. (Cut by rows, x W^T
// would fetch all of W, and the update take it back: measured, a sixth of a small network's step.)
template <class T>
int64_t grid_rows(int64_t m, int64_t n, int64_t cells, bool trans_a) {
  int64_t best = 1, best_cost = INT64_MAX;
  for (int64_t rows = 1; rows <= cells; ++rows) {
    if (cells % rows) continue;
    const int64_t cost = cell_cost<T>(m, n, rows, cells);
    if (cost < best_cost) best = rows, best_cost = cost;
  }
  const int64_t wish = trans_a ? cells : 1;
  const bool enough = trans_a ? m >= 2 * cells : n >= kTileCols<T> * cells;
  return enough && 4 * cell_cost<T>(m, n, wish, cells) <= 5 * best_cost ? wish : best;
}

// Vectors along k, made contiguous where they are not.
template <class T>
const T* contiguous(const T* x, int64_t step, int64_t k, T* room) {
  if (step == 1) return x;
  for (int64_t p = 0; p < k; ++p) room[p] = x[p * step];
  return room;
}

// C is a vector of dot products along k. Ranks share its elements.
template <class T>
void multiply_dots(const Args<T>& args, const Task& task, T* scratch) {
  const Rect<T>& rect = args.whole;
  const int64_t b_col = rect.trans_b ? 1 : rect.ldb;
  const bool rows_of_b = rect.n > 1;
  Dots<T> dots;
  dots.rows = rows_of_b ? rect.n : rect.m;
  dots.k = rect.k;
  dots.x_stride = rows_of_b ? rect.ldb : rect.a_row;
  dots.out_stride = rows_of_b ? 1 : rect.ldc;
  dots.bias_stride = rows_of_b;
  const int64_t aux_stride = rows_of_b ? 1 : rect.aux_row;
  dots.accumulate = rect.accumulate, dots.activation = rect.activation, dots.slope = rect.slope;
  const int64_t total = dots.rows;
  const Range mine = share(args.batch * total, args.by_rows ? 1 : 4, task.rank, task.size);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t batch = at / total, first = at % total;
    dots.rows = smaller(total - first, mine.end - at);
    const T* const a = rect.a + batch * args.a_stride;
    const T* const b = rect.b + batch * args.b_stride;
    if (rows_of_b) {
      dots.x = b + first * rect.ldb;
      dots.y = contiguous(a, rect.a_col, rect.k, scratch);
    } else {
      // Only a single row can have steps along k.
      dots.x = contiguous(a + first * rect.a_row, rect.a_col, rect.k, scratch);
      dots.y = contiguous(b, b_col, rect.k, scratch + rect.k);
    }
    dots.out = rect.c + batch * args.c_stride + first * dots.out_stride;
    dots.bias = rect.bias ? rect.bias + first * dots.bias_stride : nullptr;
    dot_all(dots);
    activate(dots.out, dots.out_stride, dots.rows, int64_t{1}, dots.activation);
    if (rect.aux)
      undo_activation(dots.out, dots.out_stride,
                      rect.aux + batch * args.aux_stride + first * aux_stride, aux_stride,
                      dots.rows, dots.activation);
    at += dots.rows;
  }
}

template <class T>
Rect<T> at_batch(const Args<T>& args, Rect<T> rect, int64_t batch) {
  rect.a += batch * args.a_stride;
  rect.b += batch * args.b_stride;
  rect.c += batch * args.c_stride;
  if (rect.aux) rect.aux += batch * args.aux_stride;
  return rect;
}

// Ranks share the matrices of the batch, or the cells of a grid laid over each.
template <class T>
void multiply_grid(const Args<T>& args, const Task& task, T* scratch, const GemmRoom& room) {
  const Rect<T>& whole = args.whole;
  const int size = task.size;
  if (size == 1) {
    const Blocking<T> blocking = blocking_of(whole, scratch, room, false);
    for (int64_t batch = 0; batch < args.batch; ++batch)
      multiply_rect(at_batch(args, whole, batch), blocking);
    return;
  }
  const int64_t cells = args.batch % size == 0 || args.batch >= 8 * size ? 1 : size;
  const int64_t best = args.by_rows ? cells : grid_rows<T>(whole.m, whole.n, cells, args.trans_a);
  const int down = cells == 1 ? 1 : static_cast<int>(best);
  const int across = static_cast<int>(cells) / down;
  const Range units = share(args.batch * cells, 1, task.rank, size);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t batch = unit / cells;
    const int cell = static_cast<int>(unit % cells);
    const Range rows = share(whole.m, 1, cell / across, down);
    const Range cols = share(whole.n, kTileCols<T>, cell % across, across);
    if (rows.begin == rows.end || cols.begin == cols.end) continue;
    const Rect<T> rect = at_batch(args, cut(whole, rows, cols), batch);
    multiply_rect(rect, blocking_of(rect, scratch, room, true));
  }
}

template <class T>
void gemm(const Task& task) {
  Args<T> args(task);
  Rect<T>& whole = args.whole;
  if (whole.m == 0 || whole.n == 0 || args.batch == 0) return;
  const GemmRoom room = gemm_room(arguments<Gemm>(task).batch * arguments<Gemm>(task).m, whole.n,
                                  whole.k, whole.accumulate);
  T* const scratch = static_cast<T*>(task.scratch);
  const bool column = whole.n == 1, row = whole.m == 1;
  if ((column && !args.trans_a) || (row && (whole.trans_b || column)))
    return multiply_dots(args, task, scratch);
  if (column && args.column_is_contiguous()) args.transpose_column();
  multiply_grid(args, task, scratch, room);
}

}  // namespace

void STEEP_FILL(product_gemm)() {
  set_routine<float>(kAttention, attention<float>);
  set_routine<double>(kAttention, attention<double>);
  set_routine<float>(kAttentionBackward, attention_backward<float>);
  set_routine<double>(kAttentionBackward, attention_backward<double>);
  set_routine<float>(kGemm, gemm<float>);
  set_routine<double>(kGemm, gemm<double>);
  set_routine<int64_t>(kGemm, integer_gemm<int64_t, uint64_t>);
  set_routine<int32_t>(kGemm, integer_gemm<int32_t, uint32_t>);
  set_routine<float>(kConv, conv<float>);
  set_routine<double>(kConv, conv<double>);
  set_routine<float>(kConvWeight, conv_weight<float>);
  set_routine<double>(kConvWeight, conv_weight<double>);
  set_routine<float>(kConvColumns, conv_columns<float>);
  set_routine<double>(kConvColumns, conv_columns<double>);
  set_routine<float>(kWinogradWeights, winograd_weights<float>);
  set_routine<double>(kWinogradWeights, winograd_weights<double>);
  set_routine<float>(kWinograd, winograd<float>);
  set_routine<double>(kWinograd, winograd<double>);
  set_routine<float>(kWinogradGradient, winograd_gradient<float>);
  set_routine<double>(kWinogradGradient, winograd_gradient<double>);
  set_routine<float>(kRecurrent, recurrent<float>);
  set_routine<double>(kRecurrent, recurrent<double>);
  set_routine<float>(kRecurrentBackward, recurrent_backward<float>);
  set_routine<double>(kRecurrentBackward, recurrent_backward<double>);
}

}  // namespace steep::kernels
