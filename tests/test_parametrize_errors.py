"""Parametrisations that are refused, and what is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from steep import nn
from steep.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")


class Doubled(nn.Module):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def right_inverse(self, x: Any) -> Any:
        return x / 2


class Wider(nn.Module):
    def forward(self, x: Any) -> Any:
        return steep.cat([x, x])


class Cast(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.double()


class Listing(nn.Module):
    def forward(self, x: Any) -> Any:
        return [x]


class BadInverse(Doubled):
    def right_inverse(self, x: Any) -> Any:
        return "x"


class OtherInverse(Doubled):
    def right_inverse(self, x: Any) -> Any:
        return x.double()


REFUSED = [
    (Wider, ValueError, "may not change the shape"),
    (Cast, ValueError, "may not change the dtype"),
    (Listing, ValueError, "must return a tensor. Got list"),
    (BadInverse, ValueError, "must return a Tensor or a Sequence of tensors"),
    (OtherInverse, ValueError, "it may not change the dtype"),
]


@pytest.mark.parametrize(("kind", "error", "text"), REFUSED)
def test_bad_parametrizations_are_refused_and_nothing_changes(kind, error, text):
    layer = nn.Linear(2, 2)
    before, value = layer.weight, layer.weight.tolist()
    with pytest.raises(error, match=text):
        parametrize.register_parametrization(layer, "weight", kind())
    assert type(layer) is nn.Linear
    assert layer.weight is before
    assert layer.weight.tolist() == value
    if kind in (Wider, Cast, Listing):
        parametrize.register_parametrization(layer, "weight", Doubled())
        with pytest.raises(error, match=text):
            parametrize.register_parametrization(layer, "weight", kind())
        assert len(layer.parametrizations.weight) == 1
    if kind is Wider:
        parametrize.register_parametrization(layer, "weight", kind(), unsafe=True)
        assert tuple(layer.weight.shape) == (4, 2)


BAD: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (
        lambda m: parametrize.register_parametrization(m, "x", Doubled()),
        ValueError,
        "does not have a parameter, a buffer, or a parametrized element with name 'x'",
    ),
    (
        lambda m: parametrize.remove_parametrizations(m, "weight"),
        ValueError,
        "does not have a parametrization on weight",
    ),
    (
        lambda m: parametrize.remove_parametrizations(
            parametrizations.weight_norm(m), "weight", leave_parametrized=False
        ),
        ValueError,
        "in terms of a sequence of tensors",
    ),
    (lambda m: parametrize.ParametrizationList([], m.weight), ValueError, "one or more modules"),
    (lambda m: parametrizations.spectral_norm(m, "x"), ValueError, "no parameter or buffer with"),
    (lambda m: parametrizations.spectral_norm(m, dim=2), IndexError, r"\[-2, 1\] but got 2"),
    (lambda m: nn.utils.spectral_norm(m, dim=5), IndexError, r"\[-2, 1\] but got 5"),
    (lambda m: parametrizations.weight_norm(m, dim=5), IndexError, r"\[-2, 1\] but got 5"),
    (lambda m: nn.utils.weight_norm(m, dim=-3), IndexError, r"\[-2, 1\] but got -3"),
    (
        lambda m: parametrize.register_parametrization(m, "weight", abs),
        TypeError,
        "expected the parametrization to be an nn.Module, got <built-in",
    ),
    (
        lambda m: parametrize.register_parametrization(m, "weight", nn.ReLU),
        TypeError,
        "expected the parametrization to be an nn.Module, got <class",
    ),
    (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), ValueError, "positive"),
    (lambda m: nn.utils.spectral_norm(m, n_power_iterations=0), ValueError, "to be positive"),
    (lambda m: nn.utils.spectral_norm(m, "x"), ValueError, "expected a parameter called 'x'"),
    (
        lambda m: nn.utils.weight_norm(nn.utils.weight_norm(m)),
        RuntimeError,
        "Cannot register two weight_norm hooks on the same parameter weight",
    ),
    (lambda m: nn.utils.remove_weight_norm(m), ValueError, "weight_norm of 'weight' not found"),
    (
        lambda m: nn.utils.remove_spectral_norm(nn.utils.weight_norm(m)),
        ValueError,
        "spectral_norm of 'weight' not found",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=lambda x: None)
def test_bad_calls_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(nn.Linear(2, 2))
