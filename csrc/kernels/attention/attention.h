// Scaled dot-product attention, tile by tile, in the manner of FlashAttention (Dao, Fu, Ermon,
// Rudra and Re: Fast and Memory-Efficient Exact Attention with IO-Awareness, NeurIPS 2022): no
// matrix of all scores lies in memory, neither forward nor backward.
//
// For each matrix of the batch and each head, with rows i of q and rows j of k and v:
//
//       score(i, j) = scale * sum over d of q(i, d) k(j, d), + mask(i, j), or -inf where masked
//       p(i, j) = exp(score(i, j) - top(i)) / total(i), top and total the row's maximum and sum
//       out(i, d) = sum over j of p(i, j) v(j, d)
//
// A row of which everything is masked has p = 0. The backward pass takes top and 1 / total from
// `ends`, and computes the scores once more:
//
//       dp(i, j) = sum over d of dout(i, d) v(j, d),  ds = p * (dp - sum over d of dout * out)
//       dq = scale * ds k,  dk = ds^T q * scale,  dv = p^T dout
//
// The order of sums. Scores and dp go along d; all else goes along j in tiles of kTileKeys, or
// along i in tiles of kTileQueries: one chain of FMAs in a tile, and tile after tile. The sums of
// exponentials have the lanes of kernels/simd/lanes.h. Shapes alone decide.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// Elements from one matrix of the batch, head and row to the next; the elements of a row lie side
// by side.
struct HeadStrides {
  int64_t batch, head, row;
};
enum class ScoreMask : int64_t {
  none,
  boolean,  // bool: whether a score takes part
  added     // floats, added to the scores
};
struct Attention {
  int64_t batch, heads, kv_heads;  // head h of q belongs to head h / (heads / kv_heads) of k and v
  int64_t rows, cols, depth, width;  // q [rows, depth], k [cols, depth], v [cols, width]
  HeadStrides q, k, v, out;
  int64_t mask_batch, mask_head, mask_row, mask_col;  // elements; 0 where it is the same for all
  ScoreMask mask;
  Flag causal;  // whether j <= i is asked for as well
  double scale;
};
struct AttentionBackward {
  HeadStrides dq, dk, dv, dout;
  Attention of;
};

// Attention; at least one row and column.  Operands: out, ends [batch, heads, rows, 2], q, k, v, mask
// or none.
extern Kernel kAttention;
// AttentionBackward.  Operands: dq, dk, dv (each may be left out), q, k, v, out, dout, ends, mask or
// none.
extern Kernel kAttentionBackward;

}  // namespace steep::kernels
