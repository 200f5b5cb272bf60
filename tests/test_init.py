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


# ---- structured weights -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (4, 2, 3)])
@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_orthogonal_is_orthogonal_and_as_drawn(shape, dtype):
    steep.manual_seed(0)
    w = nn.Parameter(steep.empty(shape, dtype=dtype))
    assert nn.init.orthogonal_(w, gain=2.0) is w
    rows = shape[0]
    got = np.asarray(w.tolist()).reshape(rows, -1)
    small = got @ got.T if rows <= got.shape[1] else got.T @ got
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)
    # What was drawn is Q times a triangle with a positive diagonal.
    steep.manual_seed(0)
    drawn = np.asarray(steep.empty(got.shape, dtype=dtype).normal_().tolist())
    if rows < got.shape[1]:
        drawn, got = drawn.T, got.T
    r = got.T @ drawn / 2
    np.testing.assert_allclose(r, np.triu(r), atol=1e-5)
    assert (np.diag(r) > 0).all()


def test_orthogonal_draws_as_pytorch():
    # torch 2.13: torch.manual_seed(0); torch.nn.init.orthogonal_(torch.empty(2, 2))
    steep.manual_seed(0)
    w = nn.init.orthogonal_(steep.empty(2, 2))
    np.testing.assert_allclose(
        w.tolist(),
        [[0.5774399042129517, 0.8164330720901489], [-0.8164330720901489, 0.5774400234222412]],
        rtol=1e-6,
    )


def test_sparse_has_its_zeros_and_draws_as_pytorch():
    # torch 2.13: torch.manual_seed(0); torch.nn.init.sparse_(torch.empty(3, 2), 0.3, 1.0)
    steep.manual_seed(0)
    w = nn.init.sparse_(steep.empty(3, 2), 0.3, 1.0)
    np.testing.assert_allclose(
        w.tolist(),
        [
            [0.0, -0.293428897857666],
            [-2.1787893772125244, 0.0],
            [-1.0845223665237427, -1.3985954523086548],
        ],
        rtol=3e-7,
    )
    w = nn.init.sparse_(steep.empty(50, 4), 0.31)
    assert (w == 0).sum(0).tolist() == [16] * 4
    drawn = []
    for _ in range(2):
        generator = steep.Generator()
        generator.manual_seed(3)
        drawn.append(nn.init.sparse_(steep.empty(9, 9), 0.5, generator=generator).tolist())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("shape", "groups"), [((2, 3, 3), 1), ((4, 2, 3, 2), 2), ((3, 1, 1, 2, 3), 3)]
)
def test_dirac_passes_channels_on(shape, groups):
    got = np.asarray(nn.init.dirac_(steep.ones(shape), groups).tolist())
    expected = np.zeros(shape)
    per_group = shape[0] // groups
    for out in range(shape[0]):
        if out % per_group < shape[1]:
            expected[(out, out % per_group, *(size // 2 for size in shape[2:]))] = 1
    np.testing.assert_array_equal(got, expected)


DRAWING = {
    "uniform_": {},
    "normal_": {},
    "trunc_normal_": {"std": 0.4, "a": 0.1},
    "xavier_uniform_": {},
    "xavier_normal_": {},
    "kaiming_uniform_": {},
    "kaiming_normal_": {},
    "orthogonal_": {},
    "sparse_": {"sparsity": 0.5},
}


@pytest.mark.parametrize("name", DRAWING)
def test_draws_come_from_the_generator_given(name):
    fill = getattr(nn.init, name)
    steep.manual_seed(7)
    expected = fill(steep.empty(4, 5), **DRAWING[name]).tolist()
    generator = steep.Generator()
    generator.manual_seed(7)
    state = steep.get_rng_state().tolist()
    w = nn.Parameter(steep.empty(4, 5))
    assert fill(w, **DRAWING[name], generator=generator) is w
    assert w.tolist() == expected
    assert w.is_leaf
    assert steep.get_rng_state().tolist() == state


GAINS = dict.fromkeys(nn.init._LINEAR, 1.0) | {"tanh": 5 / 3, "relu": 2**0.5, "selu": 0.75}


@pytest.mark.parametrize("name", GAINS)
def test_gain_of_each_nonlinearity(name):
    assert nn.init.calculate_gain(name) == GAINS[name]
    assert nn.init.calculate_gain("leaky_relu", 2) == pytest.approx((2 / 5) ** 0.5)


def test_older_names_warn():
    for name in ("uniform", "normal", "eye", "xavier_uniform", "kaiming_normal", "orthogonal"):
        with pytest.warns(FutureWarning, match=f"nn.init.{name}` is now deprecated in favor of"):
            getattr(nn.init, name)(steep.empty(2, 2))
    with pytest.warns(FutureWarning, match="deprecated"):
        assert nn.init.constant(steep.empty(2), val=3.0).tolist() == [3.0, 3.0]


BAD = [
    (lambda: nn.init.orthogonal_(steep.empty(3)), "2 or more dimensions"),
    (lambda: nn.init.sparse_(steep.empty(3), 0.1), "with 2 dimensions"),
    (lambda: nn.init.dirac_(steep.empty(3, 3)), "3, 4, or 5 dimensions"),
    (lambda: nn.init.dirac_(steep.empty(3, 3, 1), 2), "dim 0 must be divisible by groups"),
    (lambda: nn.init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
]


@pytest.mark.parametrize(("call", "text"), BAD, ids=lambda x: None)
def test_structured_weights_refuse(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_orthogonal_of_nothing_is_nothing():
    assert tuple(nn.init.orthogonal_(steep.empty(0, 3)).shape) == (0, 3)


def test_fans_by_the_names_that_layers_of_others_call():
    for shape, expected in (((2, 3), (3, 2)), ((4, 3, 5, 2), (30, 40))):
        weight = steep.empty(*shape)
        assert nn.init._calculate_fan_in_and_fan_out(weight) == expected
        fans = [nn.init._calculate_correct_fan(weight, mode) for mode in ("fan_in", "FAN_OUT")]
        assert fans == list(expected)
    with pytest.raises(ValueError, match="Mode fan not supported"):
        nn.init._calculate_correct_fan(weight, "fan")


def test_a_module_without_drawing():
    steep.manual_seed(3)
    expected = steep.rand(2)
    steep.manual_seed(3)
    layer = steep.nn.utils.skip_init(steep.nn.Linear, 2, 3, bias=False)
    assert steep.equal(steep.rand(2), expected)
    assert layer.weight.shape == (3, 2)
    assert layer.bias is None
    with pytest.raises(RuntimeError, match="Expected a Module"):
        steep.nn.utils.skip_init(int)
    with pytest.raises(RuntimeError, match="'device' arg"):
        steep.nn.utils.skip_init(steep.nn.ReLU)
    with pytest.raises(RuntimeError, match="expected device 'cpu'"):
        steep.nn.utils.skip_init(steep.nn.Linear, 2, 3, device="cuda")
