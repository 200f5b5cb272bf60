// How the sums of plane_norm.h are cut into parts, and in which order ranks go through them.
//
// x[samples, sets, width] is read in one of two ways. Where rows of `width` are long, they are cut
// into parts of kChunk elements, each summed in lanes. Where they are short, x is a matrix of
// sets * width columns, whose samples are cut into parts of kRowChunk: many columns are summed at
// once. Either way, the parts of a set lie one behind the other, and are combined in double,
// pairwise. The cut depends on the shape alone.
#pragma once

#include "kernels/kernel.h"
#include "kernels/norm/two_sums.h"
#include "kernels/partition.h"
#include "kernels/simd/lanes.h"

namespace steep::kernels {
namespace {

struct Cut {
  bool columns;
  int64_t samples, sets, width;
  int64_t lines, pieces;  // a set has lines * pieces parts
  int64_t whole, last;    // elements of a part, and of the last one of each line

  constexpr int64_t parts() const { return lines * pieces; }  // of a set
  constexpr int64_t units() const { return columns ? pieces : parts(); }
  constexpr int64_t size_of(int64_t piece) const { return piece + 1 < pieces ? whole : last; }
};

// Rows shorter than kNarrow are quicker as columns where there are samples enough.
constexpr int64_t kNarrow = 128;
constexpr int64_t kManySamples = 16;

constexpr Cut cut_of(int64_t samples, int64_t sets, int64_t width) {
  const bool columns =
      samples > 1 && (width < kLanes || (width < kNarrow && samples >= kManySamples));
  const int64_t along = columns ? samples : width, whole = columns ? kRowChunk : kChunk;
  const int64_t pieces = ceil_div(along, whole);
  return {columns,
          samples,
          sets,
          width,
          columns ? width : samples,
          pieces,
          whole,
          along - (pieces - 1) * whole};
}

// How much of x a rank goes through before it comes back to it: what the first-level cache keeps.
// (Data that only the second level would keep were slower than those of one set after the other.)
constexpr int64_t kKeptBytes = 32 * 1024;
// Samples of a set lie far apart. Going from one to the next is worth while where they are as long
// as this; else two passes over all of memory, in its order, are quicker: half the time for rows of
// 2 KiB.
constexpr int64_t kRunBytes = 16 * 1024;

// How many sets are gathered before the first of them is written; `bytes` of each element are read.
constexpr int64_t sets_together(const Cut& cut, int64_t bytes) {
  if (cut.samples > 1 && cut.width * bytes < kRunBytes) return cut.sets;
  const int64_t kept = kKeptBytes / (cut.samples * cut.width * bytes);
  return kept > 1 ? kept : 1;
}

// Gathers parts, combines them to sets, and writes what follows from these:
//   pass.gather(sets, units)   the parts of these sets: columns by chunks of samples, rows by parts
//   pass.combine(sets)
//   pass.write(sets, units)
// Where there are sets enough, each rank goes alone through its own, some at a time.
template <class Pass>
void run_sets(const Task& task, const Cut& cut, int64_t together, const Pass& pass) {
  const Range units{0, cut.units()};
  const bool narrow = cut.columns && cut.sets * cut.width < kStrip * task.size;
  if (shares_evenly(cut.sets, task.size) && !narrow) {
    const Range mine = share(cut.sets, 1, task.rank, task.size);
    for (int64_t first = mine.begin; first < mine.end; first += together) {
      const Range sets{first, mine.end - first < together ? mine.end : first + together};
      pass.gather(sets, units);
      for (int64_t set = sets.begin; set < sets.end; ++set) pass.combine(set);
      pass.write(sets, units);
    }
    return;
  }
  const Range mine = share(units.end, 1, task.rank, task.size);
  pass.gather({0, cut.sets}, mine);
  task.barrier();
  const Range combined = share(cut.sets, 1, task.rank, task.size);
  for (int64_t set = combined.begin; set < combined.end; ++set) pass.combine(set);
  task.barrier();
  pass.write({0, cut.sets}, mine);
}

// Calls row(set, first element, length, part) for the parts of rows among `units`.
template <class Row>
inline void for_rows(const Cut& cut, Range sets, Range units, Row row) {
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t sample = unit / cut.pieces, piece = unit % cut.pieces;
    for (int64_t set = sets.begin; set < sets.end; ++set) {
      row(set, (sample * cut.sets + set) * cut.width + piece * cut.whole, cut.size_of(piece),
          set * cut.parts() + unit);
    }
  }
}

// The same where the cut is of planes, so many to each of `sets`: row(set, plane, first element,
// length, part).
template <class Row>
inline void for_planes(const Cut& cut, Range sets, int64_t planes, Range units, Row row) {
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t sample = unit / cut.pieces, piece = unit % cut.pieces;
    int64_t plane = sets.begin * planes;
    for (int64_t set = sets.begin; set < sets.end; ++set) {
      for (const int64_t end = plane + planes; plane < end; ++plane) {
        row(set, plane, (sample * cut.sets + plane) * cut.width + piece * cut.whole,
            cut.size_of(piece), plane * cut.parts() + unit);
      }
    }
  }
}

// Calls strip(first column, width, first sample, samples, part of the first column) for strips of
// at most `widest` columns; the next column's part comes cut.pieces later.
template <class Strip>
inline void for_column_strips(const Cut& cut, Range sets, Range units, int64_t widest,
                              Strip strip) {
  const int64_t end = sets.end * cut.width;
  for (int64_t piece = units.begin; piece < units.end; ++piece) {
    for (int64_t column = sets.begin * cut.width; column < end; column += widest) {
      strip(column, end - column < widest ? end - column : widest, piece * cut.whole,
            cut.size_of(piece), column * cut.pieces + piece);
    }
  }
}

// The sum over a set's parts of what term(part, its size) gives: of a few in their order, of more
// pairwise.
constexpr int64_t kFewParts = 8;

template <class Term>
inline double sum_of_parts(const Cut& cut, const Term& term) {
  const int64_t parts = cut.parts();
  if (parts == 1) return term(0, static_cast<double>(cut.last));
  if (parts <= kFewParts) {
    double sum = 0;
    for (int64_t part = 0, piece = 0; part < parts; ++part) {
      sum += term(part, static_cast<double>(cut.size_of(piece)));
      piece = piece + 1 < cut.pieces ? piece + 1 : 0;
    }
    return sum;
  }
  Pairwise<Sum<double>, double> total;
  for (int64_t part = 0, piece = 0; part < parts; ++part) {
    total.push(term(part, static_cast<double>(cut.size_of(piece))));
    piece = piece + 1 < cut.pieces ? piece + 1 : 0;
  }
  return total.result();
}

}  // namespace
}  // namespace steep::kernels
