"""What the tests of `steep.train.fit` share: small data, small networks, the loop by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import steep
from steep import Tensor, nn
from steep.data import DataLoader, Dataset, TensorDataset
from steep.train import fit

Arrays = tuple[Tensor, Tensor]
LOSS = nn.CrossEntropyLoss()


def blobs(count: int = 90, classes: int = 3, columns: int = 4, seed: int = 0) -> Arrays:
    """Points around a centre for each class, and their classes."""
    source = steep.Generator()
    source.manual_seed(seed)
    y = steep.randint(0, classes, (count,), generator=source)
    centres = steep.randn(classes, columns, generator=source)
    return 2 * centres[y] + steep.randn(count, columns, generator=source), y


def network(columns: int = 4, outputs: int = 3, seed: int = 0, dropout: float = 0.0) -> nn.Module:
    """A small network, always with the same weights."""
    steep.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(columns, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, outputs)
    )


def weights(model: nn.Module) -> list[Tensor]:
    """Copies of all parameters and buffers."""
    return [t.detach().clone() for t in model.state_dict().values()]


def same(one: Iterable[Tensor], other: Iterable[Tensor]) -> bool:
    """Whether tensors have the same bits."""
    return all(steep.equal(a, b) for a, b in zip(one, other, strict=True))


def by_hand(
    model: nn.Module,
    loss: Callable[..., Tensor],
    optimizer: Any,
    data: Arrays,
    *,
    epochs: int,
    batch_size: int = 32,
    validation: Arrays | None = None,
    after_step: Callable[[], Any] = lambda: None,
    after_epoch: Callable[[], Any] = lambda: None,
    before_step: Callable[[], Any] = lambda: None,
    generator: steep.Generator | None = None,
) -> dict[str, list[float]]:
    """The loop that `fit` stands for, as everybody writes it."""
    columns: dict[str, list[float]] = {"loss": [], "val_loss": []}
    loader = DataLoader(TensorDataset(*data), batch_size, shuffle=True, generator=generator)
    for _ in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            before_step()
            optimizer.step()
            after_step()
            total += value.item() * len(y)
        columns["loss"].append(total / len(data[1]))
        if validation is not None:
            model.eval()
            total = 0.0
            with steep.no_grad():
                for x, y in DataLoader(TensorDataset(*validation), batch_size):
                    total += loss(model(x), y).item() * len(y)
            columns["val_loss"].append(total / len(validation[1]))
        after_epoch()
    return columns


class Pairs(Dataset[Any]):
    """The samples of tensors one by one: not the loader's fast path."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __getitem__(self, index: Any) -> Any:
        return self.x[index], self.y[index]

    def __len__(self) -> int:
        return len(self.x)


def adam(model: nn.Module, lr: float = 0.01) -> Any:
    return steep.optim.Adam(model.parameters(), lr=lr)


def fitted(data: Any, *, epochs: int = 6, dropout: float = 0.2, **more: Any) -> Any:
    """A model that `fit` has trained, and its history."""
    model = network(dropout=dropout)
    optimizer = adam(model)
    return model, fit(model, LOSS, optimizer, data, epochs=epochs, progress=False, **more)
