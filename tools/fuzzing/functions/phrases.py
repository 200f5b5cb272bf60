"""The phrases that programs are put together from, besides what the tables of state say."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["AFTER_BACKWARD", "BACKWARDS", "BUILT", "COMPILED", "COMPILED_METHOD"]
__all__ += ["FAILURES", "HEADS", "LEAVING", "LOSSES", "METHOD", "MODULE", "OF_NUMBERS"]
__all__ += ["OF_TENSORS", "OWNER", "RAISING", "RISKY"]

HEADS = (
    "with steep.no_grad():",
    "with steep.no_grad():",
    "with steep.set_grad_enabled(bool(<F>)):",
    "with steep.enable_grad():",
    "with contextlib.ExitStack() as stack:",
    "with contextlib.nullcontext(<N>) as value:",
    "for _ in range(int(bool(<F>)) + 1):",
    "for h in [h, g][:2 if <F> else 1]:",
    "while h.sum().isnan().numel() > 1:",
)
RISKY = ("h", "x", "None", "(h, weight)", "h.sum().item() > 0", "weight.detach()", "weight.grad")
RISKY += ("h.detach()[0]", "(h.detach(), h.detach().t())", "Record(h.detach(), 1)", "kept")
RISKY += ("weight.detach().view(2, 2)", "x.detach()", "[h.detach()] * 2", "types", "x.view(-1)")
RAISING = "raise ValueError('it is %r' % (<N>,))"
LEAVING = ("return h.detach()", "return None", "return (g.detach(), 'early')", "del g\ng = h")
OF_NUMBERS = (
    "-(<N>)",
    "(<N> if <F> else <N>)",
    "abs(<N>)",
    "float(<N>)",
    "max(<N>, <n>)",
    "[<N> for _ in range(2)][-1]",
    "(<N> + <n>)",
    "min(v for v in (<N>, <N>))",
)
OF_TENSORS = (
    "F.relu(<h>)",
    "steep.tanh(<h>)",
    "(<h>).sigmoid()",
    "(<h>).clone()",
    "(<h>).detach()",
    "(<h>).view(-1, 4)",
    "(<h>).t().t()",
    "(<h>).flip(0)",
    "(<h>).softmax(-1)",
    "(<h>).clamp(-2, 2)",
    "steep.where(<h> > 0, h, <N>)",
    "(<h>).to(steep.float64).to(steep.float32)",
    "steep.cat([<h>, h])[:len(h)]",
    "(<h>).reshape(h.shape)",
    "F.layer_norm(<h>, (4,))",
    "(<h>).masked_fill(h > 1, <N>)",
    "(<h>) @ steep.eye(4)",
    "F.dropout(<h>, 0.5, training=bool(<F>))",
    "(<h> if <F> else <h> * 2)",
)
LOSSES = (
    "(<h> * weight).mean()",
    "F.mse_loss(<h> * weight, g.detach())",
    "F.cross_entropy(<h> * weight, steep.arange(len(<h>)) % 4)",
    "(<h> * weight * <N>).sum()",
    "(<h> * weight).pow(2).mean() + 0.1 * weight.sum()",
)
AFTER_BACKWARD = (
    "nn.utils.clip_grad_norm_([weight], 0.1)",
    "weight.grad.mul_(<N>)",
    "weight.data.add_(weight.grad.data, alpha=-0.1)",
    "weight.grad.data.zero_()",
    "g = g.detach() + weight.grad",
    "weight.grad = None",
    "weight.grad = weight.grad * <N>",
    "if <F>:\n    weight.grad.zero_()",
    "norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)\nh = h * norm",
)
BACKWARDS = (
    ("loss.backward(retain_graph=True)", "(loss * <N>).backward()"),
    ("weight.data.mul_(0.5)", "loss.backward()"),
    ("loss.backward()", "if <F>:\n    (h * weight).pow(2).sum().backward()"),
    ("for p, d in zip([weight], steep.autograd.grad(loss, [weight])):\n    p.grad = d",),
    ("(loss / 2).backward(inputs=[weight])",),
    ("if <F>:\n    loss.backward()",),
    ("weight.requires_grad_(bool(<F>))", "loss.backward()", "weight.requires_grad_(True)"),
)
FAILURES = (
    "raise <E>('no %s' % (<N>,))",
    "{}['missing']",
    "h @ steep.ones(3, 2)",
    "1 / 0",
    "int('x')",
    "h.view(7, 9)",
    "steep.ones(2, requires_grad=True).add_(1)",
    "h[99]",
    "h[steep.tensor([0, 7])]",
    "F.cross_entropy(h, steep.tensor([0, 9, 1])[:len(h)])",
)

OWNER = Feature(
    setup="OWNED = <n>",
    numbers=("self.k", "self.inner.depth", "self.shared", "OWNED"),
    flags=("self.on", "hasattr(self, 'extra')", "self.k > 1"),
    calls=("self.helped(<h>)",),
    tensors=("self.t",),
    effects=("self.calls += 1", "self.last = <h>.detach()", "self.k = self.k * -1"),
    between=(
        "owner.k = <n>",
        "owner.on = not owner.on",
        "owner.inner.depth = <n>",
        "owner.inner = types.SimpleNamespace(depth=<n>)",
        "owner.extra = 1",
        "Owner.shared = <n>",
        "owner.shared = <n>",
        "owner.t = <t>",
        "owner.helped = lambda h: h + 1",
        "Owner.helped = lambda self, h: h * 2",
        "OWNED = <n>",
    ),
)
COMPILED = Feature(
    setup="""
INSIDE = <n>
@compiled
def compiled_helper(h):
    return h * INSIDE
@compiled
def evaluated(v):
    with steep.no_grad():
        return (v * weight * INSIDE).sum()
@compiled
def nudged(v, way=0):
    weight.grad = None
    (v * weight).sum().backward()
    with steep.no_grad():
        weight.sub_(weight.grad * 0.1)
    if way == 1:
        weight.grad = None
    elif way == 2:
        weight.grad.zero_()
    return weight.sum().item()""",
    numbers=("INSIDE",),
    calls=("compiled_helper(<h>)",),
    steps=("nudged(g.detach())", "<h> = <h> + evaluated(g.detach())"),
    between=(
        "INSIDE = <n>",
        "compiled_helper(steep.ones(2, 4))",
        "kept.append(evaluated(batch(3)))",
        "kept.append(nudged(batch(2)))",
        "nudged(batch(1), way=1)",
        "nudged(batch(1), way=2)",
        "for i in range(5):\n    nudged(batch(i), way=i % 2)",
    ),
)
MEMBERS = """
    shared = 1.5
    def __init__(self):
        super().__init__()
        self.k, self.on, self.calls, self.last = 2.0, False, 0, None
        self.inner, self.t = types.SimpleNamespace(depth=0.5), steep.tensor([0.5, 1.0, 2.0, -1.0])
    def helped(self, h):
        return h * self.shared
"""
BUILT = "def build():\n{}    return MADE\nMADE = build()"


def _owning(base: str, made: str) -> str:
    return f"class Owned{base}:{MEMBERS}class Owner(Owned):\n{{}}owner = Owner()\nstep = {made}\n"


METHOD = _owning("", "compiled(owner.act)")
COMPILED_METHOD = _owning("", "owner.act")
MODULE = _owning("(nn.Module)", "compiled(owner)")
