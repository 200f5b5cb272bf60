"""Optimisers: hooks of steps and state dicts, subclasses, display."""

from __future__ import annotations

import pytest

import steep
from optim_support import make_params
from steep import optim


def test_step_hooks():
    params = make_params()
    optimizer = optim.SGD(params)
    log = []
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
    optimizer.step(lambda: log.append("closure"))
    assert log == ["pre", "closure", "post"]
    pre.remove()
    optimizer.step()
    assert log[3:] == ["post"]


def test_pre_hook_replaces_arguments():
    optimizer = optim.SGD(make_params())
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 7,), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_are_given_the_optimizer_first():
    optimizer = optim.SGD(make_params())
    seen = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(args[0] is o))
    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, kwargs))
    optimizer.step()
    assert seen == [True]


def test_hooks_of_all_optimizers():
    log = []
    optimizer = optim.SGD(make_params())
    optimizer.register_step_pre_hook(lambda *_: log.append("own pre"))
    optimizer.register_step_post_hook(lambda *_: log.append("own post"))
    with (
        optim.optimizer.register_optimizer_step_pre_hook(lambda *_: log.append("pre")),
        optim.optimizer.register_optimizer_step_post_hook(lambda *_: log.append("post")),
    ):
        optimizer.step()
        assert log == ["pre", "own pre", "own post", "post"]
        optim.Adam(make_params()).step()
        assert log[4:] == ["pre", "post"]
    optim.Adam(make_params()).step()
    assert len(log) == 6


def test_hooks_of_state_dicts():
    params = make_params()
    optimizer = optim.SGD(params, lr=0.5)
    log = []
    optimizer.register_state_dict_pre_hook(lambda o: log.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: log.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_state_dict_post_hook(lambda o, state: state.update(last=True))
    saved = optimizer.state_dict()
    assert log == ["first", "second"]
    assert saved["more"] == 1
    assert saved["last"]

    def halve(o, state):
        state["param_groups"] = [{**g, "lr": g["lr"] / 2} for g in state["param_groups"]]

    optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append(state["more"]))
    optimizer.register_load_state_dict_pre_hook(halve)
    handle = optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert saved["param_groups"][0]["lr"] == 0.5
    assert log[2:] == [1, "loaded"]
    handle.remove()
    optimizer.load_state_dict(saved)
    assert log[4:] == [1]


@pytest.mark.parametrize("whose", ["one", "all"])
def test_a_hook_that_comes_later_keeps_a_compiled_step_eager(whose):
    w = steep.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    @steep.compile
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    for _ in range(5):
        step()
    assert step.programs()[0].runs > 0
    log = []
    register = (
        optimizer.register_step_post_hook
        if whose == "one"
        else optim.optimizer.register_optimizer_step_post_hook
    )
    with register(lambda *_: log.append(w.tolist())):
        with pytest.warns(UserWarning, match=r"runs eagerly: .*\(tolist\)"):
            step()
        step()
        assert log == [[-2.0, -2.0], [-2.5, -2.5]]
    step()
    assert w.tolist() == [-3.0, -3.0]
    assert len(log) == 2


def test_an_optimizer_that_wraps_another_needs_no_init():
    class Lookahead(optim.Optimizer):
        def __init__(self, inner, alpha=0.5, every=2):
            self.inner = inner
            self.alpha, self.every, self.count = alpha, every, 0
            self.defaults = inner.defaults
            self.param_groups = inner.param_groups
            self.state = {}
            self.slow = [p.detach().clone() for g in self.param_groups for p in g["params"]]

        def step(self, closure=None):
            loss = self.inner.step(closure)
            self.count += 1
            if self.count % self.every == 0:
                with steep.no_grad():
                    fast = [p for g in self.param_groups for p in g["params"]]
                    for p, slow in zip(fast, self.slow, strict=True):
                        slow += self.alpha * (p - slow)
                        p.copy_(slow)
            return loss

    w = steep.ones(1, requires_grad=True)
    optimizer = Lookahead(optim.SGD([w], lr=0.5))
    log = []
    optimizer.register_step_post_hook(lambda *_: log.append(w.item()))
    for _ in range(2):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
    assert log == [0.5, 0.5]
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert "Lookahead" in repr(optimizer)


def test_own_optimizer():
    class Signed(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @steep.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * p.grad.sign())
                    self.state[p]["seen"] = self.state[p].get("seen", 0) + 1

    w = steep.zeros(2, requires_grad=True)
    optimizer = Signed([w], lr=0.5)
    log = []
    optimizer.register_step_post_hook(lambda *_: log.append(1))
    w.grad = steep.tensor([3.0, -2.0])
    optimizer.step()
    assert w.tolist() == [-0.5, 0.5]
    assert log == [1]
    assert optimizer.state_dict()["state"] == {0: {"seen": 1}}


def test_hooks_run_once_through_super():
    class Counting(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    optimizer = Counting(make_params())
    log = []
    optimizer.register_step_post_hook(lambda *_: log.append(1))
    optimizer.step()
    assert log == [1]


def test_optimizer_without_a_step():
    params = make_params()
    params[0].grad = steep.zeros(3, 4, dtype=steep.float64)
    optimizer = optim.Optimizer(params, {})
    with pytest.raises(NotImplementedError, match=r"defines neither step\(\)"):
        optimizer.step()


def test_repr():
    assert repr(optim.SGD(make_params(), lr=0.1)) == (
        "SGD (\n"
        "Parameter Group 0\n"
        "    dampening: 0\n"
        "    differentiable: False\n"
        "    foreach: None\n"
        "    fused: None\n"
        "    lr: 0.1\n"
        "    maximize: False\n"
        "    momentum: 0\n"
        "    nesterov: False\n"
        "    weight_decay: 0\n"
        ")"
    )


def test_repr_of_several_groups_has_a_line_between_them():
    first, second = make_params()[:2]
    text = repr(optim.SGD([{"params": [first]}, {"params": [second], "lr": 0.2}], lr=0.1))
    assert text.count("Parameter Group") == 2
    assert "    weight_decay: 0\n\nParameter Group 1\n    dampening: 0\n" in text
