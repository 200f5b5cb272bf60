"""Objects whose methods change what is being read: the engine stays whole, whatever they do."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from processes import run
from steep import _core

# ---- each as a user would meet it --------------------------------------------------------------


class Saboteur:
    """A number that empties, grows or refills a list when it is asked for its value."""

    def __init__(self, holder: Any, act: Callable[[Any], object], value: int = 1) -> None:
        self.holder, self.act, self.value = holder, act, value

    def __index__(self) -> int:
        self.act(self.holder)
        return self.value

    def __float__(self) -> float:
        self.act(self.holder)
        return float(self.value)


def refill(holder: list[Any]) -> None:
    holder[:] = [object() for _ in holder]


ACTS: list[Callable[[Any], object]] = [
    lambda holder: holder.clear(),
    lambda holder: holder.extend([1] * 1000),
    lambda holder: holder.pop(),
    refill,
]

READERS: dict[str, Callable[[Any], object]] = {
    "zeros": steep.zeros,
    "view": lambda items: steep.ones(16).view(items),
    "sum over dims": lambda items: steep.ones(2, 3).sum(dim=items),
    "index": lambda items: steep.arange(50)[items],
    "setitem": lambda items: steep.arange(50).__setitem__(items, 0),
    "values": lambda items: steep.ones(6).__setitem__(slice(None), items),
    "tensor": steep.tensor,
    "tensor of bool": lambda items: steep.tensor(items, dtype=steep.bool),
    "as_tensor": steep.as_tensor,
    "Tensor": steep.Tensor,
    "new_tensor": lambda items: steep.ones(1).new_tensor(items),
    "nested": lambda items: steep.tensor([[1] * len(items), items]),
    "Size": lambda items: steep.Size(items).numel(),
}


@pytest.mark.parametrize("act", range(len(ACTS)))
@pytest.mark.parametrize("reader", READERS)
def test_a_list_that_changes_while_it_is_read(reader: str, act: int) -> None:
    """Either all is read, or an error of one of these kinds says what is wrong."""
    for at in (0, 3, 5):
        items: list[Any] = [1] * 6
        items[at] = Saboteur(items, ACTS[act])
        with contextlib.suppress(RuntimeError, TypeError, ValueError, IndexError):
            READERS[reader](items)


def test_a_list_that_shrinks_is_named() -> None:
    items: list[Any] = [1, 1, 1]
    items[0] = Saboteur(items, lambda holder: holder.clear())
    with pytest.raises(RuntimeError, match=r"keeps its length .* got 0 items after 3"):
        steep.zeros(items)


def test_a_tensor_that_gets_other_memory_while_it_is_an_argument() -> None:
    x = steep.arange(6.0)

    def shrink(_: Any) -> None:
        x.data = steep.zeros(1)

    with pytest.raises((RuntimeError, IndexError)):
        x.view([Saboteur(None, shrink, 2), 3])
    x = steep.arange(6.0)
    with pytest.raises(IndexError):
        x[Saboteur(None, shrink, 5)]


class OtherEveryTime:
    """An array whose `__array__` never gives the same shape twice."""

    def __init__(self) -> None:
        self.calls = 0

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        self.calls += 1
        return np.ones(
            (self.calls,) * (self.calls % 3), dtype=[np.float32, np.int64][self.calls % 2]
        )


def test_arrays_that_change_from_look_to_look() -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        steep.tensor([OtherEveryTime(), OtherEveryTime(), [1.0]])
    assert steep.tensor(OtherEveryTime()).shape == (1,)


class Shifty:
    """A sequence whose length and items are other ones every time."""

    def __init__(self) -> None:
        self.calls = 0

    def __len__(self) -> int:
        self.calls += 1
        return self.calls % 4

    def __getitem__(self, i: int) -> Any:
        if i > self.calls:
            raise IndexError
        return Shifty() if i % 2 else i


def test_sequences_that_change_from_look_to_look() -> None:
    for _ in range(4):
        with pytest.raises((ValueError, TypeError, RuntimeError)):
            steep.tensor([Shifty(), Shifty()])


def test_a_truth_that_raises_is_raised() -> None:
    truth = type("numpy.bool", (), {"__bool__": lambda self: 1 // 0})()
    with pytest.raises(ZeroDivisionError):
        steep.ones(2).mul_(truth)
    with pytest.raises(ZeroDivisionError):
        steep.full((2,), truth)


def test_a_compiled_functions_arguments_may_change_while_they_are_read() -> None:
    compiled = steep.compile(lambda x, **options: x + 1)

    def watching(container: Any) -> Any:
        """A number of NumPy's; asked for its bytes, it empties its container."""
        members = {"tobytes": lambda self: container.clear() or b""}
        return type("Watching", (np.float32,), members)(0.5)

    items: list[Any] = [1, 2, 3, 4]
    items[2] = watching(items)
    options: dict[str, Any] = {str(i): i for i in range(5)}
    options["2"] = watching(options)
    for container in (items, options):
        with pytest.raises(RuntimeError, match="keeps its"):
            compiled(steep.ones(2), option=container)


