"""What the function is called with, besides its first tensor."""

from __future__ import annotations

from dataclasses import dataclass

from fuzzing.functions.feature import Feature

__all__ = ["ARGUMENTS", "BATCHES"]

# The first argument: of three rows as a rule. `<i>` is the number of the call.
BATCHES = (
    "batch(<i>)",
    "batch(<i>)",
    "held",
    "batch(<i>, 2)",
    "batch(<i>, 1)",
    "batch(<i>).double()",
    "batch(<i>).requires_grad_()",
    "batch(<i>).t().contiguous().t()",
    "batch(<i>, 6)[::2]",
    "batch(<i>)[0]",
    "batch(<i>) * weight",
    "batch(<i>, 0)",
)


@dataclass(frozen=True)
class Argument:
    """One more parameter: its default, what is passed, and what code reads of it."""

    default: str
    values: tuple[str, ...]
    feature: Feature


ARGUMENTS: dict[str, Argument] = {
    "n": Argument(
        "1",
        ("0.5", "2", "True", "2.0", "np.float32(2)", "-0.0", "0.0"),
        Feature("", numbers=("n",)),
    ),
    "mode": Argument(
        "None",
        ("'a'", "'b'", "None", "b'a'"),
        Feature("", flags=("mode == 'a'", "mode is None", "mode")),
    ),
    "pair": Argument(
        "(1, 2)",
        ("(0.5, 2)", "(1, 2)", "[1, 2]", "(1, (2, 3))"),
        Feature(
            "",
            numbers=("pair[0]", "len(pair)"),
            flags=("pair[1] == 2", "isinstance(pair, list)"),
        ),
    ),
    "opts": Argument(
        "None",
        ("{'k': 2.0}", "{'k': 1.5, 'on': True}", "{'on': 1, 'k': 2.0}", "None"),
        Feature(
            "",
            numbers=("(opts or {}).get('k', 1)", "len(opts or ())"),
            flags=("opts", "'on' in (opts or {})", "[*(opts or 'k')][0] == 'k'"),
            effects=("opts and opts.update(k=3)",),
        ),
    ),
    "record": Argument(
        "None",
        ("Record(1.0)", "Record(2.0, [1])", "Pack(1.0, 2)", "None"),
        Feature(
            "",
            numbers=("getattr(record, 'a', 1)",),
            flags=("record", "record is None", "record == Record(1.0)"),
            effects=("record and setattr(record, 'a', 2)",),
        ),
    ),
    "y": Argument(
        "None",
        ("batch(9)", "batch(<i>)", "None", "weight", "x_like", "held"),
        Feature(
            "",
            tensors=("(1 if y is None else y)",),
            flags=("y is None", "y is x", "y is weight"),
            steps=("if y is not None:\n    <h> = <h> + y",),
        ),
    ),
    "obj": Argument(
        "None",
        ("shared_object", "None", "types.SimpleNamespace(a=1.5)"),
        Feature(
            "",
            numbers=("getattr(obj, 'a', 2)",),
            flags=("obj is None",),
            effects=("obj and setattr(obj, 'a', 3)",),
        ),
    ),
    "function": Argument(
        "abs",
        ("abs", "doubled", "lambda v: v + 1", "steep.tanh", "nn.ReLU()"),
        Feature("", calls=("function(<h>)",), flags=("function is abs",)),
    ),
    "times": Argument(
        "1",
        ("1", "2", "3", "0"),
        Feature("", numbers=("times",), steps=("for _ in range(times):\n    <h> = <h> * 2",)),
    ),
    "target": Argument(
        "None",
        (
            "steep.tensor([0, 1, 2])",
            "steep.tensor([3, 1, <i> % 4])",
            "steep.tensor([3, 1, <i> % 5])",
            "steep.tensor([0, 1])",
        ),
        Feature(
            "",
            tensors=("(1 if target is None else h[target % 3])",),
            calls=(
                "(<h> - F.cross_entropy(<h>, target))",
                "h[target]",
                "h.index_select(0, target)",
            ),
            steps=("if target is not None:\n    <h> = <h> * F.cross_entropy(<h>, target)",),
        ),
    ),
    "array": Argument(
        "None",
        (
            "np.full(4, <i>, np.float32)",
            "np.arange(4.0) * <i>",
            "np.arange(8)[::2]",
            "np.ones((1, 4)) / 3",
            "weight.detach().numpy()",
            "None",
        ),
        Feature(
            "",
            numbers=("(1 if array is None else len(array))",),
            flags=("array is None", "array is not None and array.ndim > 1"),
            tensors=(
                "(1 if array is None else steep.as_tensor(array).float())",
                "(1 if array is None else steep.tensor(array, dtype=steep.float32))",
                "(1 if array is None else steep.from_numpy(array))",
            ),
            steps=(
                "if array is not None:\n    <h> = <h> * steep.as_tensor(array)",
                "if array is not None and array.dtype == 'f':\n    steep.from_numpy(array).add_(1)",
            ),
            effects=("array is not None and array.fill(2)",),
        ),
    ),
    "keys": Argument(
        "()",
        ("('a',)", "['a', 'b']", "{'a'}", "range(2)", "slice(0, 2)"),
        Feature("", flags=("keys == ('a',)", "isinstance(keys, slice)")),
    ),
}
