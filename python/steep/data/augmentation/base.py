"""What an augmentation is, and how a list of them becomes passes over the rows of a batch."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from steep._core import Generator, Tensor, as_tensor, empty, float32, uint8
from steep.data._augment import KIND, Program, key_of
from steep.data._draws import draw_seed

__all__ = ["Augmentation", "BatchAugmentation", "Compose", "Step"]

Shape = tuple[int, ...]

_LARGEST = 2**40  # elements of a sample: 4 TB, and products of it still fit into 64 bits


class Step(NamedTuple):
    """One step of a pass, for rows of one shape.

    Attributes:
        kind: what is done, a name in `_augment.KIND`.
        sizes: planes, height and width of the rows.
        shape: shape of the rows that come out.
        chance: how probably a row goes through it.
        reals, whole: numbers, as the kind takes them.
        first, second: values, one for each of as many equal parts of the row.
    """

    kind: str
    sizes: tuple[int, int, int]
    shape: Shape
    chance: float = 1.0
    reals: tuple[float, ...] = ()
    whole: tuple[int, ...] = ()
    first: array[float] | None = None
    second: array[float] | None = None


class Augmentation:
    """Base of what a `DataLoader` does to the inputs of a batch, each sample by itself.

    Results are float32, of whatever dtype the array is. Called with an array or a tensor
    ``(N, *)``, an augmentation returns a new one of the same kind.
    """

    def __call__(self, x: Any, target: Any = None, *, generator: Generator | None = None) -> Any:
        """Augment an array of samples.

        Args:
            x: NumPy array or tensor ``(N, *)``; it is not changed.
            target: the samples' targets; the result is a pair then.
            generator: source of what is random; the default one if ``None``.

        Raises:
            ValueError: if the shape is not one that the augmentation takes.
        """
        return Compose([self])(x, target, generator=generator)

    def step(self, shape: Shape, integer: bool) -> Step:
        """The step for rows of a shape.

        Args:
            shape: of one sample.
            integer: whether they come as bytes (uint8).

        Raises:
            ValueError: if it does not take them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step")


