"""Operations on lists of tensors, as optimisers of other packages call them."""

from __future__ import annotations

import pytest

import steep
from steep.compat import foreach
from tolerances import same_bits


def lists() -> tuple[list[steep.Tensor], list[steep.Tensor]]:
    a = [steep.tensor([1.0, -2.0]), steep.tensor([[3.0]])]
    return a, [steep.tensor([0.5, 4.0]), steep.tensor([[2.0]])]


@pytest.mark.parametrize("name", [name for name in foreach.NAMES if name.endswith("_")])
def test_in_place_is_the_same_in_the_tensors_themselves(name: str) -> None:
    if name in ("_foreach_copy_", "_foreach_zero_"):
        return
    xs, others = lists()
    xs = [x.abs() for x in xs]
    operands = {
        **dict.fromkeys(foreach.NAMES, ()),
        **{f"_foreach_{op}_": (others,) for op in ("add", "sub", "mul", "div", "pow")},
        **{f"_foreach_{op}_": (others,) for op in ("maximum", "minimum", "clamp_min", "clamp_max")},
        **{f"_foreach_{op}_": (others, others, 0.5) for op in ("addcmul", "addcdiv")},
        "_foreach_lerp_": (others, 0.25),
    }[name]
    right = getattr(steep, name[:-1])(xs, *operands)
    assert getattr(steep, name)(xs, *operands) is None
    for x, y in zip(xs, right, strict=True):
        same_bits(x.numpy(), y.numpy())


def test_operands_are_lists_numbers_and_tensors() -> None:
    xs, others = lists()
    assert [y.tolist() for y in steep._foreach_add(xs, others, alpha=2)] == [[2.0, 6.0], [[7.0]]]
    assert [y.tolist() for y in steep._foreach_mul(xs, 2)] == [[2.0, -4.0], [[6.0]]]
    assert [y.tolist() for y in steep._foreach_mul(xs, [2, 3])] == [[2.0, -4.0], [[9.0]]]
    assert [y.tolist() for y in steep._foreach_mul(xs, steep.tensor(3.0))] == [[3.0, -6.0], [[9.0]]]
    assert [y.tolist() for y in steep._foreach_pow(2, others)][1] == [[4.0]]
    assert [y.tolist() for y in steep._foreach_maximum(xs, 0)] == [[1.0, 0.0], [[3.0]]]
    scaled = steep._foreach_addcmul(xs, others, others, scalars=[1, True])
    assert [y.tolist() for y in scaled] == [[1.25, 14.0], [[7.0]]]
    assert [y.tolist() for y in steep._foreach_lerp(xs, others, [0.5, 1.0])] == [
        [0.75, 1.0],
        [[2.0]],
    ]
    assert [y.item() for y in steep._foreach_norm(xs, 1)] == [3.0, 3.0]
    assert [y.item() for y in steep._foreach_max(xs)] == [1.0, 3.0]
    assert [y.item() for y in steep._foreach_powsum(xs, 2)] == [5.0, 9.0]
    assert [y.tolist() for y in steep._foreach_mm(xs[1:], others[1:])] == [[[6.0]]]
    copies = steep._foreach_clone(xs)
    steep._foreach_zero_(xs)
    assert [x.tolist() for x in xs] == [[0.0, 0.0], [[0.0]]]
    steep._foreach_copy_(xs, copies)
    assert [x.tolist() for x in xs] == [[1.0, -2.0], [[3.0]]]


def test_what_does_not_fit_is_refused() -> None:
    xs, others = lists()
    for wrong, error, text in (
        (lambda: steep._foreach_add(xs, others[:1]), RuntimeError, "same number of tensors, got 2"),
        (lambda: steep._foreach_add([], 1), RuntimeError, "must have at least one tensor"),
        (lambda: steep._foreach_add(xs[0], 1), TypeError, "expected a list of tensors first"),
        (
            lambda: steep._foreach_add(xs),
            TypeError,
            r"expected 1 operand\(s\) after the list, got 0",
        ),
        (lambda: steep._foreach_sqrt(xs, 1), TypeError, "expected one list of tensors alone"),
        (lambda: steep._foreach_nothing, AttributeError, "no attribute '_foreach_nothing'"),
    ):
        with pytest.raises(error, match=text):
            wrong()


def test_a_step_of_another_package_is_replayed() -> None:
    def step(ps: list[steep.Tensor], gs: list[steep.Tensor], ms: list[steep.Tensor]) -> None:
        steep._foreach_lerp_(ms, gs, 0.1)
        roots = steep._foreach_sqrt(steep._foreach_mul(gs, gs))
        steep._foreach_add_(roots, 1e-8)
        steep._foreach_addcdiv_(ps, ms, roots, value=-0.1)

    eager, replayed = ([*lists(), [steep.zeros(2), steep.zeros(1, 1)]] for _ in range(2))
    compiled = steep.compile(step)
    for _ in range(5):
        step(*eager)
        compiled(*replayed)
    for x, y in zip(eager[0], replayed[0], strict=True):
        same_bits(x.numpy(), y.numpy())
    assert "replayed" in str(compiled.explain())
