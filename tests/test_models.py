"""Networks as plain data, and model files."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import steep
from steep import models, nn
from steep.models import LAYERS, TabularNet, build, describe, mlp

ARGUMENTS = {
    "in_features": 3,
    "out_features": 2,
    "in1_features": 3,
    "in2_features": 2,
    "num_embeddings": 5,
    "embedding_dim": 2,
    "num_features": 4,
    "num_channels": 4,
    "num_groups": 2,
    "normalized_shape": (4,),
    "in_channels": 2,
    "out_channels": 4,
    "kernel_size": 3,
    "output_size": 1,
    "threshold": 0.5,
    "value": 0.25,
    "padding": 1,
    "dim": 1,
    "unflattened_size": (2, 2),
    "norm_type": 2.0,
    "size": 3,
    "groups": 2,
    "upscale_factor": 2,
    "downscale_factor": 2,
    "input_size": 3,
    "hidden_size": 4,
}


def made(name: str) -> nn.Module:
    """A layer with arguments that are not its defaults, where it has any without."""
    import inspect

    kind = getattr(nn, name)
    parameters = inspect.signature(kind).parameters.values()
    needed = {
        p.name: ARGUMENTS[p.name]
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    layer: nn.Module = kind(**needed)
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_rebuilt(name: str) -> None:
    layer = made(name)
    description = describe(layer)
    again = build(json.loads(json.dumps(description)))
    assert type(again) is type(layer)
    assert repr(again) == repr(layer)
    assert describe(again) == description
    shapes = {key: value.shape for key, value in layer.state_dict().items()}
    assert {key: value.shape for key, value in again.state_dict().items()} == shapes


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(3, 2, bias=False),
        nn.Conv2d(2, 4, (3, 1), stride=2, padding="valid", bias=False, groups=2),
        nn.BatchNorm1d(4, eps=1e-3, momentum=None, affine=False),
        nn.LayerNorm((2, 3), bias=False),
        nn.Embedding(5, 2, padding_idx=1, max_norm=2.0),
        nn.LSTM(3, 4, num_layers=2, bias=False, bidirectional=True, dropout=0.25),
        nn.Dropout(0.25),
        nn.LeakyReLU(0.3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_arguments_other_than_the_defaults_are_kept(layer: nn.Module) -> None:
    again = build(json.loads(json.dumps(describe(layer))))
    assert repr(again) == repr(layer)
    assert {*again.state_dict()} == {*layer.state_dict()}


def network() -> TabularNet:
    net = TabularNet([4, 3], [2, 1], mlp(5, [6], 2, dropout=0.2, batch_norm=True))
    net(steep.rand(8, 2), steep.ones(8, 2, dtype=steep.int64))  # moves the running statistics
    return net.eval()


def inputs() -> tuple[steep.Tensor, steep.Tensor]:
    return steep.rand(3, 2), steep.tensor([[0, 2], [3, 1], [1, 0]])


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_a_file_gives_back_the_same_network(tmp_path: Path, dtype: steep.dtype) -> None:
    net, path = network().to(dtype), tmp_path / "net.steep"
    states = {
        "input": {
            "mean": np.array([1.0, 2.0]),
            "small": np.float32(2.5),
            "names": ["a", "b"],
            "flags": np.array([True, False]),
            "half": np.array([0.5], dtype=np.float16),
            "words": np.array([["x", "yy"]]),
            "mixed": np.array(["x", None, 1.5], dtype=object),
            "codes": {"kept": (1, None)},
            3: "three",
            "empty": np.zeros((0, 2)),
        }
    }
    models.save(path, net, transforms=states, columns=["p", "q"], info={"task": "regression"})
    again = models.load(path)
    x, codes = inputs()
    assert steep.equal(again.model(x.to(dtype), codes), net(x.to(dtype), codes))
    assert not again.model.training
    assert (again.columns, again.info, again.version) == (["p", "q"], {"task": "regression"}, 1)
    found, expected = again.transforms["input"], states["input"]
    assert {*found} == {*expected}
    for key in ("mean", "flags", "half", "words", "mixed", "empty"):
        assert found[key].dtype == expected[key].dtype
        assert found[key].shape == expected[key].shape
        assert found[key].tolist() == expected[key].tolist()
    assert found["codes"] == {"kept": (1, None)}
    assert found[3] == "three"
    assert found["small"] == 2.5


def test_other_readers_open_the_file(tmp_path: Path) -> None:
    from safetensors import safe_open

    models.save(tmp_path / "net.steep", network())
    with safe_open(tmp_path / "net.steep", "np") as file:
        assert any(key.endswith("body.0.weight") for key in file.keys())  # noqa: SIM118


class Own(nn.Module):
    def forward(self, x: steep.Tensor) -> steep.Tensor:
        return x


class OwnLinear(nn.Linear):
    pass


@pytest.mark.parametrize("layer", [Own(), OwnLinear(2, 2), nn.Transformer(8, 2, 1, 1, 8)])
def test_what_cannot_be_named_is_refused_with_its_place(layer: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "net.steep"
    path.write_bytes(b"what was there")
    with pytest.raises(TypeError, match=rf"got {type(layer).__name__} at '0.1'"):
        models.save(path, nn.Sequential(nn.Sequential(nn.Tanh(), layer)))
    assert path.read_bytes() == b"what was there"


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"class": "Module", "arguments": {}}, "got 'Module'"),
        ({"class": "system", "arguments": {}}, "got 'system'"),
        ({"class": ["Linear"]}, "got"),
        ([], "expected the description of a layer"),
        ({"class": "Linear", "arguments": {"in_features": 2}}, "damaged"),
        ({"class": "Linear", "arguments": {"in_features": "x", "out_features": 1}}, "damaged"),
        ({"class": "ReLU", "arguments": {"self": 1}}, "does not have the arguments"),
        ({"class": "ReLU", "arguments": {"device": "cpu"}}, "does not have the arguments"),
        ({"class": "Sequential", "layers": [["0", {"class": "eval"}]]}, "at '0', got 'eval'"),
        ({"class": "Sequential", "layers": [["a.b", {"class": "ReLU", "arguments": {}}]]}, "a.b"),
        ({"class": "Sequential"}, "damaged"),
        ({"class": "TabularNet"}, "expected the description of a layer at 'body'"),
    ],
)
def test_a_wrong_description_is_refused(description: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(description)  # type: ignore[arg-type]


def test_a_description_without_end_is_refused() -> None:
    description: dict[str, object] = {"class": "Sequential"}
    description["layers"] = [["0", description]]
    with pytest.raises(ValueError, match="expected the description of a layer"):
        build(description)


def test_a_newer_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steep.models.file.FORMAT_VERSION", 7)
    monkeypatch.setattr("steep.models.file.__version__", "9.9")
    models.save(tmp_path / "new.steep", nn.Linear(1, 1))
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"found format 7, written by steep 9\.9; upgrade steep"):
        models.load(tmp_path / "new.steep")


def test_weights_alone_are_no_model_file(tmp_path: Path) -> None:
    steep.save(nn.Linear(1, 1).state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"without an architecture.*steep\.load"):
        models.load(tmp_path / "weights.safetensors")


def test_every_damage_is_noticed(tmp_path: Path) -> None:
    """Each byte in turn is changed (or a third of them), and each length cut off."""
    path = tmp_path / "net.steep"
    models.save(path, nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.25)), columns=["a", "b"])
    whole, spoilt = path.read_bytes(), tmp_path / "spoilt.steep"
    for i in range(0, len(whole), 3):
        spoilt.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with pytest.raises(ValueError, match=r"spoilt\.steep"):
            models.load(spoilt)
    for length in range(0, len(whole), 7):
        spoilt.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"spoilt\.steep"):
            models.load(spoilt)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "net.steep"
    models.save(path, nn.Linear(2, 2))
    before = path.read_bytes()
    code = (
        "import sys, steep; from steep import models, nn\n"
        "try: models.save(sys.argv[1], nn.Linear(200, 200))\n"
        "except OSError as error: print('refused', error.strerror)"
    )

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        preexec_fn=little_room,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("refused")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.steep"]


def test_a_tabular_network_counts_its_codes() -> None:
    with pytest.raises(ValueError, match="expected codes of 2 columns"):
        network()(steep.zeros(2, 2), steep.zeros(2, 3, dtype=steep.int64))
    with pytest.raises(ValueError, match="a cardinality and a dimension"):
        TabularNet([2, 3], [1], nn.Linear(1, 1))
    without_numbers = TabularNet([3], [2], nn.Linear(2, 1))
    assert without_numbers(steep.zeros(4, 0), steep.zeros(4, 1, dtype=steep.int64)).shape == (4, 1)


def test_an_mlp_has_the_layers_asked_for() -> None:
    net = mlp(3, [4, 5], 2, activation=nn.LeakyReLU(0.3), dropout=[0.0, 0.5], batch_norm=True)
    names = [type(layer).__name__ for layer in net]
    assert names == [
        *("Linear", "BatchNorm1d", "LeakyReLU", "Linear", "BatchNorm1d", "LeakyReLU", "Dropout"),
        "Linear",
    ]
    assert net[2] is not net[5]
    assert [type(layer).__name__ for layer in mlp(3, [], 2)] == ["Linear"]
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers, got 1"):
        mlp(3, [4, 5], 2, dropout=[0.5])
