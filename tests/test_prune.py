"""`nn.utils.prune`: masks by each rule, one after another, across modules, and taken off again."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep.nn.utils import prune
from tolerances import close, same_bits

ROWS = np.array([[0.1, -2.0, 0.3, 1.5], [-0.2, 0.05, 0.7, -0.4], [3.0, 0.6, -0.8, 0.9]], "f4")


def layer() -> Any:
    made = steep.nn.Linear(4, 3)
    made.weight.data = steep.from_numpy(ROWS.copy())
    return made


def mask_of(made: Any) -> Any:
    return made.weight_mask.numpy().astype(bool)


# ---- single rules -------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, 5, 0.25, 1.0])
def test_the_smallest_elements_go(amount: Any) -> None:
    made = prune.l1_unstructured(layer(), "weight", amount)
    count = amount if isinstance(amount, int) else round(amount * 12)
    gone = np.argsort(np.abs(ROWS).ravel())[:count]
    expected = np.ones(12, bool)
    expected[gone] = False
    np.testing.assert_array_equal(mask_of(made).ravel(), expected)
    close(made.weight.detach().numpy(), ROWS * expected.reshape(3, 4))
    assert sorted(made.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    assert [name for name, _ in made.named_parameters()] == ["bias", "weight_orig"]


@pytest.mark.parametrize(("dim", "n"), [(0, 1), (0, 2), (1, float("inf")), (-1, 2)])
def test_the_shortest_channels_go(dim: int, n: float) -> None:
    made = prune.ln_structured(layer(), "weight", 1, n, dim)
    lengths = np.linalg.norm(ROWS, n, axis=1 if dim == 0 else 0)
    gone = np.isin(np.arange(len(lengths)), lengths.argmin())
    np.testing.assert_array_equal(~mask_of(made).any(1 if dim == 0 else 0), gone)


def test_random_masks_are_those_of_pytorchs_stream() -> None:
    """With PyTorch 2.13: ``manual_seed(3)``, then the function on a weight of this shape."""
    made = layer()
    steep.manual_seed(3)
    prune.random_unstructured(made, "weight", 4)
    assert made.weight_mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0]]
    made = layer()
    steep.manual_seed(3)
    prune.random_structured(made, "weight", 2, 1)
    assert made.weight_mask.tolist() == [[0, 1, 1, 0]] * 3


def test_a_mask_of_ones_own_and_other_scores() -> None:
    given = steep.ones(3, 4).tril()
    made = prune.custom_from_mask(layer(), "weight", given)
    np.testing.assert_array_equal(made.weight_mask.numpy(), given.numpy())
    scores = steep.arange(12.0).view(3, 4)
    made = prune.l1_unstructured(layer(), "weight", 5, importance_scores=scores)
    assert mask_of(made).ravel().tolist() == [False] * 5 + [True] * 7


def test_rules_on_tensors() -> None:
    x = steep.arange(6.0).view(2, 3)
    close(prune.L1Unstructured(0.5).prune(x).numpy(), np.array([[0, 0, 0], [3, 4, 5]], "f4"))
    kept = prune.Identity().prune(x, default_mask=steep.eye(3)[:2])
    close(kept.numpy(), np.array([[0, 0, 0], [0, 4, 0]], "f4"))


# ---- several rules ------------------------------------------------------------------------------


def test_rules_see_what_is_left() -> None:
    made = prune.l1_unstructured(layer(), "weight", 0.5)
    before = mask_of(made)
    prune.ln_structured(made, "weight", 1, 1, 0)
    prune.l1_unstructured(made, "weight", 0.5)
    left = mask_of(made)
    assert not (left & ~before).any()
    row = np.abs(ROWS * before).sum(1).argmin()
    assert not left[row].any()
    after_two = before.copy()
    after_two[row] = False
    assert left.sum() == after_two.sum() - round(0.5 * after_two.sum())
    hooks = made._hooks.forward_pre
    ((container, _),) = hooks.values()
    assert isinstance(container, prune.PruningContainer)
    assert [type(rule).__name__ for rule in container] == [
        *("L1Unstructured", "LnStructured", "L1Unstructured"),
    ]
    assert len(container) == 3
    assert container[1].dim == 0  # type: ignore[attr-defined]


def test_channels_that_are_gone_are_not_counted_again() -> None:
    made = prune.ln_structured(layer(), "weight", 1, 1, 1)
    prune.ln_structured(made, "weight", 1, 1, 1)
    assert (~mask_of(made).any(0)).sum() == 2


def test_across_modules() -> None:
    one, two = layer(), layer()
    two.weight.data = two.weight.data * 100
    two.bias.data = steep.tensor([500.0, 0.0, 500.0])
    pairs = [(one, "weight"), (two, "weight"), (two, "bias")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=13)
    assert not mask_of(one).any()
    assert mask_of(two).all()
    assert two.bias_mask.tolist() == [1.0, 0.0, 1.0]
    prune.global_unstructured([(two, "weight")], prune.L1Unstructured, amount=0.5)
    assert int(two.weight_mask.sum()) == 6
    scores = {(two, "weight"): -two.weight_orig.detach().abs()}
    prune.global_unstructured([(two, "weight")], prune.RandomUnstructured, scores, amount=1)
    assert int(two.weight_mask.sum()) == 5


# ---- training, copies, files --------------------------------------------------------------------


def test_what_is_held_at_0_stays_there() -> None:
    steep.manual_seed(0)
    model = steep.nn.Sequential(steep.nn.Linear(4, 8), steep.nn.ReLU(), steep.nn.Linear(8, 2))
    prune.l1_unstructured(model[0], "weight", 0.5)
    twin = copy.deepcopy(model)
    x = steep.randn(6, 4)

    def step_of(net: Any) -> Any:
        optimizer = steep.optim.SGD(net.parameters(), 0.1)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = net(x).square().sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    compiled, eager = steep.compile(step_of(model)), step_of(twin)
    for _ in range(5):
        same_bits(compiled(x).numpy(), eager(x).numpy())
    assert replays(compiled) > 0, compiled.explain()
    for net in (model, twin):
        weight = net[0].weight.detach()
        assert int((weight == 0).sum()) == 16
        assert (net[0].weight_orig.grad[weight == 0] == 0).all()
        close(weight.numpy(), (net[0].weight_orig * net[0].weight_mask).detach().numpy())


def test_copies_are_pruned_on_their_own() -> None:
    made = prune.l1_unstructured(layer(), "weight", 0.5)
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert prune.is_pruned(twin)
        prune.remove(twin, "weight")
        assert not prune.is_pruned(twin)
    assert prune.is_pruned(made)
    other = prune.identity(layer(), "weight")
    other.load_state_dict(made.state_dict())
    close(other(steep.ones(1, 4)).detach().numpy(), made(steep.ones(1, 4)).detach().numpy())


def test_taking_it_off() -> None:
    made = layer()
    weight, optimizer = made.weight, steep.optim.SGD(made.parameters(), 0.1)
    prune.l1_unstructured(made, "weight", 0.5)
    prune.l1_unstructured(made, "bias", 1)
    pruned = made.weight.detach().numpy()
    prune.remove(made, "weight")
    assert made.weight is weight
    assert weight is optimizer.param_groups[0]["params"][0]
    same_bits(weight.detach().numpy(), pruned)
    assert sorted(made.state_dict()) == ["bias_mask", "bias_orig", "weight"]
    assert prune.is_pruned(made)
    assert type(prune.remove(made, "bias")) is steep.nn.Linear
    assert not prune.is_pruned(made)


@pytest.mark.parametrize("kind", ["LSTM", "MultiheadAttention"])
def test_layers_of_several_weights(kind: str) -> None:
    x = steep.ones(2, 1, 4)
    if kind == "LSTM":
        made: Any = steep.nn.LSTM(4, 4)
        name, call = "weight_hh_l0", lambda: made(x)[0]
    else:
        made = steep.nn.MultiheadAttention(4, 2)
        name, call = "in_proj_weight", lambda: made(x, x, x)[0]
    prune.l1_unstructured(made, name, 0.5)
    got = call()
    prune.remove(made, name)
    close(got.detach().numpy(), call().detach().numpy())


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError, "amount=-1"),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError, "amount=1.5"),
        (lambda m: prune.l1_unstructured(m, "weight", float("nan")), ValueError, "amount=nan"),
        (lambda m: prune.l1_unstructured(m, "weight", "x"), TypeError, "int or float"),
        (lambda m: prune.l1_unstructured(m, "weight", 13), ValueError, "to prune=12"),
        (lambda m: prune.l1_unstructured(m, "wight", 1), AttributeError, "called 'wight'"),
        (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ValueError, "multidimensional"),
        (lambda m: prune.ln_structured(m, "weight", 1, 2, 2), IndexError, "Invalid index 2"),
        (lambda m: prune.random_structured(m, "weight", 4, 0), ValueError, "to prune=3"),
        (lambda m: prune.remove(m, "weight"), ValueError, "has to be pruned before"),
        (
            lambda m: prune.l1_unstructured(m, "weight", 1, steep.ones(2)),
            ValueError,
            "importance_scores",
        ),
        (
            lambda m: prune.custom_from_mask(m, "weight", steep.ones(2)),
            ValueError,
            r"mask of shape \(3, 4\), got \(2,\)",
        ),
        (
            lambda m: prune.global_unstructured(1, prune.L1Unstructured, amount=1),
            TypeError,
            "Iterable",
        ),
        (
            lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=1),
            TypeError,
            'Only "unstructured"',
        ),
        (
            lambda m: prune.global_unstructured([(m, "weight")], prune.L1Unstructured, amount=99),
            ValueError,
            "to prune=12",
        ),
        (lambda m: prune.PruningContainer(1), AttributeError, "_tensor_name"),
    ],
)
def test_bad_input_changes_nothing(call: Any, error: Any, text: str) -> None:
    made = layer()
    with pytest.raises(error, match=text):
        call(made)
    assert sorted(made.state_dict()) == ["bias", "weight"]
    assert type(made) is steep.nn.Linear
    assert not prune.is_pruned(made)


def test_a_rule_that_raises_leaves_the_earlier_ones() -> None:
    made = prune.l1_unstructured(layer(), "weight", 0.5)
    before = made.weight_mask.clone()
    with pytest.raises(ValueError, match="to prune=6"):
        prune.l1_unstructured(made, "weight", 7)
    same_bits(made.weight_mask.numpy(), before.numpy())
    ((rule, _),) = made._hooks.forward_pre.values()
    assert isinstance(rule, prune.L1Unstructured)
