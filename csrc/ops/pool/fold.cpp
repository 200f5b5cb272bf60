// Windows laid out as columns, and their sum: each the gradient of the other.
#include "kernels/pool/unfold.h"
#include "ops/pool/pool.h"
#include "ops/registry.h"
#include "ops/shape/view.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// Both tensors, as PyTorch shapes them.
struct Columns {
  kernels::Unfold how;
  Dims image;    // [batch, channels, height, width], or without the batch
  Dims columns;  // [batch, channels * places of the window, windows]
};

struct FoldSettings {
  Dims kernel, dilation, padding, stride;
};

FoldSettings checked(const char* op, const FoldSettings& given) {
  const FoldSettings all{for_pool_axes(op, "kernel_size", given.kernel, 2),
                         for_pool_axes(op, "dilation", given.dilation, 2),
                         for_pool_axes(op, "padding", given.padding, 2),
                         for_pool_axes(op, "stride", given.stride, 2)};
  check_window_numbers(op, "kernel_size", all.kernel, 1, "kernel size should be greater than zero");
  check_window_numbers(op, "dilation", all.dilation, 1, "dilation should be greater than zero");
  check_window_numbers(op, "padding", all.padding, 0, "padding should be non-negative");
  check_window_numbers(op, "stride", all.stride, 1, "stride should be greater than zero");
  return all;
}

// Windows over an image of these sizes.
Columns columns_of(const char* op, const Dims& image, const FoldSettings& given) {
  Columns columns{{1, {}, {}}, image, {}};
  const int lead = image.size() - 3;
  PoolAxis* axes[] = {&columns.how.height, &columns.how.width};
  for (int i = 0; i < 2; ++i) {
    const int64_t size = image[lead + 1 + i];
    const int64_t reach = given.dilation[i] * (given.kernel[i] - 1) + 1;
    const int64_t spare = size + 2 * given.padding[i] - reach;
    *axes[i] = {size,
                spare < 0 ? 0 : spare / given.stride[i] + 1,
                given.kernel[i],
                given.stride[i],
                given.dilation[i],
                given.padding[i]};
    if (spare < 0 || size < 1)
      throw Error(ErrorKind::runtime,
                  join(op, ": Given input with spatial size (", image[lead + 1], ", ",
                       image[lead + 2], "), kernel_size=", to_string(given.kernel), ", dilation=",
                       to_string(given.dilation), ", padding=", to_string(given.padding),
                       ", the array of sliding blocks must have at least one along each axis"));
  }
  for (int d = 0; d <= lead; ++d) columns.how.planes *= image[d];
  const int64_t places = checked_multiply(given.kernel[0], given.kernel[1]);
  if (lead) columns.columns.push_back(image[0]);
  columns.columns.push_back(checked_multiply(image[lead], places));
  columns.columns.push_back(checked_multiply(axes[0]->out, axes[1]->out));
  return columns;
}

void check_floating(const char* op, const Tensor& x) {
  if (is_floating(x.dtype())) return;
  throw Error(ErrorKind::not_implemented, join('"', op, "\" not implemented for '", name(x.dtype()),
                                               "'; convert with .float() first"));
}

Tensor fold_columns(const Tensor& x, const Columns& how);

Tensor unfold_image(const Tensor& x, const Columns& how) {
  const Tensor out = empty(how.columns, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kUnfold, x.dtype(), {out, contiguous(x)}, how.how);
  }
  if (wanted(x)) {
    record("unfold", out, {x},
           [how](const Tensor& grad, Grads& grads) { grads[0] = fold_columns(grad, how); });
  }
  return out;
}

Tensor fold_columns(const Tensor& x, const Columns& how) {
  const Tensor out = empty(how.image, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kFold, x.dtype(), {out, contiguous(x)}, how.how);
  }
  if (wanted(x)) {
    record("fold", out, {x},
           [how](const Tensor& grad, Grads& grads) { grads[0] = unfold_image(grad, how); });
  }
  return out;
}

Tensor unfold(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride) {
  constexpr const char* op = "unfold";
  const FoldSettings given = checked(op, {kernel, dilation, padding, stride});
  const bool fits = x.dim() == 3 || (x.dim() == 4 && x.size(1) > 0);
  if (!fits || x.size(x.dim() - 3) < 1)
    throw Error(ErrorKind::runtime,
                join(op,
                     ": Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and "
                     "other non-zero dimensions for input, but got: ",
                     to_string(x.shape())));
  const Columns columns = columns_of(op, x.shape(), given);
  if (x.dtype() == DType::boolean)  // moved as numbers
    return to(unfold_image(to(x, DType::float32), columns), x.dtype());
  check_floating(op, x);
  return unfold_image(x, columns);
}

