"""Files that PyTorch saved: tensors and containers come back, and nothing in them is run.

`files/saved_by_torch.pt` was written by torch.save of PyTorch 2.13.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steep
from steep import nn

SAVED = Path(__file__).parent / "files" / "saved_by_torch.pt"


def changed(change: Callable[[dict[str, bytes]], Any]) -> io.BytesIO:
    """The file with other members."""
    with zipfile.ZipFile(SAVED) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def description(members: dict[str, bytes]) -> str:
    return next(name for name in members if name.endswith("data.pkl"))


def test_a_state_dict_is_loaded() -> None:
    saved = steep.load(SAVED, map_location="cpu", weights_only=True)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    assert repr(model.load_state_dict(saved["model"])) == "<All keys matched successfully>"
    assert model[0].weight.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert model[1].num_batches_tracked.item() == 1
    optimizer = steep.optim.Adam(model.parameters())
    optimizer.load_state_dict(saved["optimizer"])
    assert optimizer.state[model[0].weight]["exp_avg"].shape == (2, 3)


def test_tensors_of_all_kinds_are_loaded() -> None:
    saved = steep.load(str(SAVED))
    odd, turned = saved["views"]
    assert odd.tolist() == [3.0, 5.0, 7.0]
    assert odd.dtype == steep.float64
    assert turned.tolist() == steep.arange(12.0).reshape(3, 4).t().tolist()
    assert isinstance(saved["parameter"], nn.Parameter)
    assert saved["empty"].shape == (0, 3)
    assert [x.dtype for x in saved["kinds"]] == [steep.int64, steep.int32, steep.uint8, steep.bool]
    assert [x.tolist() for x in saved["kinds"]] == [5, [7], [255], [True, False]]
    assert (saved["epoch"], saved["size"], saved["note"]) == (7, steep.Size((2, 3)), None)


def test_views_of_one_memory_share_it() -> None:
    odd, turned = steep.load(SAVED)["views"]
    odd[0] = -1.0
    assert turned[3, 0].item() == -1.0


def test_what_could_run_code_is_not_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    def attack(members: dict[str, bytes]) -> None:
        members[description(members)] = b"cos\nsystem\n(S'echo it ran'\ntR."

    with pytest.raises(ValueError, match=r"found os\.system, which is not loaded"):
        steep.load(changed(attack))
    assert "it ran" not in capfd.readouterr().out


def test_tensors_stay_within_their_memory() -> None:
    """The description is that of the file, but for a number: sizes that reach too far."""

    def stretch(members: dict[str, bytes]) -> None:
        name = description(members)
        assert b"K\x03K\x04\x86" in members[name] or b"K\x04K\x03\x86" in members[name]
        members[name] = members[name].replace(b"K\x04K\x03\x86", b"K\x04K\x09\x86")

    with pytest.raises(ValueError, match="a tensor lies beyond its memory"):
        steep.load(changed(stretch))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.pop(description(m)), "without a data.pkl"),
        (lambda m: m.update({k: b"big" for k in m if k.endswith("byteorder")}), "little-endian"),
        (lambda m: m.update({k: v[:-1] for k, v in m.items() if "/data/" in k}), "bytes for the"),
        (
            lambda m: m.update(
                {description(m): m[description(m)].replace(b"DoubleStorage", b"HalfStorage")}
            ),
            "found half; convert them with .float()",
        ),
    ],
)
def test_other_archives_are_refused(change: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        steep.load(changed(change))


def test_a_damaged_file_is_a_value_error() -> None:
    whole = SAVED.read_bytes()
    draw = random.Random(3)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[draw.randrange(4, len(whole))] = draw.randrange(256)
        try:
            steep.load(io.BytesIO(bytes(damaged)))
        except ValueError:
            refused += 1
    assert refused > 100
    with pytest.raises(ValueError, match="damaged"):
        steep.load(io.BytesIO(whole[: len(whole) // 2]))


def test_objects_with_read_and_write_are_files() -> None:
    file = io.BytesIO()
    steep.save({"x": steep.arange(3), "n": 2}, file)
    file.seek(0)
    loaded = steep.load(file, "cpu")
    assert (loaded["x"].tolist(), loaded["n"]) == ([0, 1, 2], 2)


@pytest.mark.parametrize("saved", [[1, (2.5, None)], "text", 3])
def test_any_container_or_value_is_saved(saved: Any, tmp_path: Path) -> None:
    steep.save(saved, tmp_path / "x")
    assert steep.load(tmp_path / "x") == saved


def test_a_tensor_alone_is_saved(tmp_path: Path) -> None:
    steep.save(steep.arange(4), tmp_path / "x")
    assert steep.load(tmp_path / "x").tolist() == [0, 1, 2, 3]


def test_another_device_is_refused() -> None:
    with pytest.raises(RuntimeError, match="the only one there is, got 'cuda'"):
        steep.load(SAVED, map_location="cuda")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    steep.save([1], tmp_path / "x")
    with pytest.raises(ValueError, match="found a file with list"):
        steep.load_checkpoint(tmp_path / "x")
