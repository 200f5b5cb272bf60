"""Recurrent layers beside the table of cases: packed sequences, compiled training, arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import steep
from compiling import Run, Twins, replays
from runner import numpy
from steep import _core
from steep.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence
from test_counts import Counting
from tolerances import same_bits

KINDS = ["RNN", "LSTM", "GRU"]
nn = steep.nn


def made(kind: str, *args: Any, **kwargs: Any) -> Any:
    steep.manual_seed(0)
    return getattr(nn, kind)(*args, dtype=steep.float64, **kwargs)


def hx_of(kind: str, *shape: int) -> Any:
    h, c = steep.randn(2, *shape, dtype=steep.float64).requires_grad_()
    return (h, c) if kind == "LSTM" else h


def states_of(last: Any) -> tuple[Any, ...]:
    return last if isinstance(last, tuple) else (last,)


# ---- packed sequences ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[4, 2, 2, 1], [1, 3, 2], [2, 2], [5]])
@pytest.mark.parametrize("given", [False, True])
def test_packed_sequences_are_each_by_itself(kind: str, lengths: list[int], given: bool) -> None:
    layer = made(kind, 3, 4, 2, bidirectional=True)
    sequences = [steep.randn(n, 3, dtype=steep.float64).requires_grad_() for n in lengths]
    hx = hx_of(kind, 4, len(lengths), 4) if given else None
    packed = pack_sequence(sequences, enforce_sorted=lengths == sorted(lengths, reverse=True))
    out, last = layer(packed, hx)
    assert isinstance(out, PackedSequence)
    assert out.batch_sizes is packed.batch_sizes
    leaves = [*sequences, *layer.parameters()]
    results = [*unpack_sequence(out), *states_of(last)]
    alone = []
    for i, x in enumerate(sequences):
        of_one = None
        if given:
            of_one = tuple(s[:, i : i + 1] for s in states_of(hx))
            of_one = of_one if kind == "LSTM" else of_one[0]
        alone.append(layer(x.unsqueeze(1), of_one))
    expected = [one[0].squeeze(1) for one in alone]
    each = zip(*(states_of(one[1]) for one in alone), strict=True)
    expected += [steep.cat(list(states), 1) for states in each]
    grads = []
    for made_of in (results, expected):
        loss = sum((x * x).sum() for x in made_of)
        grads.append(numpy(steep.autograd.grad(loss, leaves)))
    for got, wanted in zip(numpy(results) + grads[0], numpy(expected) + grads[1], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11)


def test_sizes_that_are_read_keep_a_function_eager() -> None:
    layer = nn.LSTM(3, 4)
    packed = pack_sequence([steep.randn(3, 3), steep.randn(1, 3)])
    compiled = steep.compile(lambda data: layer(PackedSequence(data, packed.batch_sizes))[0].data)
    compiled(packed.data)
    with pytest.warns(UserWarning, match="reads a value into Python"):
        got = compiled(packed.data)
    same_bits(got.detach().numpy(), layer(packed)[0].data.detach().numpy())


# ---- threads ------------------------------------------------------------------------------------


@pytest.fixture
def shared() -> Iterator[None]:
    _core.share_everything(True)
    yield
    _core.share_everything(False)
    _core.set_rank_order("together")


def of_layer(cell: str, batch: int, hidden: int, sizes: tuple[int, ...], reverse: bool) -> Any:
    steep.manual_seed(3)
    gates = {"lstm": 4, "gru": 3}.get(cell, 1)
    x = steep.randn(sum(sizes), 5) if sizes else steep.randn(4, batch, 5)
    shapes = [(batch, hidden), (gates * hidden, 5), (gates * hidden, hidden)]
    h, w, u = [steep.randn(*shape) for shape in shapes]
    biases = [steep.randn(gates * hidden) for _ in range(2)]
    leaves = [t.requires_grad_() for t in (x, h, w, u, *biases)]
    c = steep.randn(batch, hidden) if cell == "lstm" else None
    results = _core.recurrent_layer(x, h, c, w, u, *biases, None, cell, sizes, reverse)
    loss = sum((t * t).sum() for t in results)
    return numpy([*results, *steep.autograd.grad(loss, leaves)])


@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize(
    ("batch", "hidden", "sizes"),
    [(1, 130, ()), (2, 200, ()), (7, 33, ()), (4, 70, (4, 3, 1)), (2, 150, (2, 1, 1))],
)
@pytest.mark.parametrize("order", ["rising", "falling"])
def test_ranks_change_no_bit(
    shared: None, cell: str, batch: int, hidden: int, sizes: tuple[int, ...], order: str
) -> None:
    """Ranks one after the other from barrier to barrier: one that is missing would show."""
    steep.set_num_threads(1)
    reverse = order == "falling"
    alone = of_layer(cell, batch, hidden, sizes, reverse)
    for threads in (2, 3):
        steep.set_num_threads(threads)
        _core.set_rank_order(order)
        for got, expected in zip(of_layer(cell, batch, hidden, sizes, reverse), alone, strict=True):
            same_bits(got, expected)


def test_a_sequence_is_one_launch_a_layer_and_direction() -> None:
    """Besides the product of its inputs, and joining directions and states."""
    x = steep.randn(40, 8, 16)
    for layer, launches in ((nn.GRU(16, 20), 2), (nn.RNN(16, 20, 3), 6 + 3)):
        with steep.no_grad(), Counting() as counted:
            layer(x)
        assert counted["launches"] == launches


# ---- training -----------------------------------------------------------------------------------


class Tagger(nn.Module):
    """Classes of sequences."""

    def __init__(self, kind: str, **settings: Any) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(6, 16, **settings)
        features = 16 * (1 + self.layer.bidirectional)
        self.head = nn.Linear(features, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.layer(x)[0][:, -1])


class Stepped(nn.Module):
    """A cell in a loop of Python's."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cell, self.head = getattr(nn, kind)(6, 16), nn.Linear(16, 4)

    def forward(self, x: Any) -> Any:
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


