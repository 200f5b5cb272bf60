"""Modules that hold a function's arguments, made from the operations' records."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import steep
from steep import _core, nn

MODULES = {row["name"]: row for row in _core.registry_modules()}
TOOLS = Path(__file__).resolve().parent.parent / "tools"

# PyTorch's reprs, and what stands behind them.
SHOWN: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: nn.ReLU(), "ReLU()"),
    (lambda: nn.ReLU(inplace=True), "ReLU(inplace=True)"),
    (lambda: nn.LeakyReLU(), "LeakyReLU(negative_slope=0.01)"),
    (lambda: nn.LeakyReLU(0.5, True), "LeakyReLU(negative_slope=0.5, inplace=True)"),
    (lambda: nn.ELU(), "ELU(alpha=1.0)"),
    (lambda: nn.ELU(inplace=True), "ELU(alpha=1.0, inplace=True)"),
    (lambda: nn.SiLU(), "SiLU()"),
    (lambda: nn.SiLU(True), "SiLU(inplace=True)"),
    (lambda: nn.GELU(), "GELU(approximate='none')"),
    (lambda: nn.GELU("tanh"), "GELU(approximate='tanh')"),
    (lambda: nn.Softplus(beta=2), "Softplus(beta=2, threshold=20.0)"),
    (lambda: nn.Softmax(), "Softmax(dim=None)"),
    (lambda: nn.Softmax(1), "Softmax(dim=1)"),
    (lambda: nn.LogSoftmax(dim=-1), "LogSoftmax(dim=-1)"),
    (lambda: nn.Softsign(), "Softsign()"),
    (lambda: nn.Tanh(), "Tanh()"),
    (lambda: nn.Sigmoid(), "Sigmoid()"),
    (lambda: nn.MSELoss(), "MSELoss()"),
    (lambda: nn.L1Loss(reduction="sum"), "L1Loss()"),
]


@pytest.mark.parametrize(("make", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_repr_is_pytorchs(make: Callable[[], nn.Module], text: str) -> None:
    assert repr(make()) == text


@pytest.mark.parametrize("path", MODULES)
def test_class_stands_where_its_record_says(path: str) -> None:
    """Under its own name in its own file, and in the lists of steep.nn."""
    home, name = path.split(".")
    kind = getattr(nn, name)
    assert (kind.__module__, kind.__qualname__) == (f"steep.nn.{home}", name)
    assert name in nn.__all__
    assert name in nn.modules.__all__
    assert issubclass(kind, nn.Module)
    assert kind.__doc__.strip().startswith(MODULES[path]["doc"].split("\n")[0])
    source = inspect.getsource(kind)
    assert source.startswith(f"class {name}(")
    assert f"{MODULES[path]['function']}(" in source


@pytest.mark.parametrize("path", MODULES)
def test_copies_and_pickles_hold_the_same(path: str) -> None:
    kind = getattr(nn, path.split(".")[1])
    parameters = inspect.signature(kind).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    module = kind(*(0.5 for _ in needed))
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module)
        assert repr(other) == repr(module)
        held = {k: v for k, v in vars(module).items() if not k.startswith("_")}
        assert {k: v for k, v in vars(other).items() if not k.startswith("_")} == held


CONSTRUCTORS = {
    "ReLU": "(inplace: bool = False) -> None",
    "LeakyReLU": "(negative_slope: float = 0.01, inplace: bool = False) -> None",
    "ELU": "(alpha: float = 1.0, inplace: bool = False) -> None",
    "GELU": "(approximate: str = 'none') -> None",
    "Softplus": "(beta: float = 1.0, threshold: float = 20.0) -> None",
    "Softmax": "(dim: int | None = None) -> None",
    "MSELoss": "(size_average: bool | None = None, reduce: bool | None = None, "
    "reduction: str = 'mean') -> None",
    "Tanh": "(*args: Any, **kwargs: Any) -> None",
}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructor_has_the_functions_arguments(name: str) -> None:
    signature = inspect.signature(getattr(nn, name))
    parts = []
    for parameter in signature.parameters.values():
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parts.append(f"{star}{parameter.name}: {parameter.annotation}{default}")
    assert f"({', '.join(parts)}) -> None" == CONSTRUCTORS[name]


def test_forward_hands_on_what_is_held() -> None:
    x = steep.linspace(-2, 2, 7)
    assert nn.LeakyReLU(0.3)(x).tolist() == nn.functional.leaky_relu(x, 0.3).tolist()
    assert nn.GELU("tanh")(x).tolist() == nn.functional.gelu(x, approximate="tanh").tolist()
    assert nn.Softmax(0)(x).tolist() == steep.softmax(x, 0).tolist()
    assert nn.L1Loss(reduction="sum")(x, -x).item() == steep.abs(2 * x).sum().item()
    for module in (nn.ReLU(inplace=True), nn.ELU(inplace=True), nn.SiLU(inplace=True)):
        y = x.clone()
        assert module(y) is y
        assert y.tolist() == type(module)()(x).tolist()


def test_what_is_held_may_be_changed() -> None:
    layer = nn.ELU()
    layer.alpha = 3.0
    x = steep.tensor([-1.0])
    assert layer(x).tolist() == nn.functional.elu(x, 3.0).tolist()
    assert repr(layer) == "ELU(alpha=3.0)"


def test_subclasses_are_called_as_they_define() -> None:
    class Twice(nn.LeakyReLU):
        def forward(self, input: steep.Tensor) -> steep.Tensor:
            return super().forward(super().forward(input))

    layer = Twice(0.5)
    assert layer(steep.tensor([-1.0])).tolist() == [-0.25]
    assert repr(layer) == "Twice(negative_slope=0.5)"


# ---- how the source of a module is written -------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool that writes modules; it lies beside the package."""
    if not TOOLS.is_dir():
        pytest.skip("the tools are not there")
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("made.modules")


