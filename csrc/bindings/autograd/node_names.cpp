// What PyTorch calls the nodes of its graph. Programs print and compare these names; steep's own
// are those of its operations, and become such a name by their words: log_softmax is
// LogSoftmaxBackward0. This table has the others.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "bindings/autograd/autograd.h"

namespace steep::bindings {

namespace {

struct Named {
  std::string_view operation, node;
};

// By operation; without the underscore of forms in place, which have the names of their functions.
constexpr Named kNames[] = {
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
    {"average_pool", "AvgPool2DBackward0"},
    {"batch_norm", "NativeBatchNormBackward0"},
    {"clamp", "ClampBackward1"},
    {"clip", "ClampBackward1"},
    {"convolution_transpose", "ConvolutionBackward0"},
    {"copy", "CopyBackwards"},
    {"cross_entropy", "NllLossBackward0"},
    {"deg2rad", "Deg2RadBackward0"},
    {"divide", "DivBackward0"},
    {"fix", "TruncBackward0"},
    {"fold", "Col2ImBackward0"},
    {"group_norm", "NativeGroupNormBackward0"},
    {"instance_norm", "NativeBatchNormBackward0"},
    {"layer_norm", "NativeLayerNormBackward0"},
    {"linear", "AddmmBackward0"},
    {"log1p", "Log1PBackward0"},
    {"matmul", "MmBackward0"},
    {"max_pool1d", "MaxPool1DWithIndicesBackward0"},
    {"max_pool2d", "MaxPool2DWithIndicesBackward0"},
    {"max_pool3d", "MaxPool3DWithIndicesBackward0"},
    {"multiply", "MulBackward0"},
    {"narrow", "SliceBackward0"},
    {"negative", "NegBackward0"},
    {"norm", "LinalgVectorNormBackward0"},
    {"pad", "ConstantPadNdBackward0"},
    {"rad2deg", "Rad2DegBackward0"},
    {"relu6", "HardtanhBackward0"},
    {"reshape", "ViewBackward0"},
    {"rms_norm", "FusedRmsNormBackward0"},
    {"scaled_dot_product_attention", "ScaledDotProductFlashAttentionForCpuBackward0"},
    {"setitem", "CopySlices"},
    {"square", "PowBackward0"},
    {"subtract", "SubBackward0"},
    {"true_divide", "DivBackward0"},
    {"unfold", "Im2ColBackward0"},
};

constexpr bool is_sorted() {
  for (size_t i = 1; i < std::size(kNames); ++i)
    if (!(kNames[i - 1].operation < kNames[i].operation)) return false;
  return true;
}
static_assert(is_sorted(), "looked up by bisection");

char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

std::string by_its_words(std::string_view operation) {
  std::string name;
  bool starts = true;
  for (const char c : operation) {
    if (c != '_') name += starts ? upper(c) : c;
    starts = c == '_';
  }
  return name + "Backward0";
}

}  // namespace

std::string node_label(const char* name) {
  std::string_view operation = name;
  if (!operation.empty() && std::isupper(static_cast<unsigned char>(operation[0])))
    return name;  // already in that form
  while (!operation.empty() && operation.back() == '_') operation.remove_suffix(1);
  const auto* const at = std::lower_bound(
      std::begin(kNames), std::end(kNames), operation,
      [](const Named& row, std::string_view text) { return row.operation < text; });
  if (at != std::end(kNames) && at->operation == operation) return std::string(at->node);
  return by_its_words(operation);
}

}  // namespace steep::bindings
