"""Hooks around state_dict and load_state_dict, and modules that save and load in their own way."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn


def net() -> Any:
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1)))


def test_hooks_before_and_after_the_state_is_collected() -> None:
    model = net()
    told: list[Any] = []
    model[1].register_state_dict_pre_hook(lambda module, *rest: told.append((module, *rest)))

    def add(module: Any, state: Any, prefix: str, metadata: Any) -> None:
        told.append((prefix, dict(metadata)))
        state[prefix + "added"] = steep.ones(1)

    handle = model[1].register_state_dict_post_hook(add)
    assert list(model.state_dict()) == [
        "0.weight", "0.bias", "1.0.weight", "1.0.bias", "1.added",
    ]  # fmt: skip
    assert told == [(model[1], "1.", False), ("1.", {"version": 1})]
    handle.remove()
    assert "1.added" not in model.state_dict(keep_vars=True)


def test_only_the_private_hook_may_return_another_dict() -> None:
    model = nn.Linear(2, 1)
    handle = model._register_state_dict_hook(lambda *args: {"other": 1})
    assert model.state_dict() == {"other": 1}
    handle.remove()
    model.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="state_dict post-hook must return None"):
        model.state_dict()


def test_hooks_before_loading_may_rename_keys() -> None:
    model, other = net(), net()
    old = {key.replace("1.0.", "1.head."): value for key, value in other.state_dict().items()}
    given = dict(old)
    seen: list[Any] = []

    def rename(state: Any, prefix: str, metadata: Any, strict: bool, *lists: Any) -> None:
        seen.append((prefix, strict, lists))
        for name in ("weight", "bias"):
            state[f"{prefix}0.{name}"] = state.pop(f"{prefix}head.{name}")

    model[1]._register_load_state_dict_pre_hook(rename)
    assert str(model.load_state_dict(old)) == "<All keys matched successfully>"
    assert old == given  # a copy was changed
    assert seen == [("1.", True, ([], [], []))]
    assert (model(steep.ones(1, 2)) == other(steep.ones(1, 2))).all()


@pytest.mark.parametrize("public", [True, False])
def test_hooks_before_loading_with_the_module(public: bool) -> None:
    model = nn.Linear(2, 1)
    seen: list[Any] = []

    def hook(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        seen.append(module)
        rest[-1].append("a hook's complaint")

    if public:
        model.register_load_state_dict_pre_hook(hook)
    else:
        model._register_load_state_dict_pre_hook(hook, with_module=True)
    before = model.weight.tolist()
    with pytest.raises(RuntimeError, match="a hook's complaint"):
        model.load_state_dict(nn.Linear(2, 1).state_dict())
    assert seen == [model]
    assert model.weight.tolist() == before


def test_hooks_after_loading_see_the_values_and_may_forgive() -> None:
    model = net()
    order: list[str] = []

    def forgive(module: Any, keys: Any) -> None:
        order.append(type(module).__name__)
        keys.missing_keys.clear()
        keys.unexpected_keys.clear()

    model.register_load_state_dict_post_hook(forgive)
    model[0].register_load_state_dict_post_hook(
        lambda module, keys: order.append(f"{module.weight.sum().item():g}")
    )
    found = model.load_state_dict({"0.weight": steep.ones(3, 2), "odd": steep.ones(1)})
    assert order == ["6", "Sequential"]
    assert (found.missing_keys, found.unexpected_keys) == ([], [])


def test_nothing_is_loaded_if_a_hook_afterwards_raises() -> None:
    model = net()
    before = {key: value.tolist() for key, value in model.state_dict().items()}

    def fail(module: Any, keys: Any) -> None:
        raise KeyError("no")

    handle = model.register_load_state_dict_post_hook(fail)
    with pytest.raises(KeyError, match="no"):
        model.load_state_dict(net().state_dict())
    handle.remove()
    model.register_load_state_dict_post_hook(lambda module, keys: True)
    with pytest.raises(AssertionError, match="not expected to return new values"):
        model.load_state_dict(net().state_dict())
    model.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.append("x"))
    assert {key: value.tolist() for key, value in model.state_dict().items()} == before


class Versioned(nn.Module):
    """Loads an old form of its state, as packages write it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(steep.ones(2))
        self.note = "new"

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "note"] = self.note

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        self.note = state_dict.pop(prefix + "note", "old")
        if prefix + "gain" in state_dict:
            state_dict[prefix + "scale"] = state_dict.pop(prefix + "gain").exp()
        super()._load_from_state_dict(state_dict, prefix, *rest)


