"""Functions of steep.nn.functional that are made of several operations."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from steep.autograd import gradcheck
from steep.reference import sampling
from tolerances import close, same_bits

F = steep.nn.functional
RNG = np.random.default_rng(11)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


# ---- grids --------------------------------------------------------------------------------------

MODES = [("bilinear", 2), ("bilinear", 3), ("nearest", 2), ("nearest", 3), ("bicubic", 2)]
PADDINGS = ("zeros", "border", "reflection")


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("mode", "axes"), MODES)
def test_grid_sample_reads_what_the_formula_says(
    mode: str, axes: int, padding: str, align: bool
) -> None:
    """Images of several sizes, of 1 too, at places within and far outside."""
    for sizes in ((3, 4, 5)[:axes], (1, 2, 1)[:axes]):
        image = RNG.normal(size=(2, 3, *sizes))
        grid = RNG.uniform(-2.7, 2.7, (2, *(2, 3, 2)[:axes], axes))
        expected = sampling.grid_sample(image, grid, mode, padding, align)
        found = F.grid_sample(double(image), double(grid), mode, padding, align)
        close(found.numpy(), expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("mode", "axes"), MODES)
def test_gradients_of_grid_sample(mode: str, axes: int, padding: str) -> None:
    image = double(RNG.normal(size=(1, 2, *(3, 4, 3)[:axes]))).requires_grad_()
    grid = double(RNG.uniform(-1.2, 1.2, (1, *(2,) * axes, axes))).requires_grad_()
    assert gradcheck(lambda x, g: F.grid_sample(x, g, mode, padding, False), (image, grid))


def test_grid_sample_of_a_nan_reads_what_lies_outside() -> None:
    image = steep.ones(1, 1, 2, 2)
    place = steep.full((1, 1, 1, 2), float("nan"))
    assert F.grid_sample(image, place).item() == 0


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (1, 1, 1, 3), (2, 1, 2, 1, 3)])
def test_affine_grid_maps_every_element(size: tuple[int, ...], align: bool) -> None:
    axes = len(size) - 2
    theta = RNG.normal(size=(size[0], axes, axes + 1))
    expected = sampling.affine_grid(theta, size, align)
    close(F.affine_grid(double(theta), size, align).numpy(), expected)
    assert gradcheck(lambda x: F.affine_grid(x, size, align), (double(theta).requires_grad_(),))


def test_a_spatial_transformer_is_replayed() -> None:
    """A learned map, its grid and the image under it."""
    image = steep.from_numpy(RNG.normal(size=(2, 1, 5, 5)).astype(np.float32))
    theta = steep.tensor([[[1.0, 0.1, 0.0], [0.0, 0.9, 0.1]]] * 2, requires_grad=True)

    def step(x: Any) -> Any:
        out = F.grid_sample(x, F.affine_grid(theta, (2, 1, 4, 4), False), align_corners=False)
        return steep.autograd.grad((out * out).sum(), theta)[0]

    compiled = steep.compile(step)
    for i in range(6):
        same_bits(compiled(image + i).numpy(), step(image + i).numpy())
    assert replays(compiled) > 0, compiled.explain()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x, g: F.grid_sample(x, g, "cubic"), ValueError, "'bicubic', but got: 'cubic'"),
        (lambda x, g: F.grid_sample(x, g, padding_mode="wrap"), ValueError, "but got: 'wrap'"),
        (lambda x, g: F.grid_sample(x[0], g), RuntimeError, "4D or 5D input"),
        (lambda x, g: F.grid_sample(x, g[:1]), RuntimeError, "batch size"),
        (lambda x, g: F.grid_sample(x, g[..., :1]), RuntimeError, "2 numbers a place"),
        (lambda x, g: F.grid_sample(x, g.float()), RuntimeError, "same float dtype"),
        (lambda x, g: F.grid_sample(x[:, :, :0], g), RuntimeError, "non-empty spatial"),
        (lambda x, g: F.affine_grid(g, (2, 1, 3)), NotImplementedError, "4D and 5D sizes"),
        (lambda x, g: F.affine_grid(x, (2, 1, 3, 3)), ValueError, "shape 2x2x3"),
        (lambda x, g: F.affine_grid(g[0].long(), (2, 1, 3, 3)), ValueError, "floating point"),
        (lambda x, g: F.affine_grid(g[:, :2, :1, 0], (0, 1, 3, 3)), ValueError, "shape 0x2x3"),
    ],
)
def test_grids_that_do_not_fit_are_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call(double(np.ones((2, 3, 4, 4))), double(np.ones((2, 2, 2, 2))))
    assert text in str(caught.value)


# ---- distances, draws and losses ----------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.7, 2.0, 3.0, float("inf")])
def test_pdist_is_the_norm_of_each_difference(p: float) -> None:
    x = RNG.normal(size=(5, 3))
    x[4] = x[1]
    pairs = itertools.combinations(x, 2)
    expected = [np.linalg.norm(a - b, p) for a, b in pairs]
    close(F.pdist(double(x), p).numpy(), np.array(expected, np.float64))
    apart = double(x[:4]).requires_grad_()
    if p:
        assert gradcheck(lambda x: F.pdist(x, p), (apart,))
    equal = double(x).requires_grad_()
    F.pdist(equal * 1, p).sum().backward()
    assert np.isfinite(equal.grad.numpy()).all()


def test_pdist_of_few_rows_and_no_columns() -> None:
    assert F.pdist(steep.ones(1, 3)).tolist() == []
    assert F.pdist(steep.ones(0, 3)).tolist() == []
    assert F.pdist(steep.ones(3, 0)).tolist() == [0.0] * 3
    for x, p in ((steep.ones(3), 2.0), (steep.ones(3, 2).long(), 2.0), (steep.ones(3, 2), -1.0)):
        with pytest.raises(RuntimeError, match="pdist only supports"):
            F.pdist(x, p)


def test_gumbel_softmax_draws_classes_by_their_probabilities() -> None:
    steep.manual_seed(0)
    chances = np.array([0.1, 0.2, 0.7])
    logits = steep.tensor(np.log(chances).tolist()).expand(20000, 3)
    drawn = F.gumbel_softmax(logits, hard=True)
    assert drawn.unique().tolist() == [0.0, 1.0]
    assert np.abs(drawn.mean(0).numpy() - chances).max() < 0.015


def test_gradient_of_hard_draws_is_that_of_soft_ones() -> None:
    logits = steep.tensor([[0.5, 1.0, -1.0]] * 4, requires_grad=True)
    weights = steep.tensor([1.0, 2.0, 3.0])
    grads = []
    for hard in (False, True):
        steep.manual_seed(4)
        draw = F.gumbel_softmax(logits, tau=0.5, hard=hard, dim=1)
        close(draw.sum(1).detach().numpy(), np.ones(4, np.float32))
        grads.append(steep.autograd.grad((draw * weights).sum(), logits)[0].numpy())
    same_bits(*grads)


def test_gumbel_softmax_along_another_dimension_is_replayed() -> None:
    compiled = steep.compile(lambda x: F.gumbel_softmax(x, 0.7, True, dim=0))
    for seed in range(6):
        results = []
        for run in (compiled, lambda x: F.gumbel_softmax(x, 0.7, True, dim=0)):
            steep.manual_seed(seed)
            results.append(run(steep.ones(3, 4) * seed).numpy())
        same_bits(*results)
        close(results[0].sum(0), np.ones(4, np.float32))
    assert replays(compiled) > 0, compiled.explain()


@pytest.mark.parametrize(
    "name", ["relu", "elu", "selu", "celu", "hardtanh", "leaky_relu", "threshold", "rrelu"]
)
def test_forms_in_place(name: str) -> None:
    x = steep.from_numpy(RNG.normal(size=50).astype(np.float32))
    more = (0.1, 3.0) if name == "threshold" else ()
    expected = getattr(F, name)(x, *more)
    assert getattr(F, f"{name}_")(x, *more) is x
    same_bits(*numpy([x, expected]))


def test_scores_are_not_cut_into_pieces() -> None:
    with pytest.raises(NotImplementedError, match="expected options=None"):
        F.linear_cross_entropy(
            steep.ones(2, 3), steep.ones(4, 3), steep.tensor([0, 1]), options="rows"
        )


@pytest.mark.parametrize("axes", [2, 3])
def test_places_of_the_largest_are_found(axes: int) -> None:
    x = steep.from_numpy(RNG.normal(size=(2, 3, *(6, 5, 7)[:axes])))
    pool = getattr(F, f"fractional_max_pool{axes}d")
    values, places = pool(x, 2, output_ratio=(0.5,) * axes, return_indices=True)
    assert places.dtype == steep.int64
    same_bits(x.flatten(2).gather(2, places.flatten(2)).numpy(), values.flatten(2).numpy())
    alone = pool(x[0], 2, output_size=2)
    assert tuple(alone.shape) == (3, *(2,) * axes)
