"""Networks of layers, in the names that steep and torch share, so that both run the same code.

Each is a class made for one library: `network(lib, name)` makes the model, and its weights are
numbers of NumPy's, the same for every library.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.layers import VOCABULARY


def _mnist(lib: ModuleType, dropout: bool) -> Any:
    """The network of PyTorch's MNIST example."""
    nn, functional = lib.nn, lib.nn.functional

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
            self.dropout1 = nn.Dropout(0.25) if dropout else nn.Identity()
            self.dropout2 = nn.Dropout(0.5) if dropout else nn.Identity()
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.conv1(x))
            x = functional.relu(self.conv2(x))
            x = self.dropout1(functional.max_pool2d(x, 2))
            x = functional.relu(self.fc1(lib.flatten(x, 1)))
            return self.fc2(self.dropout2(x))

    return Network()


def _resnet18(lib: ModuleType, dropout: bool) -> Any:
    """ResNet-18 (He et al., 2016) for images of 32x32: no stride and no pooling at the start."""
    nn, functional = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self, channels: int, rows: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, rows, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(rows, rows, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(rows), nn.BatchNorm2d(rows)
            self.shortcut = nn.Sequential()
            if stride != 1 or channels != rows:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels, rows, 1, stride, bias=False), nn.BatchNorm2d(rows)
                )

        def forward(self, x: Any) -> Any:
            out = functional.relu(self.bn1(self.conv1(x)))
            return functional.relu(self.bn2(self.conv2(out)) + self.shortcut(x))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
            blocks, channels = [], 64
            for rows, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
                blocks += [Block(channels, rows, stride), Block(rows, rows, 1)]
                channels = rows
            self.blocks, self.fc = nn.Sequential(*blocks), nn.Linear(512, 10)

        def forward(self, x: Any) -> Any:
            x = self.blocks(functional.relu(self.bn(self.conv(x))))
            return self.fc(lib.flatten(functional.avg_pool2d(x, 4), 1))

    return Network()


def _gpt(lib: ModuleType, layers: int, width: int, heads: int, context: int) -> Any:
    """A language model of characters, in the manner of GPT-2 (Radford et al., 2019)."""
    nn, functional = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def attend(self, x: Any) -> Any:
            batch, length, _ = x.shape
            q, k, v = (
                part.reshape(batch, length, heads, width // heads).transpose(1, 2)
                for part in self.qkv(x).split(width, 2)
            )
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.project(out.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.ln1(x))
            return x + self.narrow(functional.gelu(self.widen(self.ln2(x))))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(VOCABULARY, width)
            self.position = nn.Embedding(context, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.ln, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)
            self.register_buffer("places", lib.arange(context))

        def forward(self, x: Any) -> Any:
            x = self.token(x) + self.position(self.places)
            return self.head(self.ln(self.blocks(x))).reshape(-1, VOCABULARY)

    return Network()


def _sequence(lib: ModuleType, dropout: bool) -> Any:
    """An LSTM over a sequence, and a number at each of its steps."""
    nn = lib.nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = nn.LSTM(16, 32), nn.Linear(32, 1)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0])

    return Network()


_NETWORKS = {
    "mnist": _mnist,
    "resnet18": _resnet18,
    "gpt_4x64": lambda lib, dropout: _gpt(lib, 4, 64, 4, 16),
    "gpt_6x384": lambda lib, dropout: _gpt(lib, 6, 384, 6, 256),
    "sequence": _sequence,
}


def network(lib: ModuleType, name: str, dropout: bool = True) -> Any:
    """The network, its weights drawn by NumPy: uniform within 1 / sqrt(fan in), norms' as made."""
    model = _NETWORKS[name](lib, dropout)
    generator = np.random.default_rng(0)
    with lib.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                continue
            bound = 1 / math.sqrt(math.prod(parameter.shape[1:]))
            drawn = generator.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(lib.from_numpy(drawn))
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 and "bias" in name:
                parameter.zero_()
    return model
