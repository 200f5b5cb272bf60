"""How tensors and graphs end: chains of any length without recursion, cycles by the collector."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import autograd

LENGTH = 200_000


class Same(autograd.Function):
    """Keeps what `keep` gives for its result."""

    keep: Callable[[Any, steep.Tensor], None] = staticmethod(lambda ctx, y: None)

    @staticmethod
    def forward(ctx: Any, x: steep.Tensor) -> steep.Tensor:
        y = x * 2
        Same.keep(ctx, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: steep.Tensor) -> steep.Tensor:
        return grad * 2


# ---- chains -------------------------------------------------------------------------------------


def gradients(x: steep.Tensor) -> steep.Tensor:
    y = steep.ones(1)
    y.grad = x
    return y


def arrays(x: steep.Tensor) -> steep.Tensor:
    return steep.from_numpy(x.numpy())


def views(x: steep.Tensor) -> steep.Tensor:
    y = x[:]
    y.data = steep.ones(1)  # no window on x any more, so that the next one is a view of y
    return y


def hooks(x: steep.Tensor) -> steep.Tensor:
    y = steep.ones(1, requires_grad=True)
    y.register_hook(lambda grad: x)
    return y


def attributes(x: steep.Tensor) -> steep.Tensor:
    y = steep.nn.Parameter(steep.ones(1))
    y.before = x  # type: ignore[attr-defined]
    return y


def functions(x: steep.Tensor) -> steep.Tensor:
    Same.keep = staticmethod(lambda ctx, y: setattr(ctx, "x", x))
    return Same.apply(x if x.requires_grad else x.requires_grad_())


def lists(x: steep.Tensor) -> steep.Tensor:
    y = steep.ones(1, requires_grad=True)
    y.register_post_accumulate_grad_hook([(x,)].append)  # type: ignore[arg-type]
    return y


CHAINS = (gradients, arrays, views, hooks, attributes, functions, lists)


@pytest.mark.parametrize("link", CHAINS, ids=lambda link: link.__name__)
def test_a_long_chain_is_freed(link: Callable[[steep.Tensor], steep.Tensor]) -> None:
    """In a process of its own: what overflows the stack ends it."""
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        f"import steep, test_ends\nx = steep.ones(1)\n"
        f"for _ in range(test_ends.LENGTH): x = test_ends.{link.__name__}(x)\n"
        "del x\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *sys.path], timeout=300)
    assert done.returncode == 0


def test_a_leaf_has_one_accumulator_while_another_ends() -> None:
    """The end of a graph runs code that uses its leaf anew: no dying node may be met there."""
    x = steep.ones(2, requires_grad=True)
    found: list[steep.Tensor] = []

    class Late:
        def __del__(self) -> None:
            found.append(x * 3)

    def graph() -> steep.Tensor:
        late = Late()
        Same.keep = staticmethod(lambda ctx, y: setattr(ctx, "late", late))
        return Same.apply(x)

    for _ in range(10):
        graph()
        Same.keep = staticmethod(lambda ctx, y: None)
    assert len(found) == 10
    for y in found:
        y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [30.0, 30.0]


# ---- cycles -------------------------------------------------------------------------------------


def keep_result() -> None:
    Same.keep = staticmethod(lambda ctx, y: setattr(ctx, "y", y))
    Same.apply(steep.ones(3, requires_grad=True))


def keep_result_deep() -> None:
    Same.keep = staticmethod(lambda ctx, y: setattr(ctx, "found", {"by": [lambda: y]}))
    Same.apply(steep.ones(3, requires_grad=True)).exp().sum()


def keep_loss() -> None:
    kept: list[Any] = []
    Same.keep = staticmethod(lambda ctx, y: kept.append(ctx))
    x = steep.ones(3, requires_grad=True)
    loss = (Same.apply(x) * 3 + x).sum()
    kept[0].loss = loss


def keep_node() -> None:
    kept: list[Any] = []
    Same.keep = staticmethod(lambda ctx, y: kept.append(ctx))
    y = Same.apply(steep.ones(3, requires_grad=True))
    kept[0].node = y.grad_fn


def hook_on_result() -> None:
    y = steep.ones(3, requires_grad=True) * 2
    y.register_hook(lambda grad: y)


def hook_with_loss() -> None:
    y = steep.ones(3, requires_grad=True) * 2
    loss = (y * 3).sum()
    y.register_hook(lambda grad: loss)


def hook_on_leaf() -> None:
    x = steep.ones(3, requires_grad=True)
    x.register_hook(lambda grad: x)
    (x * 2).sum().backward()


def hook_on_leaf_with_loss() -> None:
    x = steep.ones(3, requires_grad=True)
    loss = (x * 2).sum()
    x.register_hook(lambda grad: loss)


def post_hook() -> None:
    x = steep.ones(3, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda leaf: x.zero_() and None)


def hook_that_is_a_method() -> None:
    y = steep.ones(3, requires_grad=True) * 2
    y.register_hook(y.add_)


def attribute_of_a_parameter() -> None:
    p = steep.nn.Parameter(steep.ones(3))
    p.me = p  # type: ignore[attr-defined]
    p.loss = (p * 2).sum()  # type: ignore[attr-defined]


def hook_of_a_module() -> None:
    layer = steep.nn.Linear(2, 2)
    layer.register_forward_hook(lambda module, args, out: layer)
    layer.last = layer(steep.ones(1, 2))  # type: ignore[assignment]


CYCLES = (
    keep_result,
    keep_result_deep,
    keep_loss,
    keep_node,
    hook_on_result,
    hook_with_loss,
    hook_on_leaf,
    hook_on_leaf_with_loss,
    post_hook,
    hook_that_is_a_method,
    attribute_of_a_parameter,
    hook_of_a_module,
)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.__name__)
def test_cycles_are_collected(cycle: Callable[[], None]) -> None:
    def living() -> int:
        gc.collect()
        kinds = (steep.Tensor, autograd.FunctionCtx, autograd.Node)
        return sum(isinstance(thing, kinds) for thing in gc.get_objects())

    cycle()
    before = living()
    for _ in range(20):
        cycle()
    assert living() <= before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
@pytest.mark.skipif("STEEP_SANITIZER" in os.environ, reason="a sanitizer wants memory of its own")
def test_the_collector_looks_at_graphs_without_any_memory() -> None:
    """An exception thrown through it would end the process."""
    program = """
        import ctypes, gc, os, resource
        import steep
        malloc = ctypes.CDLL(None).malloc
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        ys = []
        for _ in range(20):
            y = steep.ones(3, requires_grad=True)
            for _ in range(500):
                y = (y * 2 + y).exp()
            y.register_hook(lambda grad, y=y: y)
            ys.append(y)
        del y
        gc.collect()
        try:
            steep.zeros(-1)  # from here on exceptions have the memory that they need
        except RuntimeError:
            pass
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * os.sysconf("SC_PAGESIZE") + (8 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for power in range(24, 2, -1):
            while malloc(1 << power):
                pass
        ys.clear()
        gc.collect()
        os._exit(7)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONMALLOC": "pymalloc"},
        timeout=300,
    )
    assert done.returncode == 7


def test_the_collector_leaves_alone_what_is_in_use() -> None:
    """A graph whose other end is held, by a node or by a later result, keeps its hooks."""
    x = steep.ones(3, requires_grad=True)
    called: list[int] = []
    y = x * 2
    y.register_hook(lambda grad, y=y: called.append(1))
    loss = (y * y).sum()
    node = y.grad_fn
    del y
    gc.collect()
    loss.backward()
    gc.collect()
    assert called == [1]
    assert node is not None
    assert node.name() == "MulBackward0"
    assert x.grad is not None
    assert x.grad.tolist() == [8.0] * 3


def test_what_a_function_saved_goes_with_the_graph() -> None:
    kept: list[Any] = []
    Same.keep = staticmethod(lambda ctx, y: (kept.append(ctx), ctx.save_for_backward(y)))
    y = Same.apply(steep.ones(3, requires_grad=True))
    assert kept[0].saved_tensors[0].tolist() == [2.0] * 3
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        kept[0].saved_tensors  # noqa: B018
