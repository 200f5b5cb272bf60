"""Initialisation: PyTorch's formulas and its random stream."""

from __future__ import annotations

import math

import numpy as np
import pytest

import steep
from steep import nn

# ---- initialisation ---------------------------------------------------------------------------


def test_linear_draws_as_pytorch():
    # torch 2.13: torch.manual_seed(0); torch.nn.Linear(3, 2)
    steep.manual_seed(0)
    layer = nn.Linear(3, 2)
    weight = [
        [-0.004322517663240433, 0.3097158372402191, -0.4751853346824646],
        [-0.4248946011066437, -0.2223689705133438, 0.15482072532176971],
    ]
    np.testing.assert_array_equal(np.float32(layer.weight.tolist()), np.float32(weight))
    bias = [-0.011439144611358643, 0.45777493715286255]
    np.testing.assert_array_equal(np.float32(layer.bias.tolist()), np.float32(bias))


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        # torch 2.13, each after torch.manual_seed(0), on torch.empty(2, 3)
        (
            nn.init.xavier_normal_,
            [0.97461152, -0.18558073, -1.37798738, 0.35950750, -0.68591213, -0.88454938],
        ),
        (
            lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
            [1.54099607, -0.29342890, -2.17878940, 0.56843126, -1.08452237, -1.39859545],
        ),
        (
            lambda w: nn.init.trunc_normal_(w, a=-0.5, b=0.5),
            [0.40334684, -0.29342890, 0.37039354, -0.40334353, -0.02087947, 0.18203649],
        ),
    ],
)
def test_init_draws_as_pytorch(fill, expected):
    steep.manual_seed(0)
    got = np.asarray(fill(steep.empty(2, 3)).tolist()).ravel()
    np.testing.assert_allclose(got, expected, rtol=3e-7)


def test_init_constants():
    assert nn.init.eye_(steep.empty(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert nn.init.ones_(steep.empty(2)).tolist() == [1.0, 1.0]
    assert nn.init.zeros_(steep.empty(2)).tolist() == [0.0, 0.0]
    w = nn.Parameter(steep.empty(2))
    assert nn.init.constant_(w, 4.0) is w
    assert w.is_leaf


def test_init_bounds():
    w = nn.init.kaiming_uniform_(steep.empty(50, 20), a=math.sqrt(5))
    assert np.abs(np.asarray(w.tolist())).max() <= 1 / math.sqrt(20)
    w = nn.init.xavier_uniform_(steep.empty(50, 20), gain=2.0)
    assert 1.9 * math.sqrt(6 / 70) < np.abs(np.asarray(w.tolist())).max() <= 2 * math.sqrt(6 / 70)
    w = np.asarray(nn.init.trunc_normal_(steep.empty(500), a=1.5, b=2.5).tolist())
    assert w.min() >= 1.5
    assert w.max() <= 2.5


def test_gain():
    assert nn.init.calculate_gain("tanh") == 5 / 3
    assert nn.init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    with pytest.raises(ValueError, match="Unsupported nonlinearity gelu"):
        nn.init.calculate_gain("gelu")


def test_init_errors():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_uniform_(steep.empty(3))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        nn.init.kaiming_normal_(steep.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.init.eye_(steep.empty(3))
