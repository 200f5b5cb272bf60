"""What figures are made of, as NumPy arrays, and refused where it cannot be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steep._core import Tensor

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "as_array",
    "as_labels",
    "check_count",
    "check_finite",
    "class_names",
    "labels_of",
    "numbers_of",
]


def as_array(values: Any, what: str, name: str, objects: bool = False) -> np.ndarray[Any, Any]:
    """A tensor, an array, a table's column or nested lists as an array that is not empty.

    Raises:
        TypeError: for what NumPy makes no array of.
        ValueError: if there is nothing in it.
    """
    import numpy as np

    array: np.ndarray[Any, Any]
    array = values.detach().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim == 0 or (array.dtype == object and array.ndim > 1 and not objects):
        raise TypeError(f"{what}: expected {name} as a tensor or an array, got {values!r}")
    if not array.size:
        raise ValueError(f"{what}: expected {name} with an element at least, got none")
    return array


def check_finite(array: np.ndarray[Any, Any], what: str, name: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        TypeError: for what is no array of numbers.
        ValueError: if there is one; it says how many and where the first is.
    """
    import numpy as np

    if array.dtype.kind not in "biuf":
        raise TypeError(f"{what}: expected {name} as numbers, got elements of {array.dtype}")
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ValueError(
            f"{what}: expected finite {name}, got {int(bad.sum())} of {array.size} that are not, "
            f"the first, {array[first]}, at {list(first)}; see what the model is fed with"
        )


def as_labels(values: Any, what: str, name: str) -> np.ndarray[Any, Any]:
    """One label for each sample, [n]; a column [n, 1] is taken as such.

    Raises:
        ValueError: for another shape, labels that are not finite, or missing ones.
    """
    array = as_array(values, what, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what}: expected {name} of shape [n], got {list(array.shape)}")
    if array.dtype.kind == "f":
        check_finite(array, what, name)
        if (array == array.round()).all():
            array = array.astype("int64")
    if array.dtype == object:
        missing = [i for i, label in enumerate(array) if label is None or label != label]
        if missing:
            raise ValueError(
                f"{what}: expected a label for each sample in {name}, got none for {len(missing)} "
                f"of {len(array)}, the first at [{missing[0]}]; leave these samples out"
            )
    return array


def labels_of(values: Any, what: str, name: str, count: int) -> np.ndarray[Any, Any]:
    """Predicted labels: as they are, or of scores [n, classes] the class with the highest.

    Raises:
        ValueError: if there are not `count`, or scores are not finite.
    """
    array = as_array(values, what, name)
    if array.ndim == 2 and array.shape[1] > 1:
        check_finite(array, what, name)
        array = array.argmax(axis=1)
    labels = as_labels(array, what, name)
    check_count(len(labels), count, what, name)
    return labels


def check_count(got: int, expected: int, what: str, name: str) -> None:
    if got != expected:
        raise ValueError(
            f"{what}: expected {name} for each of {expected} samples, got {got} of them"
        )


def numbers_of(
    truth: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any], classes: Any, what: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[str]]:
    """Numbers of classes instead of true and predicted labels, and what the classes are called.

    Raises:
        ValueError: where one are numbers and the other names, which without `classes` are not
            known to be the same; and as `class_names`.
    """
    import numpy as np

    if classes is not None:
        (true, names), (given, _) = (class_names(x, classes, what) for x in (truth, predicted))
        return true, given, names
    if (truth.dtype.kind in "biu") != (predicted.dtype.kind in "biu"):
        raise ValueError(
            f"{what}: expected truth and predictions of one kind, got {truth.dtype} and "
            f"{predicted.dtype}; give both as numbers or both as names, or say which classes the "
            "numbers stand for: classes=[...]"
        )
    both, names = class_names(np.concatenate([truth, predicted]), None, what)
    return both[: len(truth)], both[len(truth) :], names


def class_names(
    labels: np.ndarray[Any, Any], classes: Any, what: str
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Numbers of classes instead of labels, and what the classes are called.

    Labels are numbers into `classes`, or names among them; without `classes`, those there are.

    Raises:
        ValueError: for a label that is none of the classes.
    """
    import numpy as np

    if classes is None:
        found, numbers = np.unique(labels, return_inverse=True)
        if labels.dtype.kind in "biu" and found.min() >= 0 and found.max() < 1000:
            return labels.astype("int64"), [str(k) for k in range(int(found.max()) + 1)]
        return numbers, [str(x) for x in found]
    names = [str(x) for x in classes]
    if labels.dtype.kind in "biu":
        bad = labels[(labels < 0) | (labels >= len(names))]
        if len(bad):
            raise ValueError(
                f"{what}: expected labels from 0 to {len(names) - 1}, one for each of the classes "
                f"{names}, got {bad[0]}"
            )
        return labels.astype("int64"), names
    number = {name: k for k, name in enumerate(names)}
    unknown = [str(x) for x in labels if str(x) not in number]
    if unknown:
        raise ValueError(f"{what}: expected labels among {names}, got {unknown[0]!r}")
    return np.array([number[str(x)] for x in labels]), names
