"""`ImageFolder`: images in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from steep._core import Tensor, as_tensor
from steep._optional import optional
from steep.data.dataset import Dataset

__all__ = ["ImageFolder"]

EXTENSIONS = (*(".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif"),)


class ImageFolder(Dataset[tuple[Any, Any]]):
    """Images that lie in ``root/CLASS/*``, with the number of their class.

    A sample is ``(image, number)``: bytes ``(C, H, W)``, of dtype uint8, and an int. Classes are
    numbered in the order of their names. Images are read when they are asked for, by Pillow, which
    lets other threads run meanwhile: give the `DataLoader` a few workers. Floats, normalisation and
    augmentation are the loader's part: ``augment=[ToFloat(), RandomFlip(), Normalize(...)]``.

    Args:
        root: the folder of the classes' folders.
        size: height and width that images are resized to, bilinearly; one number is for both. By
            default they stay as they are, and only those of one size make a batch.
        mode: Pillow's name of what a pixel is: ``"RGB"`` (default), ``"L"`` for grey, ``"RGBA"``.
        transform: makes the sample's first half of Pillow's image, instead of a tensor.
        target_transform: makes its second half of the class's number.
        allow_empty: leave out folders in which there is no image. Default: ``False``.

    Attributes:
        classes: names of the classes, sorted.
        class_to_idx: their numbers by name.
        samples: pairs of path and number of the class, sorted.
        targets: the numbers alone.

    Raises:
        FileNotFoundError: if `root` is no folder, holds none, or one of them holds no image.
        ImportError: if Pillow is missing.
        ValueError: if `size` is not positive, or Pillow does not know `mode`.

    Example:
        >>> import pathlib, tempfile
        >>> import steep
        >>> from PIL import Image
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (root / name).mkdir()
        ...     Image.new("RGB", (40, 30)).save(root / name / "1.png")
        >>> images = steep.data.ImageFolder(root, size=32)
        >>> images.classes, tuple(images[1][0].shape), images[1][1]
        (['cat', 'dog'], (3, 32, 32), 1)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: int | Sequence[int] | None = None,
        *,
        mode: str = "RGB",
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        allow_empty: bool = False,
    ) -> None:
        self._pillow = optional("PIL.Image", "images", "steep.data.ImageFolder")
        self.root = os.fspath(root)
        self.size = _size(size)
        try:
            self._pillow.new(mode, (1, 1))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"ImageFolder: expected a mode of Pillow's, got {mode!r}; images are 'RGB', "
                "'L' (grey) or 'RGBA'"
            ) from error
        self.mode = mode
        self.transform = transform
        self.target_transform = target_transform
        found = {name: list(_images(Path(root, name))) for name in _folders(Path(root))}
        empty = [name for name, paths in found.items() if not paths]
        if empty and not allow_empty:
            raise FileNotFoundError(
                f"ImageFolder: expected images in every folder of {self.root}, got none in "
                f"{', '.join(empty)}; files must end in one of {', '.join(EXTENSIONS)}, or pass "
                "allow_empty=True"
            )
        self.classes = [name for name, paths in found.items() if paths]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        if not self.classes:
            raise FileNotFoundError(f"ImageFolder: found no image in the folders of {self.root}")
        self.samples = [(p, i) for name, i in self.class_to_idx.items() for p in found[name]]
        self.targets = [number for _, number in self.samples]

    @property
    def imgs(self) -> list[tuple[str, int]]:
        """`samples`, under torchvision's other name."""
        return self.samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"ImageFolder: index {index} is out of range for {size} images")
        path, number = self.samples[index]
        image = self._read(path)
        target = number if self.target_transform is None else self.target_transform(number)
        return (_tensor(image) if self.transform is None else self.transform(image)), target

    def __getitems__(self, indices: list[int]) -> list[tuple[Any, Any]]:
        """The samples of a batch, checked to be of one size."""
        samples = [self[i] for i in indices]
        shapes = [tuple(x.shape) if isinstance(x, Tensor) else None for x, _ in samples]
        for i, shape in zip(indices, shapes, strict=True):
            if self.transform is None and shape != shapes[0]:
                first = self.samples[indices[0]][0]
                raise ValueError(
                    f"ImageFolder: expected images of one size in a batch, got {shapes[0]} of "
                    f"{first} and {shape} of {self.samples[i][0]}; pass size=(height, width)"
                )
        return samples

    def _read(self, path: str) -> Any:
        """Pillow's image, in the mode and size that are asked for."""
        try:
            with open(path, "rb") as file, self._pillow.open(file) as opened:
                image = opened.convert(self.mode)
        except MemoryError:
            raise
        except Exception as error:  # Pillow raises whatever its readers do
            raise OSError(
                f"ImageFolder: cannot read {path} as an image ({type(error).__name__}: {error}); "
                "mend or remove the file"
            ) from error
        if self.size is None or image.size == self.size[::-1]:
            return image
        return image.resize(self.size[::-1], self._pillow.Resampling.BILINEAR)


def _size(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
        raise ValueError(
            f"ImageFolder: expected size to be a positive height and width in pixels, got {size!r}"
        )
    return pair[0], pair[1]


def _folders(root: Path) -> list[str]:
    """Names of the folders in a folder, sorted."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"ImageFolder: expected a folder with one folder for each class, found none at {root}"
        )
    names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    if not names:
        raise FileNotFoundError(
            f"ImageFolder: expected one folder for each class in {root}, found no folder; put the "
            f"images into {root}/CLASS/"
        )
    return names


def _images(folder: Path) -> Iterator[str]:
    """Paths of the images in a folder and below it, sorted."""
    for place, _, names in sorted(os.walk(folder, followlinks=True)):
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS):
                yield os.path.join(place, name)


def _tensor(image: Any) -> Tensor:
    import numpy

    pixels = numpy.asarray(image)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return as_tensor(numpy.array(planes, order="C"))
