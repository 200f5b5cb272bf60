"""einsum and tensordot, against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import _einsum

EQUATIONS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("i->", ((3,),)),
    ("ij->ji", ((2, 3),)),
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iij->ji", ((2, 2, 3),)),
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ji,jk->ki", ((3, 2), (3, 4))),
    ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
    ("b...j,...jk->b...k", ((2, 1, 3), (1, 3, 2))),
    ("...ij->...ji", ((2, 2, 3),)),
    ("i,j->ij", ((2,), (3,))),
    ("i,i->i", ((3,), (3,))),
    ("ij,kj,j->ik", ((2, 3), (4, 3), (3,))),
    ("ab,bc,cd,da->", ((2, 3), (3, 2), (2, 2), (2, 2))),
    ("ij,i->j", ((1, 3), (4,))),
    ("ijk,kj->i", ((2, 3, 4), (4, 3))),
    (" i j , j -> i ", ((2, 3), (3,))),
    (",i->i", ((), (2,))),
]


def arrays(shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    given = arrays(shapes)
    out = steep.einsum(equation, *map(tensor, given))
    np.testing.assert_allclose(out.numpy(), np.einsum(equation.replace(" ", ""), *given), 1e-12)
    again = steep.einsum(equation, [tensor(x) for x in given])
    np.testing.assert_array_equal(out.numpy(), again.numpy())


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum_has_gradients(equation: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    given = [tensor(x).requires_grad_() for x in arrays(shapes)]
    run = lambda *operands: steep.einsum(equation, *operands).sin()  # noqa: E731
    assert steep.autograd.gradcheck(run, tuple(given))
    assert steep.autograd.gradgradcheck(run, tuple(given))


def test_einsum_of_sublists() -> None:
    a, b = map(tensor, arrays(((2, 3), (3, 4))))
    want = (a @ b).numpy()
    np.testing.assert_allclose(steep.einsum(a, [0, 1], b, [1, 2], [0, 2]).numpy(), want)
    np.testing.assert_allclose(steep.einsum(a, [Ellipsis, 1], b, [1, 2]).numpy(), want)


def test_einsum_replays_with_the_same_bits() -> None:
    a, b = map(tensor, arrays(((4, 5), (5, 6))))
    function = lambda x, y: steep.einsum("ij,jk->ki", x, y) * 2  # noqa: E731
    compiled = steep.compile(function)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(a, b).numpy(), function(a, b).numpy())
    assert compiled.explain() is not None


@pytest.mark.parametrize(
    ("equation", "shapes", "text"),
    [
        ("ij,jk->ik", ((2, 3),), "subscripts for 1 operand"),
        ("ij->ik", ((2, 3),), "'k' once, and among the operands' labels"),
        ("ij->ii", ((2, 3),), "'i' once"),
        ("i", ((2, 3),), "to name the dimensions of an operand that has 2"),
        ("i1->i", ((2, 3),), "expected letters"),
        ("ij,jk->ik", ((2, 3), (4, 2)), "one size for the label 'j', got 3 and 4"),
        ("ii->i", ((2, 3),), "one size for the label 'i' of an operand"),
    ],
)
def test_einsum_refuses(equation: str, shapes: tuple[tuple[int, ...], ...], text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        steep.einsum(equation, *map(tensor, arrays(shapes)))


def test_einsum_of_nothing() -> None:
    with pytest.raises(RuntimeError, match="at least one operand"):
        steep.einsum("i")
    with pytest.raises(TypeError, match="an equation as a str"):
        steep.einsum(3, steep.ones(2))


@pytest.mark.parametrize("dims", [0, 1, 2, ([1], [0]), ([0, 1], [1, 0]), ([-1], [-2])])
def test_tensordot(dims: Any) -> None:
    a, b = arrays(((3, 3), (3, 3)))
    out = steep.tensordot(tensor(a), tensor(b), dims)
    np.testing.assert_allclose(out.numpy(), np.tensordot(a, b, dims), 1e-12)


def test_tensordot_over_sizes_of_one_keeps_the_dtype() -> None:
    a, b = steep.ones(1, 3, dtype=steep.int32), steep.ones(2, 3, dtype=steep.int32)
    out = steep.tensordot(a, b, ([0, 1], [0, 1]))
    assert out.dtype == steep.int32
    assert out.item() == 6


def test_tensordot_refuses() -> None:
    a, b = steep.ones(2, 3), steep.ones(4, 2)
    with pytest.raises(RuntimeError, match="got 3 in dimension 1 of"):
        steep.tensordot(a, b, 1)
    with pytest.raises(RuntimeError, match="dims between 0 and 2, got 3"):
        steep.tensordot(a, b, 3)
    with pytest.raises(RuntimeError, match="as many dimensions"):
        steep.tensordot(a, b, ([0], [0, 1]))
    with pytest.raises(IndexError, match="Dimension out of range"):
        steep.tensordot(a, b, ([2], [0]))
    out = steep.empty(2, 2)
    assert steep.tensordot(a, steep.ones(3, 2), 1, out=out) is out
    assert out.tolist() == [[3, 3], [3, 3]]


# ---- plans of two operands ----------------------------------------------------------------------


PLANNED = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ji,jk->ki", ((3, 2), (3, 4))),
    ("bij,bkj->bik", ((2, 2, 3), (2, 4, 3))),
    ("bhqd,bhkd->bhqk", ((2, 3, 4, 5), (2, 3, 6, 5))),
    ("bqhd,bkhd->bhqk", ((2, 4, 3, 5), (2, 6, 3, 5))),
    ("ijk,kj->i", ((2, 3, 4), (4, 3))),
    ("i,i", ((3,), (3,))),
    ("...ij,...jk->...ik", ((2, 2, 3), (2, 3, 4))),
    ("ij,jk->ki", ((0, 3), (3, 4))),
    ("ij,jk", ((2, 0), (0, 4))),
]


@pytest.mark.parametrize(("equation", "shapes"), PLANNED)
def test_a_plan_gives_what_a_recording_does(
    equation: str, shapes: tuple[tuple[int, ...], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The long way, which recorded calls and other equations go, to the same bits."""
    given = [tensor(x).float().requires_grad_() for x in arrays(shapes)]
    planned = steep.einsum(equation, *given)
    assert (equation, given[0].shape, given[1].shape) in _einsum._plans
    monkeypatch.setattr(_einsum, "_plan_of", lambda *_: None)
    long = steep.einsum(equation, *given)
    np.testing.assert_array_equal(planned.detach().numpy(), long.detach().numpy())
    assert planned.shape == long.shape
    for got, expected in zip(
        steep.autograd.grad(planned.sum(), given),
        steep.autograd.grad(long.sum(), given),
        strict=True,
    ):
        np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_plans_are_followed_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_einsum, "_plans", {})
    monkeypatch.setattr(_einsum, "_MOST_PLANS", 3)
    for n in range(1, 9):
        x = steep.nn.Parameter(steep.ones(n, 2))
        assert steep.einsum("ij,kj->ik", x, x).sum().item() == 2 * n * n
        assert len(_einsum._plans) <= 3
    # One that is no single product has none, and is remembered as such.
    steep.einsum("i,j->ij", steep.ones(2), steep.ones(3))
    assert _einsum._plans["i,j->ij", (2,), (3,)] is None


@pytest.mark.parametrize("times", [1, 2])
def test_a_plan_refuses_what_does_not_fit(times: int) -> None:
    for _ in range(times):
        with pytest.raises(RuntimeError, match="label 'j'"):
            steep.einsum("ij,jk->ik", steep.ones(2, 3), steep.ones(2, 4))
        with pytest.raises(RuntimeError, match="name the dimensions"):
            steep.einsum("ij,jk->ik", steep.ones(2), steep.ones(2, 4))


def test_operands_of_vmap_and_compile() -> None:
    a, b = steep.rand(5, 2, 3), steep.rand(5, 3, 4)
    each = steep.vmap(lambda x, y: steep.einsum("ij,jk->ik", x, y))(a, b)
    steep.testing.assert_close(each, a @ b)
    compiled = steep.compile(lambda x, y: steep.einsum("bij,bjk->bik", x, y))
    for _ in range(4):
        steep.testing.assert_close(compiled(a, b), a @ b)
    steep.testing.assert_close(compiled(a[:3], b[:3]), a[:3] @ b[:3])
