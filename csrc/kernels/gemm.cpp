// Matrix products: C = activation(A * B + bias), many at once.
//
// dims: [0] batch, [1] m, [2] n, [3] k, [4] lda, [5] ldb, [6] ldc: elements between rows as stored; [7], [8], [9]
//       elements between the matrices of the batch in a, b and c (0 for a or b: the same one for all);
//       [10] trans_a, [11] trans_b, [12] activation (0 none, 1 relu, 2 tanh, 3 sigmoid, 4 leaky_relu of slope
//       scalars[0].f), [13] accumulate.
// data: [0] c, [1] a, [2] b, [3] bias[n] or null.
//       A(i, p) = trans_a ? a[p * lda + i] : a[i * lda + p]
//       B(p, j) = trans_b ? b[j * ldb + p] : b[p * ldb + j]
//       C(i, j) = c[i * ldc + j]; C overlaps neither A nor B.
// Each element: the product; with accumulate, old C + product; + bias; activation. k may be 0 (the product is 0), and so
// may m, n and batch. Integers wrap around, and know no activation but relu.
//
// The order of the sum. k is cut into slices of 4096; within one, an element starts at 0 and takes its products in order
// of k, one FMA each; slices are added in order. Where one operand is a vector (m or n is 1) and the rows of the other
// lie along k, a slice is 16 lanes instead (element p in lane p % 16), added in halves. Shape and strides alone decide.
//
// The work. Each rank computes a rectangle of C by itself: no barriers. It walks blocks of columns, of k and of rows, and
// inside a block strips of B as wide as a tile, and tiles down the rows. A strip is packed on its first use when B lies
// along k or would be read many times; blocks of A are packed when many strips read them. Small products pack only
// what must be transposed.
#include <cstdint>

#include "gemm_blocks.h"
#include "gemm_micro.h"
#include "gemm_pack.h"
#include "gemm_small.h"
#include "isa.h"
#include "table.h"