def written(
    made: ModuleType, parameters: list[tuple[str, ...]], **further: Any
) -> Callable[..., Any]:
    """The class Held made of a function's parameters; its function returns its own arguments."""
    records = importlib.import_module(made.Record.__module__)
    given = tuple(records.Parameter(*one) for one in parameters)
    record = records.Record("held", "test", 8, "", given, "Tensor", "", "", False)
    module = records.Module("test.Held", "held", "Holds.", **further)
    names: dict[str, Any] = {"Module": nn.Module, "_Loss": nn.MSELoss.__mro__[1]}
    names |= {"Tensor": steep.Tensor, "held": lambda *args, **kwargs: (args, kwargs)}
    exec("from __future__ import annotations\n" + made.simple_module(record, module), names)
    kind: Callable[..., Any] = names["Held"]
    return kind


INPUT = ("input", "Tensor")


def test_written_arguments_follow_the_signature(made: ModuleType) -> None:
    kind = written(made, [INPUT, ("low", "float"), ("high", "Number", "1"), ("by", "str", "'a'")])
    assert repr(kind(0.5)) == "Held(low=0.5, high=1, by='a')"
    assert kind(2, by="b").forward("x") == (("x", 2, 1, "b"), {})
    with pytest.raises(TypeError):
        kind()


def test_written_keywords_are_given_by_name(made: ModuleType) -> None:
    kind = written(made, [INPUT, ("dim", "int", "-1"), ("eps", "float", "1e-08", "keyword")])
    assert kind(eps=1.0).forward("x") == (("x",), {"dim": -1, "eps": 1.0})


def test_written_losses_keep_their_reduction(made: ModuleType) -> None:
    older = [("size_average", "bool | None", "None"), ("reduce", "bool | None", "None")]
    reduction = ("reduction", "str | None", "'mean'")
    pair = [("x", "Tensor"), ("y", "Tensor")]
    kind = written(made, [*pair, ("margin", "float", "0.0"), *older, reduction])
    assert repr(kind(2.0)) == "Held()"
    assert kind(2.0).forward(1, 2) == ((1, 2), {"margin": 2.0, "reduction": "mean"})
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert kind(size_average=False).forward(1, 2)[1]["reduction"] == "sum"
    plain = written(made, [*pair, reduction, ("delta", "float", "1.0")])
    assert plain("sum", 2.0).forward(1, 2) == ((1, 2, "sum", 2.0), {})
    with pytest.raises(ValueError, match="reduction"):
        plain("all")


def test_written_repr_may_be_another(made: ModuleType) -> None:
    parameters = [INPUT, ("lambd", "float", "0.5")]
    assert repr(written(made, parameters, shows="{lambd}")()) == "Held(0.5)"
    assert repr(written(made, parameters, shows="")()) == "Held()"
    assert repr(written(made, [INPUT, ("inplace", "bool | int", "False")])(True)) == (
        "Held(inplace=True)"
    )
