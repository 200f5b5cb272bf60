"""Optimisers against their formulas; their settings and errors."""

from __future__ import annotations

import numpy as np
import pytest

import steep
from cases import OPTIMIZERS
from optim_support import CASES, Reference, array, make_params, run
from steep import optim


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_follows_the_formula(kind, settings):
    params = make_params(kind=kind)
    reference = Reference(params, kind, settings)
    run(kind(params, **settings), params, 20)
    expected = reference.run(20)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(array(p), e, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_float32_stays_near(kind, settings):
    params = make_params(steep.float32, kind)
    reference = Reference(params, kind, settings)
    run(kind(params, **settings), params, 20)
    expected = reference.run(20)
    for p, e in zip(params, expected, strict=True):
        assert p.dtype == steep.float32
        np.testing.assert_allclose(array(p), e, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_parameters_without_gradient_wait(kind, settings):
    def skip(step, i):
        return (step + i) % 3 == 0 or (i == 1 and step < 5)

    params = make_params(kind=kind)
    reference = Reference(params, kind, settings)
    run(kind(params, **settings), params, 15, skip)
    expected = reference.run(15, skip)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(array(p), e, rtol=1e-10, atol=1e-12)


def test_step_without_any_gradient_does_nothing():
    params = make_params()
    optimizer = optim.Adam(params)
    before = [array(p) for p in params]
    optimizer.step()
    assert all(np.array_equal(array(p), b) for p, b in zip(params, before, strict=True))
    assert not optimizer.state


def test_a_changed_learning_rate_counts_at_once():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    w.grad = steep.ones(1)
    for lr, expected in [(1.0, -1.0), (0.5, -1.5), (0.5, -2.0), (steep.tensor(0.25), -2.25)]:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        assert w.item() == expected


def test_groups_have_settings_of_their_own():
    a, b = steep.zeros(1, requires_grad=True), steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([{"params": a, "lr": 1.0}, {"params": [b]}], lr=0.5)
    c = steep.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": [("c", c)], "lr": 0.25})
    for p in (a, b, c):
        p.grad = steep.ones(1)
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == [-1.0, -0.5, -0.25]
    assert optimizer.param_groups[2]["param_names"] == ["c"]


def test_clearing_the_state_starts_anew():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0, momentum=1.0)
    w.grad = steep.ones(1)
    optimizer.step()
    optimizer.step()
    assert w.item() == -3.0
    optimizer.state.clear()
    optimizer.step()
    assert w.item() == -4.0
    optimizer.state[w]["momentum_buffer"] = steep.tensor([10.0])
    optimizer.step()
    assert w.item() == -15.0


def test_switching_amsgrad_on():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.Adam([w])
    w.grad = steep.ones(1)
    optimizer.step()
    before = optimizer._plans[0]
    optimizer.param_groups[0]["amsgrad"] = True
    optimizer.step()
    assert "max_exp_avg_sq" in optimizer.state[w]
    assert optimizer._plans[0] is not before  # which programs look at


def test_closure():
    w = steep.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with steep.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert w.item() == 0.0


def test_zero_grad():
    params = make_params()
    optimizer = optim.SGD(params)
    run(optimizer, params, 1)
    optimizer.zero_grad(set_to_none=False)
    assert array(params[0].grad).tolist() == np.zeros((3, 4)).tolist()
    grad = params[0].grad
    optimizer.zero_grad(set_to_none=False)
    assert params[0].grad is grad
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [(name, *refused) for name, row in OPTIMIZERS.items() for refused in row.bad],
)
def test_settings_out_of_range(name, settings, text):
    with pytest.raises(ValueError, match=text):
        getattr(optim, name)(
            make_params(kind=getattr(optim, name)) if settings else [steep.zeros(3)], **settings
        )


def test_settings_that_change_nothing_are_accepted():
    optim.SGD(make_params(), foreach=True, fused=False)
    optim.Adam(make_params(), foreach=False, fused=True, capturable=True)
    optim.AdamW(make_params(), fused=True)


def test_parameters_that_are_none():
    leaf = steep.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="params argument given to the optimizer"):
        optim.SGD(leaf)
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([leaf * 2])
    with pytest.raises(TypeError, match="one of the params is int"):
        optim.SGD([1])
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {leaf}}])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": leaf}, {"params": leaf}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([leaf, leaf])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([{"params": leaf}, [leaf]])
    with pytest.raises(ValueError, match="with/without names"):
        optim.SGD([("a", leaf), leaf])


def test_plans_of_heads_used_in_turn_are_kept():
    heads = [steep.zeros(2, requires_grad=True) for _ in range(3)]
    optimizer = optim.SGD(heads, lr=0.1, momentum=0.9)
    seen = []
    for step in range(9):
        head = heads[step % 3]
        for p in heads:
            p.grad = steep.ones(2) if p is head else None
        optimizer.step()
        seen.append(optimizer._plans[0])
    first, later = seen[3:6], seen[6:]
    assert all(a is b for a, b in zip(first, later, strict=True))
    assert all(plan.valid for plan in first)
    optimizer.param_groups[0]["lr"] = 0.2  # numbers are shared, and written by whoever steps
    before = heads[0].clone()
    heads[0].grad, heads[2].grad = steep.ones(2), None
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.1
    heads[1].grad, heads[0].grad = steep.ones(2), None
    optimizer.step()
    assert later[1].hyper.tolist()[0] == 0.1
    assert not steep.equal(before, heads[0])
    optimizer.state[heads[1]]["momentum_buffer"] = steep.zeros(2)
    optimizer.step()
    assert not later[1].valid
    assert later[0].valid