namespace steep::kernels {
namespace {

// A rectangle of one matrix product: A(i, p) = a[i * a_row + p * a_col].
template <class T>
struct Rect {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  const T* bias;
  bool trans_b, accumulate;
  int activation;
  T slope;
};

// How a rectangle is walked, and where its copies lie.
template <class T>
struct Plan {
  bool pack_a, pack_b;
  int64_t strip;  // the width of strips
  int64_t depth;  // the longest block of k
  T *a, *b, *partial, *total;
};

// One block of k: which part of the sum it is.
struct Depth {
  int64_t begin, count;
  bool first_in_slice, last_in_slice, first_slice, last_slice;
};

// What is copied first, from what was measured: a copy of B pays from two dozen rows on unless B stays in the first-level
// cache, a copy of A only when many strips read it and the second level has no room for A as it lies.
constexpr int64_t kKilo = 1024;

template <class T>
Plan<T> make_plan(const Rect<T>& rect, T* scratch, const GemmRoom& room) {
  constexpr int64_t depth = block_depth(sizeof(T));
  Plan<T> plan;
  const int64_t a_bytes = rect.m * rect.k * static_cast<int64_t>(sizeof(T));
  const int64_t b_bytes = rect.n * rect.k * static_cast<int64_t>(sizeof(T));
  plan.pack_a = rect.a_col == 1 ? rect.n >= 384 && a_bytes >= 384 * kKilo
                                : (rect.n >= 384 && a_bytes >= 256 * kKilo) ||
                                      (rect.n >= 128 && a_bytes >= 512 * kKilo);
  plan.pack_b = rect.trans_b || (rect.m >= 24 && b_bytes >= 48 * kKilo);
  plan.strip = (rect.m <= kLowRows ? kWideRegs : kTileRegs) * Native<T>::lanes;
  plan.depth = depth;
  plan.a = scratch;
  plan.b = scratch + room.a;
  plan.partial = room.partial ? plan.b + room.b : nullptr;
  plan.total = room.total ? plan.b + room.b + room.partial : nullptr;
  return plan;
}

// The heights of tiles: as equal as can be, for a thin last tile would leave the FMA units waiting.
struct Heights {
  int64_t base, tiles, taller;  // the first `taller` of the tiles have a row more than base
  Heights(int64_t rows, int64_t most) {
    tiles = ceil_div(rows, most);
    base = rows / tiles;
    taller = rows - tiles * base;
  }
  int64_t at(int64_t row) const { return base + (row < taller * (base + 1)); }
};

// Packs rows [0, rows) of A, tile after tile.
template <class T>
void pack_a(T* out, int64_t rows, int64_t k, const T* a, int64_t row, int64_t col) {
  const Heights heights(rows, kTileRows);
  if (col != 1) {
    return pack_strips(out, rows, 1, k, a, col, [&](int64_t i) { return heights.at(i); });
  }
  for (int64_t i = 0; i < rows;) {
    const int64_t height = heights.at(i);
    pack_along(out + i * k, height, height, k, a + i * row, row);
    i += height;
  }
}

// A strip of B ready for the micro-kernel.
template <class T>
struct Strip {
  const T* b;
  int64_t row;
};

// The strip of B at columns [j, j + cols), from the copy where there is one. On the first visit the copy is made: strip
// by strip if B lies along k, else several at once.
template <class T>
Strip<T> take_strip(const Rect<T>& rect, const Plan<T>& plan, const Depth& depth, int64_t j0, int64_t j1, int64_t j,
                    bool first_visit) {
  constexpr int lanes = Native<T>::lanes;
  const int64_t several = 8 * plan.strip;
  const int64_t cols = smaller(plan.strip, j1 - j), width = round_up(cols, lanes);
  const T* const b = rect.b + (rect.trans_b ? j * rect.ldb + depth.begin : depth.begin * rect.ldb + j);
  if (!plan.pack_b && (width == cols || Native<T>::masks)) return {b, rect.ldb};
  T* const packed = plan.b + (j - j0) * depth.count;
  if (first_visit) {
    if (rect.trans_b) {
      pack_along(packed, width, cols, depth.count, b, rect.ldb);
    } else if (!plan.pack_b) {
      pack_across(packed, width, cols, depth.count, b, rect.ldb);
    } else if ((j - j0) % several == 0) {
      pack_strips(packed, smaller(several, j1 - j), lanes, depth.count, b, rect.ldb,
                  [&](int64_t) { return plan.strip; });
    }
  }
  return {packed, width};
}

// How a finished product is stored at (i, j).
template <class T>
Tile<T> end_tile(const Rect<T>& rect, Tile<T> tile, int64_t i, int64_t j) {
  tile.out = rect.c + i * rect.ldc + j, tile.out_stride = rect.ldc;
  if (rect.accumulate) tile.old = tile.out;
  if (rect.bias) tile.bias = rect.bias + j;
  if (rect.activation == kRelu || rect.activation == kLeakyRelu) tile.activation = rect.activation;
  tile.slope = rect.slope;
  return tile;
}

// Where a block of k takes partial sums from and leaves them; i and j are relative to the block of C.
template <class T>
Tile<T> make_tile(const Rect<T>& rect, const Plan<T>& plan, const Depth& depth, int64_t i0,
                  int64_t j0) {
  T* const c = rect.c + i0 * rect.ldc + j0;
  const int64_t own = smaller(round_up(rect.n, kMaxTileCols), kBlockCols);
  T* const partial = plan.partial ? plan.partial : c;
  const int64_t partial_stride = plan.partial ? own : rect.ldc;
  T* const total = plan.total ? plan.total : c;
  const int64_t total_stride = plan.total ? own : rect.ldc;
  Tile<T> tile{};
  if (!depth.first_in_slice) tile.from = partial, tile.from_stride = partial_stride;
  tile.out = partial, tile.out_stride = partial_stride;
  if (!depth.last_in_slice) return tile;
  if (!depth.first_slice) tile.earlier = total, tile.earlier_stride = total_stride;
  tile.out = total, tile.out_stride = total_stride;
  if (!depth.last_slice) return tile;
  return end_tile(rect, tile, i0, j0);
}

template <class T>
Tile<T> moved(Tile<T> tile, int64_t i, int64_t j) {
  if (tile.from) tile.from += i * tile.from_stride + j;
  if (tile.earlier) tile.earlier += i * tile.earlier_stride + j;
  if (tile.old) tile.old += i * tile.out_stride + j;
  if (tile.bias) tile.bias += j;
  tile.out += i * tile.out_stride + j;
  return tile;
}

// Multiplies rows [i0, i1) of A by columns [j0, j1) of B over one block of k.
template <class T>
void multiply_block(const Rect<T>& rect, const Plan<T>& plan, const Depth& depth,
                    const Tile<T>& origin, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
                    int64_t row_origin) {
  const T* a = rect.a + i0 * rect.a_row + depth.begin * rect.a_col;
  if (plan.pack_a) pack_a(plan.a, i1 - i0, depth.count, a, rect.a_row, rect.a_col);
  constexpr int lanes = Native<T>::lanes;
  for (int64_t j = j0; j < j1; j += plan.strip) {
    const int64_t cols = smaller(plan.strip, j1 - j);
    const int regs = static_cast<int>(ceil_div(cols, lanes));
    const Strip<T> strip = take_strip(rect, plan, depth, j0, j1, j, i0 == row_origin);
    Tile<T> tile = moved(origin, i0 - row_origin, j - j0);
    tile.last = static_cast<int>(cols - (regs - 1) * lanes);
    const Heights heights(i1 - i0, plan.pack_a ? kTileRows : max_rows(regs));
    const auto run = [&](int64_t height, int64_t i, int64_t tiles) {
      const Micro<T> micro = kMicros<T>.of[height - 1][regs - 1][tile.last != lanes][plan.pack_a];
      micro(depth.count, plan.pack_a ? plan.a + i * depth.count : a + i * rect.a_row, rect.a_row,
            rect.a_col, strip.b, strip.row, tile, tiles);
    };
    if (heights.taller > 0) {
      run(heights.base + 1, 0, heights.taller);
      tile = moved(tile, heights.taller * (heights.base + 1), 0);
    }
    run(heights.base, heights.taller * (heights.base + 1), heights.tiles - heights.taller);
  }
}

// The narrowest row of C that is worth multiply_row: below, its sums fit in registers.
constexpr int64_t kRowLeast = 128;

// The whole of k for rows [i0, i1) and columns [j0, j1).
template <class T>
void multiply_columns(const Rect<T>& rect, const Plan<T>& plan, int64_t i0, int64_t i1, int64_t j0,
                      int64_t j1) {
  Depth depth{};
  const int64_t row_blocks = plan.pack_a ? ceil_div(i1 - i0, kBlockRows) : 1;
  const int64_t rows = round_up(ceil_div(i1 - i0, row_blocks), kTileRows);
  int64_t slice = 0;
  do {
    const int64_t slice_end = smaller(slice + kSlice, rect.k);
    depth.first_slice = slice == 0;
    depth.last_slice = slice_end == rect.k;
    const int64_t blocks = ceil_div(slice_end - slice, plan.depth);
    const int64_t step =
        blocks > 1 ? round_up(ceil_div(slice_end - slice, blocks), 8) : slice_end - slice;
    depth.begin = slice;
    do {
      depth.count = smaller(step, slice_end - depth.begin);
      depth.first_in_slice = depth.begin == slice;
      depth.last_in_slice = depth.begin + depth.count == slice_end;
      const Tile<T> origin = make_tile(rect, plan, depth, i0, j0);
      for (int64_t i = i0; i < i1; i += rows)
        multiply_block(rect, plan, depth, origin, i, smaller(i + rows, i1), j0, j1, i0);
      depth.begin += depth.count;
    } while (depth.begin < slice_end);
    slice = slice_end;
  } while (slice < rect.k);
}

template <class T>
void multiply_rect(const Rect<T>& rect, const Plan<T>& plan) {
  if (rect.m == 1 && !rect.trans_b && rect.n >= kRowLeast) {
    for (int64_t j = 0; j < rect.n; j += kRowCols) {
      const Tile<T> tile = end_tile(rect, Tile<T>{}, 0, j);
      multiply_row(smaller(kRowCols, rect.n - j), rect.k, rect.a, rect.a_col, rect.b + j, rect.ldb, tile);
    }
    return;
  }
  const int64_t rows = plan.partial ? kCarefulRows : rect.m;
  for (int64_t j = 0; j < rect.n; j += kBlockCols) {
    for (int64_t i = 0; i < rect.m; i += rows)
      multiply_columns(rect, plan, i, smaller(i + rows, rect.m), j,
                       smaller(j + kBlockCols, rect.n));
  }
}

// The routine's arguments by name, with the batch folded into the rows where it can be.
template <class T>
struct Args {
  int64_t batch, a_stride, b_stride, c_stride, lda;
  bool trans_a;
  Rect<T> whole;

