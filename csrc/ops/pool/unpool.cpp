// What max pooling took, put back to where it was.
#include "ops/pool/unpool.h"

#include "ops/index/index.h"
#include "ops/pool/pool.h"
#include "ops/reduce/reduce.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// The sizes that max pooling may have made its result of; `output_size` picks one of them.
Dims sizes_before(const char* op, const Tensor& x, const UnpoolSettings& given) {
  const int axes = given.axes;
  const bool strided = given.stride && !given.stride->empty();
  const Dims kernel = for_pool_axes(op, "kernel_size", given.kernel, axes);
  const Dims stride = strided ? for_pool_axes(op, "stride", *given.stride, axes) : kernel;
  const Dims padding = for_pool_axes(op, "padding", given.padding, axes);
  Dims sizes, asked;
  if (given.output_size) asked = *given.output_size;
  if (asked.size() == axes + 2) {  // with the batch and the channels
    asked.erase(0), asked.erase(0);
  }
  if (given.output_size && asked.size() != axes)
    throw Error(ErrorKind::value,
                join(op, ": output_size should be a sequence containing ", axes, " or ", axes + 2,
                     " elements, but it has a length of ", given.output_size->size()));
  for (int i = 0; i < axes; ++i) {
    const int64_t size = checked_add(
        checked_add(checked_multiply(x.size(x.dim() - axes + i) - 1, stride[i]), kernel[i]),
        checked_multiply(-2, padding[i]));
    const int64_t least = checked_add(size, -stride[i]), most = checked_add(size, stride[i]);
    if (given.output_size && !(least < asked[i] && asked[i] < most))
      throw Error(ErrorKind::value, join(op, ": invalid output_size ", to_string(asked), " (dim ",
                                         i, " must be between ", least, " and ", most, ")"));
    sizes.push_back(given.output_size ? asked[i] : size);
    if (sizes[i] < 1)
      throw Error(ErrorKind::runtime, join(op, ": the result would have the sizes ",
                                           to_string(sizes), ": Output size is too small"));
  }
  return sizes;
}

}  // namespace

Tensor max_unpool(const char* op, const Tensor& x, const Tensor& indices,
                  const UnpoolSettings& given) {
  if (indices.dtype() != DType::int64)
    throw Error(
        ErrorKind::runtime,
        join(op, ": elements in indices should be type int64 but got: ", name(indices.dtype())));
  if (indices.shape() != x.shape())
    throw Error(ErrorKind::runtime,
                join(op, ": Expected shape of indices to be same as that of the input tensor (",
                     to_string(x.shape()),
                     ") but got indices tensor with shape: ", to_string(indices.shape())));
  if (x.dim() != given.axes + 1 && x.dim() != given.axes + 2)
    throw Error(ErrorKind::runtime, join(op, ": Expected ", given.axes + 1, "D or ", given.axes + 2,
                                         "D tensor, but got ", to_string(x.shape())));
  Dims shape;
  for (int d = 0; d < x.dim() - given.axes; ++d) shape.push_back(x.size(d));
  const int64_t planes = count(shape);
  int64_t each = 1, plane = 1;
  for (int d = x.dim() - given.axes; d < x.dim(); ++d) each *= x.size(d);
  for (const int64_t size : sizes_before(op, x, given)) {
    shape.push_back(size);
    plane = checked_multiply(plane, size);
  }
  const Dims flat{planes, each}, whole{checked_multiply(planes, plane)};
  const Tensor index =
      linear_index(op, {expand(positions(planes, 0, 2), flat), reshape(indices, flat)},
                   {planes, plane}, 0, Bounds::runtime_error);
  const IndexedRows rows{1, whole[0], 1, {}, {}, whole};
  return reshape(put_rows(full(whole, 0, x.dtype()), index, reshape(x, flat), rows), shape);
}

}  // namespace steep::ops
