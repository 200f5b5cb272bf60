// Where a matrix product's launch has what: see kernels/product/gemm.cpp.
#pragma once

namespace steep::program::product {

// Among its dims.
enum Dim {
  kBatch,
  kRows,
  kColumns,
  kDepth,
  kLeftLead,
  kRightLead,
  kTransposedLeft = 10,
  kTransposedRight,
  kActivation,
  kAccumulate,
  kAuxRow,
  kAuxMatrix,
  kByRows
};

// Among its operands.
enum Operand { kOut, kLeft, kRight, kBias, kAux, kOperands };

}  // namespace steep::program::product