MODELS = [
    ("LSTM", lambda: Tagger("LSTM", batch_first=True)),
    ("GRU", lambda: Tagger("GRU", batch_first=True, num_layers=2, dropout=0.2)),
    ("RNN", lambda: Tagger("RNN", batch_first=True, bidirectional=True, nonlinearity="relu")),
    ("projected", lambda: Tagger("LSTM", batch_first=True, num_layers=2, bias=False)),
    ("LSTMCell", lambda: Stepped("LSTMCell")),
    ("GRUCell", lambda: Stepped("GRUCell")),
]


@pytest.mark.parametrize(("name", "model"), MODELS, ids=[name for name, _ in MODELS])
@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_training_replays_bit_for_bit(name: str, model: Any, optimizer: str) -> None:
    twins = Twins(lambda: Run(model(), optimizer, lr=0.01))
    for i in range(8):
        steep.manual_seed(i)
        x, y = steep.randn(5, 7, 6), steep.randint(0, 4, (5,))
        steep.manual_seed(i)
        expected = twins.plain.step(x, y)
        steep.manual_seed(i)
        got = twins.compiled(x, y)
        same_bits(got.detach().numpy(), expected.detach().numpy())
        twins.compare()
    assert replays(twins.compiled) > 0, twins.compiled.explain()


def test_a_state_that_is_carried_on() -> None:
    """From one piece of a long sequence to the next, without its history."""
    layer = nn.GRU(3, 5)
    compiled = steep.compile(lambda x, h: layer(x, h.detach()))
    plain = h = steep.zeros(1, 2, 5)
    for i in range(6):
        steep.manual_seed(i)
        x = steep.randn(4, 2, 3)
        out, plain = layer(x, plain.detach())
        got, h = compiled(x, h)
        same_bits(got.detach().numpy(), out.detach().numpy())
        same_bits(h.detach().numpy(), plain.detach().numpy())
    assert replays(compiled) > 0


# ---- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "LSTMCell", "GRUCell"])
def test_parameters_are_drawn_from_the_hidden_size(kind: str) -> None:
    steep.manual_seed(0)
    layer = getattr(nn, kind)(3, 400)
    for p in layer.parameters():
        assert p.abs().max().item() <= 1 / 20
        assert p.abs().max().item() > 0.99 / 20
    before = [p.clone() for p in layer.parameters()]
    layer.reset_parameters()
    assert all((a != b).any() for a, b in zip(before, layer.parameters(), strict=True))


def test_names_of_parameters() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    ends = ["l0", "l0_reverse", "l1", "l1_reverse"]
    assert list(layer.state_dict()) == [f"{kind}_{end}" for end in ends for kind in kinds]
    assert [len(weights) for weights in layer.all_weights] == [5] * 4
    assert layer.all_weights[3][4] is layer.weight_hr_l1_reverse
    assert layer.weight_ih_l1.shape == (16, 4)
    assert layer.weight_hh_l1.shape == (16, 2)
    layer.flatten_parameters()
    layer.weight_hh_l0 = nn.Parameter(steep.zeros(16, 2))
    assert layer.all_weights[0][1] is layer.weight_hh_l0


def test_dropout_behind_the_only_layer_warns() -> None:
    with pytest.warns(UserWarning, match="dropout=0.5 and num_layers=1"):
        nn.GRU(3, 4, dropout=0.5)


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: nn.RNN(3, 4, nonlinearity="sin"), ValueError, "Unknown nonlinearity 'sin'"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="sin"), ValueError, "Unknown nonlinearity 'sin'"),
    (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "smaller than hidden_size, got 4 and 4"),
    (lambda: nn.LSTM(3, 4, proj_size=-1), ValueError, "proj_size should be a positive"),
    (lambda: nn.RNNBase("GRU", 3, 4, proj_size=2), ValueError, "an argument of LSTM alone"),
    (lambda: nn.RNNBase("LSTN", 3, 4), ValueError, "Unrecognized RNN mode: LSTN"),
    (lambda: nn.LSTM(3, 4)(steep.ones(2, 1, 3), steep.ones(1, 1, 4)), TypeError, "a pair of tens"),
    (lambda: nn.GRU(3, 4)(steep.ones(2, 1, 3), (steep.ones(1, 1, 4),)), TypeError, "a tensor, got"),
    (
        lambda: nn.LSTM(3, 4, proj_size=2)(
            steep.ones(2, 1, 3), (steep.ones(1, 1, 2), steep.ones(1, 1, 2))
        ),
        RuntimeError,
        r"Expected hidden\[1\] size \(1, 1, 4\), got \[1, 1, 2\]",
    ),
    (
        lambda: nn.GRU(3, 4)(pack_sequence([steep.ones(2, 5)])),
        RuntimeError,
        "Expected 3, got 5",
    ),
    (
        lambda: nn.GRU(3, 4)(pack_sequence([steep.ones(2, 3)]), steep.ones(1, 2, 4)),
        RuntimeError,
        r"Expected hidden size \(1, 1, 4\), got \[1, 2, 4\]",
    ),
    (lambda: nn.GRU(3, 4)(pack_sequence([steep.ones(2)])), RuntimeError, "must have 2 dimensions"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=lambda x: None)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
