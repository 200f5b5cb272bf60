"""Parameters, flops, shapes and memory of known networks."""

from __future__ import annotations

import numpy as np
import pytest

import steep
from steep import nn
from steep.viz import summary


def lenet() -> nn.Sequential:
    """LeNet-5 with ReLU and max pooling, for 28x28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def test_lenet() -> None:
    found = summary(lenet(), (1, 1, 28, 28))
    assert found.parameters == found.trainable == 61_706
    # 117,600 + 240,000 + 48,000 + 10,080 + 840 multiply-adds
    assert found.flops == 2 * 416_520
    assert found["0"].output == (1, 6, 28, 28)
    assert found["3"].flops == 2 * 240_000
    assert found["5"].output == (1, 16, 5, 5)
    assert found.parameter_bytes == 4 * 61_706
    assert found.input_bytes == 4 * 784
    assert found.result_bytes == 4 * (2 * 4704 + 1176 + 2 * 1600 + 2 * 400 + 2 * 120 + 2 * 84 + 10)


def test_flops_grow_with_the_batch() -> None:
    assert summary(lenet(), (7, 1, 28, 28)).flops == 7 * 2 * 416_520


@pytest.mark.parametrize(
    ("layer", "size", "flops"),
    [
        (nn.Linear(3, 5, bias=False), (2, 4, 3), 2 * 2 * 4 * 15),
        (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 10), 2 * 2 * 8 * 6 * 2 * 3),
        # As Winograd's algorithm computes them, with fewer multiplications.
        (nn.Conv2d(64, 64, 3, padding=1), (1, 64, 8, 8), 2 * 64 * 64 * 64 * 9),
        (nn.ConvTranspose2d(3, 5, 2, stride=2), (1, 3, 4, 4), 2 * 3 * 16 * 5 * 4),
        (nn.LSTM(4, 8), (5, 2, 4), 2 * 10 * 4 * 8 * (4 + 8)),
        (nn.GRU(4, 8, num_layers=2), (5, 2, 4), 2 * 10 * 3 * 8 * (12 + 16)),
        (nn.RNN(4, 8, bidirectional=True), (5, 2, 4), 2 * 10 * 2 * 8 * 12),
        (nn.BatchNorm1d(4), (8, 4), 0),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, nn.Module) else None,
)
def test_flops_of_layers(layer: nn.Module, size: tuple[int, ...], flops: int) -> None:
    assert summary(layer, size).flops == flops


def test_attention_whichever_way_it_is_computed() -> None:
    """Projections and two products for each score, alone and within a transformer's layer."""
    batch, length, size = 2, 5, 16
    expected = 2 * batch * (length * size * size * 4 + 2 * length * length * size)
    attention = nn.MultiheadAttention(size, 4, batch_first=True)
    assert summary(attention, [(batch, length, size)] * 3).flops == expected
    layer = nn.TransformerEncoderLayer(size, 4, 32, batch_first=True)
    found = summary(layer, (batch, length, size))
    assert found["self_attn"].flops == expected
    assert found.flops == expected + 2 * 2 * batch * length * size * 32


def test_products_in_a_models_own_code() -> None:
    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.keys = nn.Linear(8, 6)

        def forward(self, x: steep.Tensor) -> steep.Tensor:
            return self.keys(x) @ self.keys(x).T

    found = summary(Scores(), (4, 8))
    assert found["keys"].calls == 2
    assert found["keys"].flops == 2 * (2 * 4 * 8 * 6)
    assert found.flops == found["keys"].flops + 2 * 4 * 4 * 6
    assert "Linear x2" in str(found)


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Linear(4, 4))
    model[1].weight = layer.weight
    model[1].bias.requires_grad_(False)
    found = summary(model)
    assert (found.parameters, found.trainable) == (24, 20)
    assert found["1"].parameters == 4


def test_without_input_there_are_parameters_alone() -> None:
    text = str(summary(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))))
    assert text.splitlines()[0].split() == ["layer", "kind", "parameters"]
    assert text.splitlines()[-1] == "15 parameters (15 to be trained), 60 B; buffers 32 B"


def test_model_and_random_numbers_are_as_before() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[1].eval()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    state = steep.get_rng_state()
    summary(model, (8, 4))
    assert [m.training for m in model.modules()] == [True, True, False, True]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert (steep.get_rng_state() == state).all()
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._hooks for m in model.modules())


def test_random_numbers_of_a_forward_are_given_back() -> None:
    class Noise(nn.Module):
        def forward(self, x: steep.Tensor) -> steep.Tensor:
            return x + steep.randn(*x.shape)

    state = steep.get_rng_state()
    summary(Noise(), (2, 3))
    assert (steep.get_rng_state() == state).all()


def test_embedding_takes_integers() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    found = summary(model, (3, 5), dtypes=[steep.int64])
    assert found["0"].output == (3, 5, 4)
    assert summary(model, (3, 5), dtypes=steep.int64).flops == found.flops
    assert summary(model, steep.zeros(3, 5, dtype=steep.int64)).flops == found.flops == 2 * 15 * 8


def test_depth_shortens_the_table_alone() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.ReLU())
    assert "0.0" in str(summary(model, (1, 2)))
    assert "0.0" not in str(summary(model, (1, 2), depth=1))
    assert summary(model, (1, 2), depth=1)["0.0"].parameters == 6


def test_what_cannot_be() -> None:
    model = nn.Linear(2, 3)
    with pytest.raises(TypeError, match="expected a model"):
        summary(lambda x: x, (1, 2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="whole numbers"):
        summary(model, (1, 2.5))
    with pytest.raises(TypeError, match="sizes or tensors"):
        summary(model, "2")
    with pytest.raises(TypeError, match="got dict; several are a tuple"):
        summary(model, {"input": steep.zeros(50, 2)})
    with pytest.raises(ValueError, match="0 or more"):
        summary(model, (-1, 2))
    with pytest.raises(ValueError, match="a dtype for each of 1"):
        summary(model, (1, 2), dtypes=[steep.float32, steep.float32])
    with pytest.raises(KeyError, match="no layer 'x'"):
        summary(model, (1, 2))["x"]
    with pytest.raises(RuntimeError, match="Linear"):  # the model's own
        summary(model, (1, 7))
    summary(model, (1, 2))  # hooks and profile have gone
