"""What is refused, in whose words: keywords, giant ints, buffers, hooks, sizes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core

# ---- keywords -----------------------------------------------------------------------------------


def test_generators_take_their_arguments_by_name() -> None:
    generator = steep.Generator()
    assert generator.manual_seed(seed=3) is generator
    state = generator.get_state()
    first = steep.rand(4, generator=generator)
    assert generator.set_state(new_state=state) is generator
    assert steep.equal(steep.rand(4, generator=generator), first)
    for call in (
        lambda: generator.manual_seed(),
        lambda: generator.manual_seed(1, 2),
        lambda: generator.manual_seed(1, seed=2),
        lambda: generator.manual_seed(state=1),
        lambda: generator.set_state(),
        lambda: generator.set_state(state=state),
    ):
        with pytest.raises(TypeError, match=r"Generator\.(manual_seed|set_state)\(\)"):
            call()


@pytest.mark.parametrize(
    "make",
    [
        lambda: steep.Recorder(3),
        lambda: steep.Recorder(mode="all"),
        lambda: _core.ProgramTable((), types=1),
        lambda: _core.SavedTensor(steep.ones(1), outputs=1),
        lambda: steep.Generator(seed=1),
        lambda: steep.no_grad(1),
        lambda: steep.no_grad(mode=True),
        lambda: steep.enable_grad(mode=True),
        lambda: steep.Size([1], dim=2),
        lambda: steep.device("cpu", number=1),
        lambda: _core.HookHandle(1),
    ],
)
def test_no_argument_is_swallowed(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        make()


def test_a_subclass_of_recorder_has_arguments_of_its_own() -> None:
    class Named(steep.Recorder):
        def __init__(self, name: str) -> None:
            self.name = name

    assert Named("first").name == "first"


# ---- ints beyond 64 bits ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [steep.manual_seed, lambda n: steep.Generator().manual_seed(n)], ids=["of all", "own"]
)
def test_a_seed_of_many_digits_is_refused_as_one(seed: Callable[[int], Any]) -> None:
    """Python itself refuses to write out ints of more than some thousand digits."""
    with pytest.raises(RuntimeError, match="seed within 64 bits, got one of many digits"):
        seed(10**5000)
    with pytest.raises(RuntimeError, match=f"seed within 64 bits, got {2**70};"):
        seed(2**70)


def test_an_int_of_many_digits_may_be_an_argument_of_a_compiled_function() -> None:
    function = steep.compile(lambda x, n: x * (n % 3))
    for n in (10**5000, 10**5000 + 1, 10**5000):
        for _ in range(4):
            assert function(steep.ones(2), n).tolist() == [float(n % 3)] * 2


class Ints(int):
    """An int that writes itself in a way of its own."""

    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__

    def bit_length(self) -> int:
        raise KeyboardInterrupt


def test_an_int_is_written_as_one_whatever_its_class() -> None:
    with pytest.raises(OverflowError, match=f"got {2**64}"):
        steep.zeros(Ints(2**64))


class Raising:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __index__(self) -> int:
        raise self.error


def test_an_error_of_the_users_own_passes_as_it_is() -> None:
    class SilentError(OverflowError):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def passes(error: OverflowError, call: Callable[[Any], Any]) -> None:
        held = sys.getrefcount(error)
        with pytest.raises(OverflowError) as caught:
            call(Raising(error))
        assert caught.value is error
        del caught
        error.__traceback__ = None
        assert sys.getrefcount(error) == held

    for error in (OverflowError("mine", 3), SilentError()):
        passes(error, lambda giant: steep.zeros(giant, 2))
        passes(error, lambda giant: steep.ones(2).narrow(0, giant, 1))


# ---- buffers ------------------------------------------------------------------------------------


def test_an_interrupt_while_an_array_is_asked_for_its_dtype_is_none_of_the_arrays() -> None:
    class Asked(np.ndarray):
        error: BaseException = KeyboardInterrupt()

        @property
        def dtype(self) -> Any:  # type: ignore[override]
            raise self.error

    array = np.zeros(3, np.complex64).view(Asked)
    for error in (KeyboardInterrupt(), MemoryError()):
        Asked.error = error
        for read in (steep.tensor, steep.from_numpy, steep.as_tensor):
            with pytest.raises(type(error)):
                read(array)
    Asked.error = ValueError()
    with pytest.raises(TypeError, match="got an unknown element type"):
        steep.tensor(array)


def test_strides_that_no_tensor_has_are_shown() -> None:
    with pytest.raises(ValueError, match=r"without negative strides, got strides of \[-4\] bytes"):
        steep.from_numpy(np.arange(4, dtype=np.float32)[::-1])


# ---- what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: steep.zeros(2, -1), r"zeros\(\): .*negative dimension -1: \[2, -1\]; sizes"),
        (lambda: steep.zeros(2**40, 2**40), r"zeros\(\): .* \(2\*\*59\); choose smaller"),
        (lambda: steep.ones(3).expand(2**62, 3), r"expand\(\): .*; choose smaller"),
        (lambda: steep.ones(6).view(-1, -1), r"view: only one .*, got shape \[-1, -1\]; write -1"),
        (lambda: steep.ones(6).view(2, -3), r"view: invalid .* -3 at index 1 of .*; sizes are"),
        (lambda: steep.ones(0).view(0, -1), r"view: .* is ambiguous; write the size"),
        (lambda: steep.ones(6).reshape(4), r"reshape: .*; the product of its sizes must be 6"),
        (
            lambda: steep.ones(2).register_hook(print),
            r"register_hook: cannot .*; call requires_grad_\(\)",
        ),
        (
            lambda: (steep.ones(2, requires_grad=True) * 2).register_post_accumulate_grad_hook(
                print
            ),
            r"register_post_accumulate_grad_hook: .* non-leaf tensors; use register_hook",
        ),
        (
            lambda: steep.ones(4).repeat(2**62),
            r"repeat\(\): sizes, strides and offsets must fit into 64 bits.*; choose smaller",
        ),
    ],
)
def test_messages_name_the_operation_and_the_way_out(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        call()


def test_a_sequence_that_shrinks_is_named() -> None:
    sizes: list[Any] = [1, 2, 3]

    class Shrinks:
        def __index__(self) -> int:
            sizes.clear()
            return 2

    sizes[0] = Shrinks()
    with pytest.raises(RuntimeError, match="sizes: expected a sequence that keeps its length"):
        steep.zeros(sizes)


def test_ints_beyond_a_float_are_named() -> None:
    for call in (
        lambda: steep.normal(1.0, 10**400, (2,)),
        lambda: steep.nn.functional.dropout(steep.ones(2), 10**400),
    ):
        with pytest.raises(OverflowError, match=r"\(\): expected a number that a float64 can hold"):
            call()
