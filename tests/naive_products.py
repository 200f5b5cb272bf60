"""The packed matrix product beside the plain loops that say what it computes: the same bits.

Run as ``python tests/naive_products.py``: compares them on the level that STEEP_CPU chooses, and
prints how many products there were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import product_cases
import steep
from cases.row import Array
from product_cases import DTYPES, LAYOUTS, Size, matrix, placed
from steep import _core

IN_REGISTERS = ("none", "relu", "leaky_relu", "relu_backward", "tanh_backward", "sigmoid_backward")
ENDS = (*IN_REGISTERS, "tanh", "sigmoid")
BATCHES = ("alone", "stacked", "shared")  # one product; three; three of one right operand


@dataclass(frozen=True)
class Case:
    """A product with all that a launch of the kernel may ask for."""

    size: Size
    layout: str
    dtype: str
    batch: str
    end: str
    bias: bool
    accumulate: bool
    gap: int  # elements between rows

    def operand(self, array: Array, letter: str, many: bool) -> steep.Tensor:
        if not many:
            return placed(array, letter == "T", self.gap)
        stacked = steep.stack([placed(array * (1 + i), letter == "T") for i in range(3)])
        return stacked.transpose(1, 2).contiguous().transpose(1, 2) if letter == "T" else stacked

    def operands(self) -> tuple[steep.Tensor, steep.Tensor]:
        a, b = product_cases.operands(self.size, self.dtype)
        x = self.operand(a, self.layout[0], self.batch != "alone")
        y = self.operand(b, self.layout[1], self.batch == "stacked")
        return x, y.unsqueeze(0).expand(3, *y.shape) if self.batch == "shared" else y

    def room(self) -> steep.Tensor:
        """What C lies in: rows apart, and something in it."""
        m, _, n = self.size
        count = 1 if self.batch == "alone" else 3
        drawn = matrix(count * m, n + self.gap, self.dtype, 11 * m + n)
        room = steep.from_numpy(drawn.copy()).view(count, m, n + self.gap)
        return room[0] if self.batch == "alone" else room


def run(case: Case, x: steep.Tensor, y: steep.Tensor, naive: bool) -> Array:
    """C, and what lies between its rows."""
    m, _, n = case.size
    room = case.room()
    out = room[..., :n]
    curved = case.end in ("tanh", "sigmoid")
    bias = steep.from_numpy(matrix(1, n, case.dtype, m)[0].copy()) if case.bias else None
    aux = None
    if case.end.endswith("backward"):
        drawn = matrix(out.numel() // n, n, case.dtype, 5 * m)
        aux = steep.from_numpy(np.tanh(drawn)).view(out.shape)
    _core.product_into(
        out,
        x,
        y,
        bias=bias,
        aux=aux,
        activation="none" if naive and curved else case.end,
        accumulate=case.accumulate,
        naive=naive,
    )
    if naive and curved:
        out.copy_(getattr(steep, case.end)(out.contiguous()))
    return room.numpy()


def assert_same_bits(got: Array, want: Array, case: object) -> None:
    """Bit for bit; a NaN is a NaN."""
    nan = np.isnan(want)
    assert np.array_equal(np.isnan(got), nan), case
    differ = (got.view(f"i{got.itemsize}") != want.view(f"i{want.itemsize}")) & ~nan
    assert not differ.any(), (case, np.argwhere(differ)[:3], got[differ][:3], want[differ][:3])


def compare(case: Case) -> None:
    x, y = case.operands()
    want = run(case, x, y, naive=True)
    steep.set_num_threads(1)
    assert_same_bits(run(case, x, y, naive=False), want, case)
    if case.size[2] % 2:
        steep.set_num_threads(3)
        _core.share_everything(True)
        assert_same_bits(run(case, x, y, naive=False), want, case)
        _core.share_everything(False)
        steep.set_num_threads(1)


def cases() -> Iterator[Case]:
    """Every layout and dtype with a part of the sizes each; the rest in turn."""
    count = 0
    for dtype in DTYPES:
        for layout in LAYOUTS:
            some = product_cases.sizes(layout, dtype)
            large = [s for s in some if s[0] * s[1] * s[2] > 100_000]
            light = [s for s in some if s[0] * s[1] * s[2] <= 100_000]
            for size in [*light[::2], *large[:: 4 if dtype == "float32" else 8]]:
                count += 1
                yield Case(
                    size,
                    layout,
                    dtype,
                    batch=BATCHES[count % 3] if size[0] * size[1] * size[2] < 30_000 else "alone",
                    end=ENDS[count % 8],
                    bias=count % 5 < 2,
                    accumulate=count % 7 < 3,
                    gap=count % 4 // 3 * 3,
                )


def main() -> None:
    count = 0
    for case in cases():
        compare(case)
        count += 1
    print(_core.cpu_level(), count)


if __name__ == "__main__":
    main()
