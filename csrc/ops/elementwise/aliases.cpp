// Second names of elementwise operations, and in-place methods that only write back a result.
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr const char* kUnary = "(input: Tensor) -> Tensor";
constexpr const char* kPair = "(input: Tensor, other: Tensor) -> Tensor";
constexpr const char* kMixed = "(input: Tensor, other: Tensor | Number) -> Tensor";
constexpr const char* kOperands = "(input: Tensor | Number, other: Tensor | Number) -> Tensor";
constexpr const char* kAlpha =
    "(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Tensor";
constexpr const char* kAlphaInPlace =
    "(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor";

template <auto function>
void alias_of(Registry& registry, const char* name, const char* in_place, const char* doc,
              const char* doc_in_place, const char* original, const char* signature = kUnary,
              const char* signature_in_place = kUnary) {
  registry.add<function>(name, kBoth | kOut, signature, doc, original);
  registry.add_inplace<function>(in_place, signature_in_place, doc_in_place, original);
}

void register_second_names(Registry& registry) {
  using Mixed = Tensor (*)(const TensorOrNumber&, const TensorOrNumber&);
  using Scaled = Tensor (*)(const TensorOrNumber&, const TensorOrNumber&, const Number&);
  constexpr auto multiply = static_cast<Mixed>(&mul);
  constexpr auto subtract = static_cast<Scaled>(&sub);
  alias_of<&abs>(registry, "absolute", "absolute_", "Another name of abs.", "In-place form of abs.",
                 "abs");
  alias_of<&neg>(registry, "negative", "negative_", "Another name of neg.", "In-place form of neg.",
                 "neg");
  alias_of<&asin>(registry, "arcsin", "arcsin_", "Another name of asin.", "In-place form of asin.",
                  "asin");
  alias_of<&acos>(registry, "arccos", "arccos_", "Another name of acos.", "In-place form of acos.",
                  "acos");
  alias_of<&atan>(registry, "arctan", "arctan_", "Another name of atan.", "In-place form of atan.",
                  "atan");
  alias_of<&trunc>(registry, "fix", "fix_", "Another name of trunc.", "In-place form of trunc.",
                   "trunc");
  alias_of<&sign>(registry, "sgn", "sgn_", "Another name of sign.", "In-place form of sign.",
                  "sign");
  alias_of<multiply>(registry, "multiply", "multiply_", "Another name of mul.",
                     "In-place form of mul.", "mul", kOperands, kMixed);
  alias_of<subtract>(registry, "subtract", "subtract_", "Another name of sub.",
                     "In-place form of sub.", "sub", kAlpha, kAlphaInPlace);
  registry.add<&atan2>("arctan2", kBoth | kOut, kPair, "Another name of atan2.", "atan2");
  registry.add_inplace<&atan2>("arctan2_", kPair, "In-place form of atan2.", "atan2");
  registry.add_inplace<&atan2>("atan2_", kPair, "In-place form of atan2.", "atan2");
}

void register_comparisons(Registry& registry) {
  registry.add<&gt>("greater", kBoth | kOut, kOperands, "Another name of gt.", "gt");
  registry.add<&ge>("greater_equal", kBoth | kOut, kOperands, "Another name of ge.", "ge");
  registry.add<&lt>("less", kBoth | kOut, kOperands, "Another name of lt.", "lt");
  registry.add<&le>("less_equal", kBoth | kOut, kOperands, "Another name of le.", "le");
  registry.add<&ne>("not_equal", kBoth | kOut, kOperands, "Another name of ne.", "ne");
  registry.add_inplace<&gt>("greater_", kMixed, "In-place form of gt.", "gt");
  registry.add_inplace<&ge>("greater_equal_", kMixed, "In-place form of ge.", "ge");
  registry.add_inplace<&lt>("less_", kMixed, "In-place form of lt.", "lt");
  registry.add_inplace<&le>("less_equal_", kMixed, "In-place form of le.", "le");
  registry.add_inplace<&ne>("not_equal_", kMixed, "In-place form of ne.", "ne");
  registry.add_inplace<&eq>("eq_", kMixed, "In-place form of eq.", "eq");
  registry.add_inplace<&ne>("ne_", kMixed, "In-place form of ne.", "ne");
  registry.add_inplace<&lt>("lt_", kMixed, "In-place form of lt.", "lt");
  registry.add_inplace<&le>("le_", kMixed, "In-place form of le.", "le");
  registry.add_inplace<&gt>("gt_", kMixed, "In-place form of gt.", "gt");
  registry.add_inplace<&ge>("ge_", kMixed, "In-place form of ge.", "ge");
  registry.add_inplace<&logical_and>("logical_and_", kPair, "In-place form of logical_and.",
                                     "logical_and");
  registry.add_inplace<&logical_or>("logical_or_", kPair, "In-place form of logical_or.",
                                    "logical_or");
  registry.add_inplace<&logical_xor>("logical_xor_", kPair, "In-place form of logical_xor.",
                                     "logical_xor");
  registry.add_inplace<&logical_not>("logical_not_", kUnary, "In-place form of logical_not.",
                                     "logical_not");
  registry.add_inplace<&bitwise_not>("bitwise_not_", kUnary, "In-place form of bitwise_not.",
                                     "bitwise_not");
  registry.add_inplace<&fmod>("fmod_", kMixed, "In-place form of fmod.", "fmod");
}

void register_aliases(Registry& registry) {
  register_second_names(registry);
  register_comparisons(registry);
}

const Registration registered("arithmetic", register_aliases);

}  // namespace

}  // namespace steep::ops
