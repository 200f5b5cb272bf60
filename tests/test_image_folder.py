"""Images in folders: what a sample is, batches of them, and files and folders that are refused."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from steep import data

image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes, three images and one image of 8 by 6 pixels, one of them further down."""
    for name in ("dog/b.png", "dog/a.PNG", "cat/far/down/c.png", "cat/d.jpg", "cat/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            image.fromarray(RNG.integers(0, 255, (8, 6, 3)).astype(np.uint8)).save(path)
    (tmp_path / "list.csv").write_text("beside the folders")
    return tmp_path


def test_samples_are_pixels_and_classes(root: Path) -> None:
    images = data.ImageFolder(root)
    assert images.classes == ["cat", "dog"]
    assert images.class_to_idx == {"cat": 0, "dog": 1}
    names = [(str(Path(p).relative_to(root)), i) for p, i in images.samples]
    assert names == [
        ("cat/d.jpg", 0),
        ("cat/far/down/c.png", 0),
        ("dog/a.PNG", 1),
        ("dog/b.png", 1),
    ]
    assert images.targets == [0, 0, 1, 1]
    assert images.imgs == images.samples
    for i, (path, number) in enumerate(images.samples):
        pixels, target = images[i]
        assert target == number
        assert pixels.dtype == steep.uint8
        np.testing.assert_array_equal(
            pixels.numpy(), np.asarray(image.open(path)).transpose(2, 0, 1)
        )
    assert images[-1][0].tolist() == images[3][0].tolist()


def test_modes_sizes_and_transforms(root: Path) -> None:
    grey = data.ImageFolder(root, size=(4, 5), mode="L")
    assert tuple(grey[0][0].shape) == (1, 4, 5)
    expected = image.open(grey.samples[0][0]).convert("L").resize((5, 4), image.Resampling.BILINEAR)
    np.testing.assert_array_equal(grey[0][0].numpy()[0], np.asarray(expected))
    own = data.ImageFolder(root, transform=lambda x: x.size, target_transform=lambda i: -i)
    assert own[3] == ((6, 8), -1)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_augmented(root: Path, workers: int) -> None:
    images = data.ImageFolder(root)
    augment = [data.ToFloat(), data.RandomFlip(1.0)]
    ((x, y),) = data.DataLoader(images, 4, augment=augment, num_workers=workers)
    assert y.tolist() == [0, 0, 1, 1]
    pixels = np.stack([images[i][0].numpy() for i in range(4)])
    np.testing.assert_allclose(x.numpy(), pixels[..., ::-1] / np.float32(255), rtol=1e-6)


def test_a_broken_image_is_named(root: Path) -> None:
    whole = (root / "dog" / "a.PNG").read_bytes()
    for content in (b"", b"no image at all", whole[: len(whole) // 2]):
        (root / "dog" / "a.PNG").write_bytes(content)
        images = data.ImageFolder(root)
        with pytest.raises(OSError, match=r"cannot read .*dog/a\.PNG as an image.*mend or remove"):
            images[2]
        batches = iter(data.DataLoader(images, 2, num_workers=1))
        next(batches)
        with pytest.raises(OSError, match=r"dog/a\.PNG"):
            next(batches)
    (root / "dog" / "a.PNG").unlink()
    with pytest.raises(OSError, match="FileNotFoundError"):
        images[2]


def test_images_of_several_sizes_make_no_batch(root: Path) -> None:
    image.new("RGB", (3, 3)).save(root / "cat" / "e.png")
    with pytest.raises(
        ValueError, match=r"\(3, 8, 6\) of .*d\.jpg and \(3, 3, 3\) of .*e\.png; pass"
    ):
        list(data.DataLoader(data.ImageFolder(root), 5))
    assert len(next(iter(data.DataLoader(data.ImageFolder(root, size=8), 5)))[1]) == 5


def test_folders_without_images_are_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"found none at .*nowhere"):
        data.ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="found no folder; put the images into"):
        data.ImageFolder(root / "dog")
    (root / "ant").mkdir()
    with pytest.raises(FileNotFoundError, match=r"got none in ant; files must end in one of \.jpg"):
        data.ImageFolder(root)
    assert data.ImageFolder(root, allow_empty=True).classes == ["cat", "dog"]
    (tmp_path / "other" / "ant").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no image in the folders of"):
        data.ImageFolder(tmp_path / "other", allow_empty=True)
    for size in (0, -3, (2, 0), (1, 2, 3), 1.5):
        with pytest.raises(ValueError, match="size to be a positive height and width"):
            data.ImageFolder(root, size=size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected a mode of Pillow's, got 'grey'"):
        data.ImageFolder(root, mode="grey")
    with pytest.raises(IndexError, match="index 4 is out of range for 4 images"):
        data.ImageFolder(root, allow_empty=True)[4]


def test_pillow_is_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("PIL"):
            raise ModuleNotFoundError("no PIL", name="PIL")
        return plain(name, *rest)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(ImportError, match=r"`steep\.data\.ImageFolder` needs PIL: pip install"):
        data.ImageFolder(root)
