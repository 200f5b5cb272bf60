// Softsign, an activation made of other operations.
#include "ops/ops.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

Tensor softsign(const Tensor& x) {
  if (x.dtype() == DType::boolean)
    throw Error(ErrorKind::not_implemented,
                "\"softsign\" not implemented for 'bool'; convert with .float() first");
  return div(x, add(abs(x), Number(1)));
}

void register_softsign(Registry& registry) {
  registry.add<&softsign>("softsign", kFunctional, "(input: Tensor) -> Tensor",
                          R"(Softsign: out = input / (1 + |input|), between -1 and 1.

Shape: any, kept. Turian, Bergstra and Bengio, 2009. Integers become floating numbers. Raises
NotImplementedError for bool.

>>> steep.nn.functional.softsign(steep.tensor([-1.0, 3.0]))
tensor([-0.5000,  0.7500])
)");
  registry.add_module("softsign", "activation.Softsign", R"(``x / (1 + |x|)``, elementwise.

(Turian et al., 2009.)

Example:
    >>> import steep
    >>> steep.nn.Softsign()(steep.tensor([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
)");
}

const Registration registered("activation", register_softsign);

}  // namespace

}  // namespace steep::ops