Tensor fold(const Tensor& x, const Dims& output_size, const Dims& kernel, const Dims& dilation,
            const Dims& padding, const Dims& stride) {
  constexpr const char* op = "fold";
  const FoldSettings given = checked(op, {kernel, dilation, padding, stride});
  const Dims sizes = for_pool_axes(op, "output_size", output_size, 2);
  check_window_numbers(op, "output_size", sizes, 1, "output_size should be greater than zero");
  const int rank = x.dim();
  if ((rank != 2 && rank != 3) || x.size(rank - 2) < 1 || x.size(rank - 1) < 1)
    throw Error(ErrorKind::runtime,
                join(op,
                     ": Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch "
                     "size and non-zero dimensions for input, but got: ",
                     to_string(x.shape())));
  if (x.dtype() == DType::boolean)  // whether any window has it
    return to(fold(to(x, DType::float32), output_size, kernel, dilation, padding, stride),
              x.dtype());
  check_floating(op, x);
  const int64_t places = checked_multiply(given.kernel[0], given.kernel[1]);
  if (x.size(rank - 2) % places != 0)
    throw Error(ErrorKind::runtime,
                join(op, ": Expected size of input's dimension ", rank - 2,
                     " to be divisible by the product of kernel_size, but got ", x.size(rank - 2),
                     " and kernel_size=", to_string(given.kernel)));
  Dims image;
  if (rank == 3) image.push_back(x.size(0));
  image.push_back(x.size(rank - 2) / places);
  for (int64_t size : sizes) image.push_back(size);
  const Columns columns = columns_of(op, image, given);
  if (columns.columns.back() != x.size(rank - 1))
    throw Error(ErrorKind::runtime,
                join(op, ": Given output_size=", to_string(sizes), ", kernel_size=",
                     to_string(given.kernel), ", dilation=", to_string(given.dilation),
                     ", padding=", to_string(given.padding), ", stride=", to_string(given.stride),
                     ", expected size of input's dimension ", rank - 1,
                     " to match the calculated number of sliding blocks ", columns.columns.back(),
                     ", but got ", x.size(rank - 1)));
  return fold_columns(x, columns);
}

void register_fold(Registry& registry) {
  registry.add<&unfold>("unfold", kFunctional,
                        "(input: Tensor, kernel_size: Dims, dilation: Dims = 1, padding: Dims = 0, "
                        "stride: Dims = 1) -> Tensor",
                        R"(The windows of images, each as a column.

out[n, (c, i, j), (h, w)] = input[n, c, h * stride + i * dilation - padding, ...], 0 outside. Shapes:
input (N, C, H, W) or (C, H, W), out (N, C * KH * KW, L) for L = H' * W' windows, counted as for
conv2d. Raises RuntimeError for windows that do not fit, NotImplementedError for integers.

>>> x = steep.tensor([[[1.0, 2.0], [3.0, 4.0]]])
>>> steep.nn.functional.unfold(x, (1, 2))
tensor([[1., 3.],
        [2., 4.]])
)");
  registry.add<&windows_of_dim>(
      "unfold", kMethod, "(input: Tensor, dimension: int, size: int, step: int) -> Tensor",
      R"(A view of all windows of a dimension: their number in its place, their elements last.

Raises RuntimeError for a window longer than the dimension and a step below 1, IndexError for a
dimension that does not exist.

>>> steep.arange(4).unfold(0, 2, 1)
tensor([[0, 1],
        [1, 2],
        [2, 3]])
)",
      "windows_of_a_dimension");
  registry.add_module("unfold", "fold.Unfold",
                      R"(Lay the windows of images out as columns; see `functional.unfold`.

Args:
    kernel_size: size of the windows, one number or two.
    dilation: steps between the elements of a window. Default: 1.
    padding: zeros added at both ends of each axis. Default: 0.
    stride: steps between neighbouring windows. Default: 1.

Example:
    >>> import steep
    >>> tuple(steep.nn.Unfold((2, 3))(steep.zeros(2, 5, 3, 4)).shape)
    (2, 30, 4)
)");
  registry.add<&fold>("fold", kFunctional,
                      "(input: Tensor, output_size: Dims, kernel_size: Dims, dilation: Dims = 1, "
                      "padding: Dims = 0, stride: Dims = 1) -> Tensor",
                      R"(The sum of windows, given as columns, into images: the gradient of unfold.

Shapes: input (N, C * KH * KW, L) or without N, out (N, C, *output_size); L is the count of windows
that unfold would make of it. Raises RuntimeError for sizes that do not fit, NotImplementedError for
integers.

>>> columns = steep.tensor([[1.0, 3.0], [2.0, 4.0]])
>>> steep.nn.functional.fold(columns, (1, 3), (1, 2))
tensor([[[1., 5., 4.]]])
)");
  registry.add_module("fold", "fold.Fold",
                      R"(Add windows, given as columns, up to images; see `functional.fold`.

Args:
    output_size: height and width of the images, one number or two.
    kernel_size: size of the windows, one number or two.
    dilation: steps between the elements of a window. Default: 1.
    padding: zeros that were added at both ends of each axis. Default: 0.
    stride: steps between neighbouring windows. Default: 1.

Example:
    >>> import steep
    >>> tuple(steep.nn.Fold((4, 5), (2, 2))(steep.zeros(1, 12, 12)).shape)
    (1, 3, 4, 5)
)");
}

const Registration registered("resampling", register_fold);

}  // namespace

}  // namespace steep::ops