  explicit Args(const Task& task) {
    const int64_t* const d = task.dims;
    batch = d[0], a_stride = d[7], b_stride = d[8], c_stride = d[9], lda = d[4];
    trans_a = d[10];
    whole.m = d[1], whole.n = d[2], whole.k = d[3];
    whole.a = static_cast<const T*>(task.data[1]);
    whole.a_row = trans_a ? 1 : lda, whole.a_col = trans_a ? lda : 1;
    whole.b = static_cast<const T*>(task.data[2]), whole.ldb = d[5];
    whole.c = static_cast<T*>(task.data[0]), whole.ldc = d[6];
    whole.bias = static_cast<const T*>(task.data[3]);
    whole.trans_b = d[11], whole.accumulate = d[13];
    whole.activation = static_cast<int>(d[12]);
    whole.slope = whole.activation == kLeakyRelu ? static_cast<T>(task.scalars[0].f) : T(0);
    if (batch > 1 && b_stride == 0 && !trans_a && a_stride == whole.m * lda &&
        c_stride == whole.m * whole.ldc)
      whole.m *= batch, batch = 1;
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
};

// The rectangle of rows and columns that cell `cell` of a grid takes.
template <class T>
Rect<T> cut(Rect<T> rect, const Range& rows, const Range& cols) {
  rect.a += rows.begin * rect.a_row;
  rect.b += rect.trans_b ? cols.begin * rect.ldb : cols.begin;
  rect.c += rows.begin * rect.ldc + cols.begin;
  if (rect.bias) rect.bias += cols.begin;
  rect.m = rows.end - rows.begin;
  rect.n = cols.end - cols.begin;
  return rect;
}

// The number of row ranges in a grid of `cells` for the least work per cell: its elements of C, and its packing.
template <class T>
int64_t grid_rows(int64_t m, int64_t n, int64_t cells) {
  int64_t best = 1, best_cost = INT64_MAX;
  for (int64_t rows = 1; rows <= cells; ++rows) {
    if (cells % rows) continue;
    const int64_t height = round_up(ceil_div(m, rows), kTileRows);
    const int64_t width = round_up(ceil_div(n, cells / rows), kTileCols<T>);
    const int64_t cost = height * width + 8 * (height + width);
    if (cost < best_cost) best = rows, best_cost = cost;
  }
  return best;
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
  dots.accumulate = rect.accumulate, dots.activation = rect.activation, dots.slope = rect.slope;
  const int64_t total = dots.rows;
  const Range mine = share(args.batch * total, 4, task.rank, task.size);
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
    at += dots.rows;
  }
}

// Ranks share the matrices of the batch, or the cells of a grid laid over each.
template <class T>
void multiply_grid(const Args<T>& args, const Task& task, T* scratch, const GemmRoom& room) {
  const Rect<T>& whole = args.whole;
  const int size = task.size;
  const int64_t cells = args.batch % size == 0 || args.batch >= 8 * size ? 1 : size;
  const int down = cells == 1 ? 1 : static_cast<int>(grid_rows<T>(whole.m, whole.n, cells));
  const int across = static_cast<int>(cells) / down;
  const Range units = share(args.batch * cells, 1, task.rank, size);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t batch = unit / cells;
    const int cell = static_cast<int>(unit % cells);
    const Range rows = share(whole.m, kTileRows, cell / across, down);
    const Range cols = share(whole.n, kTileCols<T>, cell % across, across);
    if (rows.begin == rows.end || cols.begin == cols.end) continue;
    Rect<T> rect = cut(whole, rows, cols);
    rect.a += batch * args.a_stride;
    rect.b += batch * args.b_stride;
    rect.c += batch * args.c_stride;
    multiply_rect(rect, make_plan(rect, scratch, room));
  }
}

template <class T>
void gemm(const Task& task) {
  Args<T> args(task);
  Rect<T>& whole = args.whole;
  if (whole.m == 0 || whole.n == 0 || args.batch == 0) return;
  const GemmRoom room =
      gemm_room(task.dims[0] * task.dims[1], whole.n, whole.k, whole.accumulate, sizeof(T));
  T* const scratch = static_cast<T*>(task.scratch) + task.rank * room.all();
  const bool column = whole.n == 1, row = whole.m == 1;
  if ((column && !args.trans_a) || (row && (whole.trans_b || column)))
    return multiply_dots(args, task, scratch);
  if (column && whole.ldc == 1 && !whole.bias) args.transpose_column();
  multiply_grid(args, task, scratch, room);
}

}  // namespace

void STEEP_FILL(gemm)(Table& table) {
  Routine* const routines = table.routines[static_cast<int>(RoutineId::gemm)];
  routines[kFloat32] = gemm<float>;
  routines[kFloat64] = gemm<double>;
  routines[kInt64] = integer_gemm<int64_t, uint64_t>;
  routines[kInt32] = integer_gemm<int32_t, uint32_t>;
}

}  // namespace steep::kernels