def test_a_hook_may_add_hooks_and_release_the_graph() -> None:
    x = steep.ones(3, requires_grad=True)
    y = x * 2
    added: list[Any] = []

    def add(grad: Any) -> None:
        for part in parts:
            added.append(part.register_hook(lambda g: None))

    parts = y.unbind()
    for part in parts:
        part.register_hook(add)
    sum(parts).backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert len(added) >= 3


def test_a_rule_may_run_a_pass_through_its_own_node() -> None:
    class Greedy(steep.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            if not inner:
                inner.append(True)
                out.backward(steep.ones(3))
            return grad * 2

    inner: list[bool] = []
    x = steep.ones(3, requires_grad=True)
    out = Greedy.apply(x)
    out.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [4.0, 4.0, 4.0]


# ---- all entry points ----------------------------------------------------------------------------

# Run in a process of its own: what this looks for is a crash.
TYPES = [
    "Tensor",
    "Size",
    "Generator",
    "OutOfMemoryError",
    "Recorder",
    "device",
    "dtype",
    "layout",
    "memory_format",
    "CompiledCall",
    "CellList",
    "StandIn",
    "Familiar",
    "ProgramTable",
    "SavedTensor",
    "Trace",
    "Program",
    "Replayed",
    "Node",
    "HookHandle",
    "no_grad",
    "set_grad_enabled",
]

FUZZ = """
import gc, inspect, itertools, random, sys
import numpy as np
import steep
from steep import _core
from steep.data import _augment, _pipeline

rng = random.Random({seed})
victims = []

def havoc():
    for victim in victims[-40:]:
        try:
            if isinstance(victim, list):
                rng.choice([victim.clear, lambda: victim.extend([1] * 50), victim.reverse])()
            elif isinstance(victim, dict):
                rng.choice([victim.clear, lambda: victim.update(a=1, b=2)])()
            elif isinstance(victim, bytearray):
                victim.extend(b"xxxx")
            elif isinstance(victim, steep.Tensor):
                victim.data = steep.zeros(rng.choice([(0,), (1,), (3, 2)]))
        except (BufferError, RuntimeError):
            pass
    if rng.random() < 0.2:
        gc.collect()
    if rng.random() < 0.1:
        raise rng.choice([ValueError, MemoryError, StopIteration])("havoc")

class Evil:
    def __init__(self, value=2): self.value = value
    def __index__(self): havoc(); return self.value
    def __float__(self): havoc(); return float(self.value)
    def __int__(self): havoc(); return self.value
    def __bool__(self): havoc(); return True
    def __eq__(self, other): havoc(); return True
    def __hash__(self): havoc(); return hash("dim")
    def __del__(self):
        try: havoc()
        except Exception: pass

class EvilSequence(Evil):
    def __len__(self): havoc(); return rng.randrange(4)
    def __getitem__(self, i):
        havoc()
        if i > 5: raise IndexError
        return rng.choice([1, Evil(), 2.0])
    def __iter__(self): havoc(); return iter([1, Evil(), 2])

class EvilArray:
    def __array__(self, *args, **kwargs): havoc(); return np.ones(rng.randrange(4), np.float32)

class EvilAttributes:
    def __getattr__(self, name): havoc(); raise AttributeError(name)

class EvilString(str):
    def __eq__(self, other): havoc(); return str.__eq__(self, other)
    __hash__ = str.__hash__

class EvilTensor(steep.Tensor):
    def __index__(self): havoc(); return 1
    def __len__(self): havoc(); return 2
    def __del__(self):
        try: havoc()
        except Exception: pass

class EvilGenerator(steep.Generator):
    def __init__(self, *args): pass

def kept(value):
    victims.append(value)
    return value

MAKERS = [
    lambda: Evil(), lambda: EvilSequence(), lambda: EvilArray(), lambda: EvilAttributes(),
    lambda: EvilString("cpu"), lambda: kept([Evil(), 1, 2]), lambda: kept([[Evil(), 1], [2, 3]]),
    lambda: (Evil(), 1), lambda: kept({{"a": Evil(), "b": 1}}), lambda: kept(bytearray(b"abcd")),
    lambda: kept(steep.ones(2, 3)), lambda: kept(steep.arange(6)), lambda: 1, lambda: 0, lambda: -1,
    lambda: 300, lambda: None, lambda: 1.5, lambda: "x", lambda: True, lambda: slice(Evil(), None),
    lambda: steep.float32, lambda: steep.int64, lambda: EvilTensor(2), lambda: EvilGenerator(),
    lambda: kept([steep.ones(2), Evil(), steep.ones(2)]), lambda: np.float32(1), lambda: b"bytes",
    lambda: kept([steep.ones(2), steep.ones(2)]), lambda: (steep.ones(2, 3), steep.ones(2, 3)),
    lambda: steep.Recorder(), lambda: steep.default_generator, lambda: memoryview(bytearray(8)),
    lambda: _core.ProgramTable((int,), 64), lambda: kept(steep.ones(2, requires_grad=True)),
    lambda: steep.ones(2, 2, dtype=steep.bool), lambda: np.ones((2, 2), np.int64)[::-1],
    lambda: lambda *a: havoc(),
]

def targets():
    skipped = {{"set_num_threads", "share_everything", "set_rank_order", "pace_choices",
               "fma_peak"}}
    for module in (_core, _pipeline, _augment):
        for name in dir(module):
            value = getattr(module, name)
            if callable(value) and name not in skipped and not name.startswith("__"):
                yield name, value
    for kind in [getattr(_core, name) for name in {types}]:
        for name in dir(kind):
            if callable(getattr(kind, name)) and name not in ("__class__", "__init_subclass__",
                                                              "__subclasshook__"):
                yield f"{{kind.__name__}}.{{name}}", getattr(kind, name)

OWN = {{
    "Tensor": lambda: kept(rng.choice([lambda: steep.ones(2, 3), lambda: steep.arange(4),
                                      lambda: EvilTensor(2)])()),
    "Size": lambda: steep.Size((2, 3)), "Generator": lambda: EvilGenerator(),
    "Recorder": lambda: steep.Recorder(), "device": lambda: steep.device("cpu"),
    "layout": lambda: steep.strided, "memory_format": lambda: steep.contiguous_format,
    "dtype": lambda: steep.float32, "ProgramTable": lambda: _core.ProgramTable((int,), 64),
    "CellList": lambda: _core.CellList(),
    "Familiar": lambda: _core.Familiar(_core.CellList(), {{}}, {{}}, {{}}, set(), [], {{}}),
    "no_grad": steep.no_grad,
}}
found = list(targets())
failures = 0
for _ in range({rounds}):
    name, function = rng.choice(found)
    arguments = [rng.choice(MAKERS)() for _ in range(rng.randrange(5))]
    own = OWN.get(name.partition(".")[0]) if "." in name else None
    if own and rng.random() < 0.95:
        arguments.insert(0, own())
    named = {{}}
    if rng.random() < 0.3:
        named[rng.choice(["dim", "dtype", "device", "size", "generator", "out", "keepdim",
                          "other", "input"])] = rng.choice(MAKERS)()
    if {trace}:
        print(name, [type(a).__name__ for a in arguments], list(named), file=sys.stderr, flush=True)
    try:
        result = function(*arguments, **named)
        if isinstance(result, steep.Tensor):
            result.tolist() if result.numel() < 1000 else None
    except SystemError as error:
        raise AssertionError(f"{{name}}: {{error}}") from error
    except BaseException:
        failures += 1
    del arguments, named
    del victims[:-60]
    steep.set_default_dtype(steep.float32)
    _core.fail_allocation(-1)
print("whole", failures > 0)
"""


@pytest.mark.parametrize("seed", range(4))
def test_objects_with_side_effects_at_every_entry_point(seed: int) -> None:
    """Thousands of calls with objects that change all they can reach: errors, but no crash."""
    assert (
        run(FUZZ.format(seed=seed, rounds=4000, trace=0, types=TYPES), timeout=300)
        == "whole True\n"
    )


def test_all_of_the_extension_is_tried() -> None:
    """The list of types above is that of the extension."""
    types = {name for name in dir(_core) if inspect.isclass(getattr(_core, name))}
    assert types == {*TYPES, "enable_grad", "inference_mode"}


def test_calls_on_behalf_of_python_take_a_tuple_and_a_dict() -> None:
    for args, kwargs in ((steep.float32, {}), ((), steep.float32), ([], {}), ((), None)):
        with pytest.raises(TypeError, match=r"call_with_grad: expected \("):
            _core.call_with_grad(True, print, args, kwargs)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"call_with_item: expected \("):
            _core.call_with_item({}, "a", 1, print, args, kwargs)  # type: ignore[arg-type]


def test_methods_of_the_compiler_need_their_object() -> None:
    for kind in (_core.Program, _core.Replayed, _core.Trace):
        for name, method in vars(kind).items():
            if not name.startswith("_"):
                with pytest.raises(TypeError):
                    getattr(method, "fget", method)(None)