def test_modules_may_save_and_load_in_their_own_way() -> None:
    model = nn.Sequential(Versioned(), nn.Linear(2, 1))
    model[0].note = "mine"
    state = model.state_dict()
    assert list(state) == ["0.scale", "0.note", "1.weight", "1.bias"]
    again = nn.Sequential(Versioned(), nn.Linear(2, 1))
    again.load_state_dict(state)
    assert again[0].note == "mine"
    del state["0.note"], state["0.scale"]
    state["0.gain"] = steep.zeros(2)
    again.load_state_dict(state)
    assert (again[0].note, again[0].scale.tolist()) == ("old", [1.0, 1.0])
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.scale"):
        again.load_state_dict({**state, "0.gain": steep.zeros(3)})


def test_a_dict_that_no_load_has_begun_is_loaded_at_once() -> None:
    layer = nn.Linear(2, 1)
    missing: list[str] = []
    errors: list[str] = []
    given = {"a.weight": steep.ones(1, 2)}
    layer._load_from_state_dict(given, "a.", {}, True, missing, [], errors)
    assert (layer.weight.tolist(), missing, errors) == ([[1.0, 1.0]], ["a.bias"], [])


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        self.count = state["count"]


def test_extra_state_goes_with_hooks() -> None:
    model, other = nn.Sequential(Counting()), nn.Sequential(Counting())
    other[0].count = 7
    told: list[int] = []
    model.register_load_state_dict_post_hook(lambda module, keys: told.append(module[0].count))
    model.load_state_dict(other.state_dict())
    assert told == [7]
    with pytest.raises(RuntimeError, match=r"0\._extra_state"):
        model.load_state_dict({})


def test_synchronised_normalisation_is_batch_normalisation() -> None:
    steep.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2)))
    x = steep.randn(2, 1, 5, 5)
    expected = plain(x)
    state = {key: value.clone() for key, value in plain.state_dict().items()}
    weight = plain[1].weight
    model: Any = nn.SyncBatchNorm.convert_sync_batchnorm(plain.eval())
    assert type(model[1]) is type(model[2][0]) is nn.SyncBatchNorm
    assert model[1].weight is weight
    assert not model[1].training
    assert list(model.state_dict()) == list(state)
    model.train()
    assert (model(x) == expected).all()
    assert isinstance(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(2)), nn.SyncBatchNorm)
    with pytest.raises(ValueError, match="expected at least 2D input"):
        nn.SyncBatchNorm(2)(steep.ones(2))


def test_buffers_are_set_like_parameters() -> None:
    layer = nn.Linear(1, 1)
    layer.scale = nn.Buffer(steep.ones(2))
    layer.cache = nn.Buffer(steep.ones(2), persistent=False)
    assert [name for name, _ in layer.named_buffers()] == ["scale", "cache"]
    assert list(layer.state_dict()) == ["weight", "bias", "scale"]
    layer.scale = steep.zeros(3)
    assert layer.scale.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(TypeError, match="Buffer: expected a Tensor, got list"):
        nn.Buffer([1.0])  # type: ignore[arg-type]
    empty = nn.Linear(2, 3).to_empty(device="cpu")
    assert (empty.weight.shape, empty.weight.requires_grad) == ((3, 2), True)
