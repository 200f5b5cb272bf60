// What PyTorch calls the nodes of its graph. Programs print and compare these names; steep's own
// are those of its operations, and become such a name by their words: log_softmax is
// LogSoftmaxBackward0. This table has the others.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "bindings/autograd/autograd.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

struct Named {
  std::string_view operation, node;
};

// By operation; without the underscore of forms in place, which have the names of their functions.
constexpr Named kNames[] = {
    {"_CholeskyBackward", "LinalgCholeskyExBackward0"},
    {"_DeterminantBackward", "LinalgDetBackward0"},
    {"_EigenBackward", "LinalgEighBackward0"},
    {"_ExponentialBackward", "LinalgMatrixExpBackward0"},
    {"_FactorsBackward", "LinalgLuFactorExBackward0"},
    {"_InverseBackward", "LinalgInvExBackward0"},
    {"_LogDeterminantBackward", "LinalgSlogdetBackward0"},
    {"_OrthogonalBackward", "LinalgQrBackward0"},
    {"_PartsBackward", "FrexpBackward0"},
    {"_PseudoInverseBackward", "LinalgPinvBackward0"},
    {"_RecomputedBackward", "CheckpointFunctionBackward"},
    {"_SingularBackward", "LinalgSvdBackward0"},
    {"_SolutionBackward", "LinalgSolveExBackward0"},
    {"absolute", "AbsBackward0"},
    {"acosh", "AcoshBackward0"},
    {"aminmax", "AminmaxBackward0"},
    {"arccos", "AcosBackward0"},
    {"arccosh", "AcoshBackward0"},
    {"arcsin", "AsinBackward0"},
    {"arcsinh", "AsinhBackward0"},
    {"arctan", "AtanBackward0"},
    {"arctan2", "Atan2Backward0"},
    {"arctanh", "AtanhBackward0"},
    {"as_strided_scatter", "CopySlices"},
    {"average_pool", "AvgPool2DBackward0"},
    {"batch_norm", "NativeBatchNormBackward0"},
    {"clamp", "ClampBackward1"},
    {"clip", "ClampBackward1"},
    {"contiguous", "CloneBackward0"},
    {"convolution_transpose", "ConvolutionBackward0"},
    {"copy", "CopyBackwards"},
    {"cross", "LinalgCrossBackward0"},
    {"cross_entropy", "NllLossBackward0"},
    {"diagflat", "DiagEmbedBackward0"},
    {"divide", "DivBackward0"},
    {"fix", "TruncBackward0"},
    {"fliplr", "FlipBackward0"},
    {"flipud", "FlipBackward0"},
    {"fold", "Col2ImBackward0"},
    {"group_norm", "NativeGroupNormBackward0"},
    {"instance_norm", "NativeBatchNormBackward0"},
    {"layer_norm", "NativeLayerNormBackward0"},
    {"linear", "AddmmBackward0"},
    {"logsigmoid", "LogSigmoidBackward0"},
    {"matmul", "MmBackward0"},
    {"max_pool1d", "MaxPool1DWithIndicesBackward0"},
    {"max_pool2d", "MaxPool2DWithIndicesBackward0"},
    {"max_pool3d", "MaxPool3DWithIndicesBackward0"},
    {"multiply", "MulBackward0"},
    {"narrow", "SliceBackward0"},
    {"negative", "NegBackward0"},
    {"nll_loss2d", "NllLoss2DBackward0"},
    {"norm", "LinalgVectorNormBackward0"},
    {"pad", "ConstantPadNdBackward0"},
    {"pairwise_distance", "NormBackward1"},
    {"prelu", "PreluKernelBackward0"},
    {"relu6", "HardtanhBackward0"},
    {"reshape", "ViewBackward0"},
    {"rms_norm", "FusedRmsNormBackward0"},
    {"rrelu", "RreluWithNoiseBackward0"},
    {"scaled_dot_product_attention", "ScaledDotProductFlashAttentionForCpuBackward0"},
    {"selu", "EluBackward0"},
    {"setitem", "CopySlices"},
    {"square", "PowBackward0"},
    {"subtract", "SubBackward0"},
    {"tile", "RepeatBackward0"},
    {"to", "ToCopyBackward0"},
    {"true_divide", "DivBackward0"},
    {"unfold", "Im2ColBackward0"},
};