class BatchAugmentation(Augmentation):
    """Base of augmentations that see the whole batch, and its targets.

    Subclasses define `mix`; what they draw must come from the generator that it is given.

    Example:
        >>> import steep
        >>> class Halve(steep.data.BatchAugmentation):
        ...     def mix(self, x, target, generator):
        ...         return x / 2, target
        >>> Halve()(steep.ones(2)).tolist()
        [0.5, 0.5]
    """

    def mix(self, x: Tensor, target: Any, generator: Generator) -> tuple[Tensor, Any]:
        """The inputs and targets of a batch, made anew.

        Args:
            x: float32 inputs ``(N, *)``.
            target: their targets, or ``None``.
            generator: depends on the loader's seed, the epoch, the batch and the place in the list.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define mix")


class Compose:
    """Augmentations one after the other.

    Neighbours that see single samples are one pass: a row goes through all of them while it is in
    the CPU's cache. What is random depends on a seed, the number of the batch and the place of the
    sample in it, and on nothing else.

    Args:
        steps: the augmentations.

    Raises:
        TypeError: if one is none.

    Example:
        >>> import steep
        >>> both = steep.data.Compose([steep.data.ToFloat(), steep.data.RandomFlip(p=1.0)])
        >>> both(steep.tensor([[[0, 51, 255]]], dtype=steep.uint8)).tolist()
        [[[1.0, 0.200..., 0.0]]]
    """

    def __init__(self, steps: Iterable[Augmentation]) -> None:
        self.steps = tuple(steps)
        for i, step in enumerate(self.steps):
            if not isinstance(step, Augmentation):
                raise TypeError(
                    f"augment: expected augmentations of steep.data, got {_named(step)} at place "
                    f"{i}; derive it from steep.data.BatchAugmentation"
                )
        self._passes = _passes(self.steps)

    def __call__(self, x: Any, target: Any = None, *, generator: Generator | None = None) -> Any:
        """As `Augmentation.__call__`."""
        arrays = [value for value in (x, target) if value is not None]
        tensors = [value if isinstance(value, Tensor) else as_tensor(value) for value in arrays]
        if tensors[0].dim() < 1 or (len(tensors) > 1 and len(tensors[1]) != len(tensors[0])):
            raise ValueError(
                "augment: expected samples (N, *) and as many targets, got shapes "
                + " and ".join(str(tuple(value.shape)) for value in tensors)
            )
        other = tensors[1] if len(tensors) > 1 else None
        pair = self.apply(tensors[0].detach(), other, seed=draw_seed(generator), number=0)
        out = [
            value if isinstance(given, Tensor) else value.numpy()
            for value, given in zip(pair, arrays, strict=False)
        ]
        return out[0] if target is None else tuple(out)

    def apply(
        self,
        source: Any,
        target: Any,
        *,
        seed: int,
        number: int,
        span: tuple[Any, int, int] | None = None,
    ) -> tuple[Tensor, Any]:
        """The inputs and targets of a batch after all steps.

        Args:
            source: buffer of rows.
            target: the batch's targets, or ``None``.
            seed: of the epoch.
            number: of the batch.
            span: which rows, as ``(order, start, stop)``; all of them if ``None``.
        """
        index, start, stop = span or (None, 0, len(source))
        x: Any = source
        for rows, mixing, place in self._passes:
            if mixing is not None:
                generator = Generator()
                generator.manual_seed(key_of(seed, number, place))
                x, target = mixing.mix(x, target, generator)
                continue
            program, shape = rows.program(x)
            out = empty((stop - start, *shape), dtype=float32)
            program.run(x, index, start, stop, out, seed, number)
            x, index, start, stop = out, None, 0, stop - start
        return x, target


class _Rows:
    """Neighbouring steps for single samples, and their programs by the shape of the rows."""

    def __init__(self, steps: Sequence[Augmentation], place: int) -> None:
        self._steps = steps
        self._place = place
        self._programs: dict[tuple[Shape, bool], tuple[Program, Shape]] = {}

    def program(self, source: Any) -> tuple[Program, Shape]:
        """The program for rows of `source`, and their shape after it."""
        integer = source.dtype == (uint8 if isinstance(source, Tensor) else "uint8")
        shape = tuple(source.shape[1:])
        if (shape, integer) not in self._programs:
            self._programs[shape, integer] = self._made(shape, integer)
        return self._programs[shape, integer]

    def _made(self, shape: Shape, integer: bool) -> tuple[Program, Shape]:
        size, made = math.prod(shape), []
        for place, augmentation in enumerate(self._steps, self._place):
            step = augmentation.step(shape, integer)
            kind, sizes, _, chance, reals, whole, first, second = step
            made.append((place, KIND[kind], chance, reals, whole, sizes, first, second))
            shape, integer = step.shape, False
            if math.prod(shape) > _LARGEST:
                raise ValueError(
                    f"{type(augmentation).__name__}: expected samples of at most {_LARGEST} "
                    f"elements, got {shape}; ask for a smaller size"
                )
        return Program(made, size, math.prod(shape)), shape


def _passes(steps: Sequence[Augmentation]) -> list[tuple[Any, BatchAugmentation | None, int]]:
    """Passes over rows and mixing in turn, each with its place; the first is one over rows."""
    found: list[tuple[Any, BatchAugmentation | None, int]] = []
    begin = 0
    for place in range(len(steps) + 1):
        step = steps[place] if place < len(steps) else None
        if step is not None and not isinstance(step, BatchAugmentation):
            continue
        if place > begin or not found:
            found.append((_Rows(steps[begin:place], begin), None, begin))
        if isinstance(step, BatchAugmentation):
            found.append((None, step, place))
        begin = place + 1
    return found


def _named(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
