"""Derivatives of functions: the formulas, for each example, and of higher orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep.func import (
    _dispatch,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
    vmap,
)

GENERATOR = np.random.default_rng(0)
W, X, Y = (steep.from_numpy(GENERATOR.standard_normal(n)) for n in ((3, 4), (5, 4), (5, 3)))


def close(a: Any, b: Any) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)


def model(w: Any, x: Any) -> Any:
    return steep.tanh(w @ x)


def loss(w: Any, x: Any, y: Any) -> Any:
    return ((model(w, x) - y) ** 2).sum()


def slope(w: Any) -> Any:
    """The Jacobian of the model by its input, by the formula."""
    return (1 - model(w, X[0]) ** 2).unsqueeze(1) * w


def plain_gradient(*args: Any) -> Any:
    w = args[0].detach().requires_grad_()
    return steep.autograd.grad(loss(w, *args[1:]), w)[0]


def test_gradient_of_each_example() -> None:
    found = vmap(grad(loss), in_dims=(None, 0, 0))(W, X, Y)
    close(found, steep.stack([plain_gradient(W, *pair) for pair in zip(X, Y, strict=True)]))
    by_chunks = vmap(grad(loss), in_dims=(None, 0, 0), chunk_size=2)(W, X, Y)
    close(by_chunks, found)


def test_gradient_through_writes() -> None:
    """Operations in place keep what their gradients need."""

    def written(x: Any, y: Any) -> Any:
        z = x * 1
        z.mul_(y).clamp_(max=0.5)
        z[0].exp_()
        z.masked_fill_(y > 1, 0.0)
        z.cumsum_(0)
        z += y
        z.sub_(y.sum()).copy_(z * 2)
        return (z * z).sum()

    x, y = X[:, :3], Y
    found = vmap(grad(written, (0, 1)))(x, y)
    for i in range(5):
        leaves = [one[i].detach().requires_grad_() for one in (x, y)]
        for got, wanted in zip(found, steep.autograd.grad(written(*leaves), leaves), strict=True):
            close(got[i], wanted)


def test_gradient_has_the_structure_of_its_argument() -> None:
    def value(p: Any, x: Any) -> Any:
        return loss(p["w"], x, p["rest"][0]), {"seen": p["w"].sum()}

    gradient, (number, aux) = grad_and_value(value, has_aux=True)({"w": W, "rest": [Y[0]]}, X[0])
    assert list(gradient) == ["w", "rest"]
    close(gradient["w"], plain_gradient(W, X[0], Y[0]))
    close(number, loss(W, X[0], Y[0]))
    close(aux["seen"], W.sum())
    assert not any(x.requires_grad for x in (gradient["w"], number, aux["seen"]))
    by_both = grad(loss, argnums=(0, 2))(W, X[0], Y[0])
    close(by_both[1], gradient["rest"][0])


def test_gradients_nest_and_lead_on() -> None:
    close(grad(grad(grad(lambda x: x**4)))(steep.tensor(2.0)), steep.tensor(48.0))
    w = W.detach().requires_grad_()
    inner = grad(lambda x: loss(w, x, Y[0]))(X[0])
    assert inner.requires_grad
    (inner**2).sum().backward()
    assert w.grad is not None
    with steep.no_grad():
        assert not grad(lambda x: loss(w, x, Y[0]))(X[0]).requires_grad
    once = grad(lambda z: vmap(grad(lambda q: q**3))(z).sum())(X[0])
    close(once, 6 * X[0])


@pytest.mark.parametrize("kind", [jacrev, jacfwd])
@pytest.mark.parametrize("chunk_size", [None, 2, 1])
def test_jacobian(kind: Any, chunk_size: int | None) -> None:
    jacobian = kind(model, 1, chunk_size=chunk_size)
    close(jacobian(W, X[0]), slope(W))
    each = vmap(kind(model, 1, chunk_size=chunk_size), in_dims=(None, 0))(W, X)
    close(each[0], slope(W))


@pytest.mark.parametrize("kind", [jacrev, jacfwd])
def test_jacobian_of_trees(kind: Any) -> None:
    def function(p: Any, x: Any) -> Any:
        return {"y": model(p["w"], x), "n": x.sum()}

    found = kind(function, (0, 1))({"w": W}, X[0])
    assert found["y"][0]["w"].shape == (3, 3, 4)
    close(found["y"][1], slope(W))
    close(found["n"][1], steep.ones(4, dtype=steep.float64))
    assert not found["n"][0]["w"].any()
    jacobian, aux = kind(lambda x: (x * 2, x.sum()), has_aux=True)(X[0])
    close(jacobian, 2 * steep.eye(4, dtype=steep.float64))
    close(aux, X[0].sum())


@pytest.mark.parametrize("kind", [jacrev, jacfwd])
def test_jacobian_of_what_does_not_depend(kind: Any) -> None:
    assert not kind(lambda x: Y[0])(X[0]).any()
    w = W.detach().requires_grad_()
    assert not kind(lambda x: w.sum(0))(X[0]).any()
    assert kind(lambda x: x[:0])(X[0]).shape == (0, 4)


@pytest.mark.parametrize("kind", [jacrev, jacfwd])
def test_jacobian_may_read_values(kind: Any) -> None:
    """All examples are copies of one, so a number may be read from them."""

    def function(x: Any) -> Any:
        return x * 2 if x.sum() > x.sum().item() - 1 else x

    close(kind(function)(X[0]), 2 * steep.eye(4, dtype=steep.float64))


def test_jacobian_of_a_function_that_draws() -> None:
    steep.manual_seed(0)
    with pytest.warns(UserWarning, match="one pass for each element"):
        jacobian = jacrev(lambda x: steep.nn.functional.dropout(x, 0.5))(steep.ones(20))
    off = jacobian - jacobian.diagonal().diag()
    assert not off.any()
    assert set(jacobian.diagonal().tolist()) == {0.0, 2.0}
    with pytest.raises(RuntimeError, match="randomness error mode"):
        jacfwd(lambda x: steep.nn.functional.dropout(x, 0.5))(steep.ones(3))


def test_one_pass_gives_all_rows() -> None:
    """The launches of a Jacobian do not grow with its rows."""

    def launches(rows: int) -> int:
        w = W[:1].repeat(rows, 1)
        jacrev(model, 1)(w, X[0])
        before = steep.counters()["launches"]
        jacrev(model, 1)(w, X[0])
        return steep.counters()["launches"] - before

    assert launches(100) == launches(10)


def test_results_of_integers() -> None:
    """They have no slope, which is refused, and a product with a tangent: 0."""
    x = steep.tensor([0.3, 2.0, -1.0])

    def f(x: Any) -> Any:
        return x * 2, x.argmax()

    for call in (jacrev(f), lambda x: vjp(f, x), jacrev(jacrev(lambda x: x > 0))):
        with pytest.raises(RuntimeError, match="All outputs of f must be floating-point"):
            call(x)
    for _, products in (jvp(f, (x,), (steep.ones(3),)), (0, linearize(f, x)[1](steep.ones(3)))):
        assert products[0].tolist() == [2.0, 2.0, 2.0]
        assert products[1].tolist() == 0
        assert products[1].dtype == steep.int64
    rows = vmap(lambda x: jvp(f, (x,), (steep.ones(3),))[1][1])(steep.randn(4, 3))
    assert rows.tolist() == [0] * 4
    by_tangents = jacfwd(f)(x)
    assert by_tangents[0].tolist() == (2 * steep.eye(3)).tolist()
    assert by_tangents[1].tolist() == [0, 0, 0]
    assert jacrev(f, has_aux=True)(x)[1].item() == 1


def test_hessian() -> None:
    def value(x: Any) -> Any:
        return (x**3).sum() + x[0] * x[1]

    wanted = (6 * X[0]).diag()
    wanted[0, 1] += 1
    wanted[1, 0] += 1
    for second in (hessian, lambda f: jacfwd(jacrev(f)), lambda f: jacrev(jacfwd(f))):
        close(second(value)(X[0]), wanted)
    close(vmap(hessian(value))(X)[0], wanted)
    crossed = hessian(lambda a, b: (a * b).sum(), (0, 1))(X[0], X[1])
    close(crossed[0][1], steep.eye(4, dtype=steep.float64))
    assert not crossed[0][0].any()


def test_products_with_the_jacobian() -> None:
    J = slope(W)
    value, vjp_fn = vjp(model, W, X[0])
    close(vjp_fn(Y[0])[1], Y[0] @ J)
    close(vjp_fn(Y[1])[1], Y[1] @ J)  # again
    tangents = steep.zeros_like(W), X[1]
    found, product = jvp(model, (W, X[0]), tangents)
    close(found, value)
    close(product, J @ X[1])
    linear_value, jvp_fn = linearize(model, W, X[0])
    close(linear_value, value)
    close(jvp_fn(*tangents), J @ X[1])
    close(jvp_fn(steep.zeros_like(W), X[2]), J @ X[2])
    by_vector = vmap(lambda v: jvp(lambda x: model(W, x), (X[0],), (v,))[1])(X)
    close(by_vector, X @ J.mT)
    hessian_product = jvp(grad(loss, 1), (W, X[0], Y[0]), (W * 0, X[1], Y[0] * 0))[1]
    close(hessian_product, hessian(loss, 1)(W, X[0], Y[0]) @ X[1])


def test_vectors_of_a_vmap_go_through_an_old_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    _, vjp_fn = vjp(lambda x: model(W, x), X[0])
    eye = steep.eye(3, dtype=steep.float64)
    monkeypatch.setattr(_dispatch, "_told", set())
    with pytest.warns(UserWarning, match="way back through a graph from outside"):
        rows = vmap(vjp_fn)(eye)[0]
    close(rows, slope(W))
    x = X[0].detach().requires_grad_()
    y = model(W, x)
    with pytest.warns(UserWarning, match=r"autograd\.grad has no batching rule"):
        rows = vmap(lambda v: steep.autograd.grad(y, x, v)[0])(eye)
    close(rows, slope(W))
    close(steep.autograd.grad(y, x, eye, is_grads_batched=True)[0], slope(W))


def test_gradient_of_batched_results() -> None:
    def each(x: Any, y: Any) -> Any:
        own = x.detach().requires_grad_()
        return steep.autograd.grad(loss(W, own, y), own)[0]

    close(vmap(each)(X, Y), vmap(grad(loss, 1), (None, 0, 0))(W, X, Y))
    w = W.detach().requires_grad_()
    with pytest.raises(RuntimeError, match=r"use steep\.func\.grad"):
        vmap(lambda x, y: steep.autograd.grad(loss(w, x, y), w)[0])(X, Y)
    with pytest.raises(RuntimeError, match="backward"):
        vmap(lambda x, y: loss(w, x, y).backward())(X, Y)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: grad(lambda x: x)(X), RuntimeError, "scalar tensor"),
    (lambda: grad(lambda x: 1.0)(X), RuntimeError, "return a tensor"),
    (lambda: grad(lambda x: x.sum(), 1)(X), RuntimeError, "argnum=1"),
    (lambda: grad(lambda x: x.sum(), (0, 0))(X), RuntimeError, "unique"),
    (lambda: grad(lambda x: x.sum(), "0")(X), RuntimeError, "argnum must be int"),  # type: ignore[arg-type]
    (lambda: grad(lambda x: x, has_aux=True)(X), RuntimeError, "tuple"),
    (lambda: grad(lambda x: x * 1.0)(2.0), ValueError, "must be Tensor"),
    (lambda: grad(lambda x: x.sum())(steep.arange(3)), RuntimeError, "floating"),
    (lambda: vjp(lambda x: x, X)[1](Y), RuntimeError, "shape"),
    (lambda: vjp(lambda x: (x, x), X)[1](X), RuntimeError, "structure"),
    (lambda: vjp(lambda x: "x", X), RuntimeError, "only tensors"),
    (lambda: jvp(lambda x: x, X, X), RuntimeError, "tuple"),
    (lambda: jvp(lambda x: x, (X,), (Y,)), RuntimeError, "shape"),
    (lambda: jacrev(lambda x: x, chunk_size=0), ValueError, "chunk_size"),
    (lambda: jacrev(lambda x: 1)(X), RuntimeError, "only tensors"),
])  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_functional_at_once() -> None:
    F = steep.autograd.functional
    for strategy in ("reverse-mode", "forward-mode"):
        close(F.jacobian(lambda x: model(W, x), X[0], vectorize=True, strategy=strategy), slope(W))
    by_w, by_x = F.jacobian(model, (W, X[0]), vectorize=True)
    close(by_w, F.jacobian(model, (W, X[0]))[0])
    close(by_x, slope(W))
    second = F.hessian(lambda w, x: loss(w, x, Y[0]), (W, X[0]), vectorize=True)
    close(second[0][1], F.hessian(lambda w, x: loss(w, x, Y[0]), (W, X[0]))[0][1])
    x = X[0].detach().requires_grad_()
    assert F.jacobian(lambda x: x**2, x, create_graph=True, vectorize=True).requires_grad
    with pytest.raises(NotImplementedError, match="vectorize=True"):
        F.jacobian(lambda x: x, X[0], strategy="forward-mode")
    with pytest.raises(RuntimeError, match="strict"):
        F.jacobian(lambda x: x, X[0], strict=True, vectorize=True)
    with pytest.raises(ValueError, match="strategy"):
        F.jacobian(lambda x: x, X[0], strategy="sideways")