// Operations that are made of others where their gradient is wanted: the node of the last of those
// is shown by the name of the operation that was called.
constexpr std::string_view kComposites[] = {"addbmm",
                                            "addcdiv",
                                            "addcmul",
                                            "addmm",
                                            "addmv",
                                            "addr",
                                            "aminmax",
                                            "avg_pool3d",
                                            "baddbmm",
                                            "binary_cross_entropy",
                                            "binary_cross_entropy_with_logits",
                                            "bmm",
                                            "cdist",
                                            "channel_shuffle",
                                            "clamp_max",
                                            "clamp_min",
                                            "cross",
                                            "cross_entropy",
                                            "cummax",
                                            "cummin",
                                            "cumprod",
                                            "cumsum",
                                            "deg2rad",
                                            "diag_embed",
                                            "diagflat",
                                            "diagonal_scatter",
                                            "dist",
                                            "dot",
                                            "embedding_bag",
                                            "flip",
                                            "fliplr",
                                            "flipud",
                                            "fmax",
                                            "fmin",
                                            "frac",
                                            "gather",
                                            "glu",
                                            "hardshrink",
                                            "huber_loss",
                                            "index_add",
                                            "index_copy",
                                            "index_fill",
                                            "index_put",
                                            "index_select",
                                            "kthvalue",
                                            "logaddexp2",
                                            "logcumsumexp",
                                            "logit",
                                            "logsigmoid",
                                            "masked_fill",
                                            "masked_scatter",
                                            "masked_select",
                                            "max_unpool2d",
                                            "max_unpool3d",
                                            "median",
                                            "mode",
                                            "mse_loss",
                                            "multi_margin_loss",
                                            "multilabel_margin_loss",
                                            "mv",
                                            "mvlgamma",
                                            "nan_to_num",
                                            "nanmedian",
                                            "nansum",
                                            "nll_loss",
                                            "pairwise_distance",
                                            "pixel_shuffle",
                                            "pixel_unshuffle",
                                            "polygamma",
                                            "prelu",
                                            "put",
                                            "rad2deg",
                                            "repeat",
                                            "roll",
                                            "rot90",
                                            "rrelu",
                                            "scatter",
                                            "scatter_add",
                                            "scatter_reduce",
                                            "select_scatter",
                                            "selu",
                                            "sgn",
                                            "sinc",
                                            "slice_scatter",
                                            "smooth_l1_loss",
                                            "soft_margin_loss",
                                            "softshrink",
                                            "stack",
                                            "std_mean",
                                            "t",
                                            "take",
                                            "threshold",
                                            "tile",
                                            "trace",
                                            "var_mean",
                                            "vdot",
                                            "zero"};

constexpr bool is_sorted() {
  for (size_t i = 1; i < std::size(kNames); ++i)
    if (!(kNames[i - 1].operation < kNames[i].operation)) return false;
  for (size_t i = 1; i < std::size(kComposites); ++i)
    if (!(kComposites[i - 1] < kComposites[i])) return false;
  return true;
}
static_assert(is_sorted(), "looked up by bisection");

char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

std::string by_its_words(std::string_view operation) {
  std::string name;
  bool starts = true;
  for (const char c : operation) {
    if (c != '_') name += starts ? upper(c) : c;
    starts = c == '_' || std::isdigit(static_cast<unsigned char>(c));
  }
  return name + "Backward0";
}

// abs_ is abs.
std::string_view without_underscores(std::string_view operation) {
  while (!operation.empty() && operation.back() == '_') operation.remove_suffix(1);
  return operation;
}

}  // namespace

std::string node_label(const char* name) {
  const std::string_view operation = without_underscores(name);
  const auto* const at = std::lower_bound(
      std::begin(kNames), std::end(kNames), operation,
      [](const Named& row, std::string_view text) { return row.operation < text; });
  if (at != std::end(kNames) && at->operation == operation) return std::string(at->node);
  const bool is_label = std::isupper(static_cast<unsigned char>(*name)) ||
                        operation.find("Backward") != operation.npos;
  if (is_label) return name;  // already in that form
  return by_its_words(operation);
}

bool is_composite(std::string_view operation) {
  return std::binary_search(std::begin(kComposites), std::end(kComposites),
                            without_underscores(operation));
}

void call_composite(const ops::Op& op, ops::AnyValue* arguments, ops::AnyValue& result) {
  // Of images, where classes are in each place, PyTorch has an operation of its own.
  const std::string_view name = op.name;
  const bool likelihood = name == "nll_loss" || name == "cross_entropy";
  const char* const shown = likelihood && arguments[0].tensor.dim() > 2 ? "nll_loss2d" : op.name;
  const uint64_t before = tape::Node::last_number();
  op.call(op, arguments, result);
  tape::show_as(shown, result.tensor, before);
  if (result.tensors)
    for (const Tensor& part : *result.tensors) tape::show_as(shown, part, before);
}

}  // namespace steep::bindings
