"""What the convolution layers share: arguments, parameters, padding by other modes, repr."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from steep._core import Tensor, dtype, empty, pad
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["ConvNd", "Sizes"]

Sizes = int | Sequence[int]

_MODES = ("zeros", "reflect", "replicate", "circular")


def _padded(x: Tensor, mode: str, sides: Sequence[tuple[int, int]]) -> Tensor:
    """The last axes of `x` continued beyond their ends."""
    if not any(map(any, sides)):
        return x
    return pad(x, [side for pair in reversed(sides) for side in pair], mode)


def _whole(layer: Module, name: str, value: Any) -> int:
    """A setting as a whole number; TypeError if it is none."""
    try:
        return int(operator.index(value))
    except TypeError:
        raise TypeError(
            f"{type(layer).__name__}: expected {name} to be whole numbers, got {value!r}"
        ) from None


class ConvNd(Module):
    """What the six classes share: arguments, parameters, repr."""

    _axes: ClassVar[int]
    _transposed: ClassVar[bool] = False

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Parameter
    bias: Parameter | None

    def _set_up(
        self,
        channels: tuple[int, int],
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes | str,
        dilation: Sizes,
        output_padding: Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: dtype | None,
    ) -> None:
        check_cpu(type(self).__name__, device)
        self.in_channels = _whole(self, "in_channels", channels[0])
        self.out_channels = _whole(self, "out_channels", channels[1])
        groups = _whole(self, "groups", groups)
        self._check(groups, padding, stride, padding_mode)
        self.kernel_size = self._for_axes("kernel_size", kernel_size)
        self.stride = self._for_axes("stride", stride)
        self.padding = padding if isinstance(padding, str) else self._for_axes("padding", padding)
        self.dilation = self._for_axes("dilation", dilation)
        self.transposed = self._transposed
        self.output_padding = self._for_axes("output_padding", output_padding)
        self.groups, self.padding_mode = groups, padding_mode
        self._make_parameters(bias, dtype)
        self.reset_parameters()

    def _make_parameters(self, bias: bool, dtype: dtype | None) -> None:
        self.weight = Parameter(empty(self._weight_shape(), dtype=dtype))
        if bias:
            self.bias = Parameter(empty((self.out_channels,), dtype=dtype))
        else:
            self.register_parameter("bias", None)

    def _weight_shape(self) -> tuple[int, ...]:
        first, second = self.out_channels, self.in_channels
        if self._transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def _check(self, groups: int, padding: Sizes | str, stride: Sizes, padding_mode: str) -> None:
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, channels in (("in", self.in_channels), ("out", self.out_channels)):
            if channels % groups:
                raise ValueError(f"{name}_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of 'valid', 'same'"
                )
            if padding == "same" and any(s != 1 for s in self._for_axes("stride", stride)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {_MODES}, but got {padding_mode!r}")
        if self._transposed and padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')

    def _for_axes(self, name: str, given: Sizes) -> tuple[int, ...]:
        several = isinstance(given, Sequence) and not isinstance(given, str)
        sizes = tuple(given) if several else (given,) * self._axes  # type: ignore[arg-type]
        if len(sizes) != self._axes:
            raise ValueError(
                f"{type(self).__name__}: expected {name} as one number or {self._axes}, got {given}"
            )
        return tuple(_whole(self, name, size) for size in sizes)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _sides(self) -> list[tuple[int, int]]:
        """How many elements are added in front of and behind each axis."""
        if self.padding == "valid":
            return [(0, 0)] * self._axes
        if isinstance(self.padding, str):
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [(t // 2, t - t // 2) for t in total]
        return [(p, p) for p in self.padding]

    @cached_property
    def _reversed_padding_repeated_twice(self) -> tuple[int, ...]:
        """What `pad` takes to do the padding alone; subclasses written for PyTorch ask for it."""
        return tuple(side for pair in reversed(self._sides()) for side in pair)

    def _convolved(
        self, function: Any, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        padding: tuple[int, ...] | str = self.padding
        if self.padding_mode != "zeros":
            input, padding = _padded(input, self.padding_mode, self._sides()), "valid"
        result: Tensor = function(
            input, weight, bias, self.stride, padding, self.dilation, self.groups
        )
        return result

    def _transposed_of(
        self, function: Any, input: Tensor, output_size: Sequence[int] | None
    ) -> Tensor:
        more = self.output_padding if output_size is None else self._missing(input, output_size)
        result: Tensor = function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            more,
            self.groups,
            self.dilation,
        )
        return result

    def _missing(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that leads to `output_size`."""
        wanted = tuple(output_size)[-self._axes :]
        if len(output_size) not in (self._axes, input.dim()):
            raise ValueError(
                f"{type(self).__name__}: for {input.dim()}D input, output_size must have "
                f"{self._axes} or {input.dim()} elements (got {len(output_size)})"
            )
        found = []
        for i, size in enumerate(input.shape[-self._axes :]):
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            least = (size - 1) * self.stride[i] - 2 * int(self.padding[i]) + reach
            if not least <= wanted[i] < least + self.stride[i]:
                raise ValueError(
                    f"requested an output size of {wanted}, but axis {i} can have sizes from "
                    f"{least} to {least + self.stride[i] - 1} (for an input of "
                    f"{tuple(input.shape)})"
                )
            found.append(wanted[i] - least)
        return tuple(found)

    def extra_repr(self) -> str:
        """Channels and kernel, and what is not as by default."""
        plain = (0,) * self._axes
        parts = [f"{self.in_channels}, {self.out_channels}"]
        parts += [f"kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != plain:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self._axes:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != plain:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)
