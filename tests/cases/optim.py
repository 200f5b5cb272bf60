"""The optimisers, and fused steps as operations."""

from __future__ import annotations

import math

import numpy as np

from cases.bench import of_optimizer
from cases.optimizer import Optimizer, Settings
from cases.row import Row, arr, call
from cases.steps import (
    IN_PLACE,
    NADAM,
    ONE,
    adam,
    adam_call,
    adam_numbers,
    by_rule,
    counted_call,
    large_call,
    list_of,
    mismatched,
    products,
    sgd,
    sgd_numbers,
    stepping,
)
from steep.reference.optim import Adagrad, NAdam, RMSprop

STEPS = {
    "sgd_step": Row(
        (
            call(list_of(), list_of(), [], sgd_numbers(), False, False, False),
            call(list_of(), list_of(), [], sgd_numbers(decay=0.3), False, True, False),
            call(list_of(), list_of(), list_of(), sgd_numbers(0.9), False, False, True),
            call(list_of(), list_of(), list_of(), sgd_numbers(0.9, 0.2, 0.1), False, False, False),
            call(list_of(), list_of(), list_of(), sgd_numbers(0.9), True, False, False),
        ),
        sgd,
        gradient=IN_PLACE,
        function=stepping("sgd_step", 1),
        bench=of_optimizer("SGD", {"lr": 1e-4, "momentum": 0.9, "fused": True}),
        kernels=("sgd_step",),
        bad=mismatched("sgd_step", [], sgd_numbers(), 3),
        large=call(
            [arr(260_003), arr(7)],
            [arr(260_003), arr(7)],
            [arr(260_003), arr(7)],
            sgd_numbers(0.9),
            False,
            False,
            False,
        ),
    ),
    "adam_step": Row(
        (
            adam_call(0, adam_numbers(), False, False, False),
            adam_call(7, adam_numbers(decay=0.2), False, True, False),
            adam_call(7, adam_numbers(decay=0.2), True, False, True),
            adam_call(1000, adam_numbers(), True, False, False),
        ),
        adam,
        gradient=IN_PLACE,
        function=stepping("adam_step", 4),
        bench=of_optimizer("Adam", {"lr": 1e-4, "fused": True}),
        kernels=("adam_step",),
        bad=mismatched("adam_step", [arr(2)], [arr(2)], [], ONE, adam_numbers(), 2),
        large=call(
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003, domain="positive")],
            [],
            ONE,
            adam_numbers(),
            False,
            False,
        ),
    ),
    "adagrad_step": Row(
        (
            counted_call(0, [list_of("positive")], [0.1, 0.0, 0.0, 1e-10], False),
            counted_call(7, [list_of("positive")], [0.1, 0.3, 0.2, 1e-3], True),
        ),
        by_rule(Adagrad, "lr lr_decay weight_decay eps", "sum", "maximize"),
        gradient=IN_PLACE,
        function=stepping("adagrad_step", 2),
        bench=of_optimizer("Adagrad", {"lr": 1e-4}),
        kernels=("adagrad_step",),
        bad=mismatched("adagrad_step", [arr(2)], ONE, np.zeros(4), 1),
        large=large_call(("positive",), [0.1, 0.1, 0.0, 1e-10], False),
    ),
    "rmsprop_step": Row(
        (
            counted_call(0, [list_of("positive"), [], []], [0.1, 0.9, 1e-8, 0.0, 0.0], False),
            counted_call(3, [list_of("positive"), [], list_of()], [0.1, 0.9, 1e-3, 0.2, 0.8], True),
            counted_call(
                3,
                [list_of("positive"), list_of("distribution"), []],
                [0.1, 0.9, 1e-3, 0.2, 0.0],
                False,
            ),
            counted_call(
                9,
                [list_of("positive"), list_of("distribution"), list_of()],
                [0.1, 0.3, 1e-8, 0.0, 0.8],
                False,
            ),
        ),
        by_rule(
            RMSprop,
            "lr alpha eps weight_decay momentum",
            "square_avg grad_avg momentum_buffer",
            "maximize",
            lambda lists: {"centered": bool(lists[1])},
        ),
        gradient=IN_PLACE,
        function=stepping("rmsprop_step", 4),
        bench=of_optimizer("RMSprop", {"lr": 1e-4}),
        kernels=("rmsprop_step",),
        bad=mismatched("rmsprop_step", [arr(2)], [], [], ONE, np.zeros(5), 1),
        large=large_call(("positive", "", "real"), [0.1, 0.9, 1e-8, 0.1, 0.8], False),
    ),
    "nadam_step": Row(
        (
            counted_call(
                0, [list_of(), list_of("positive"), products(1.0)], [0.1, *NADAM], False, False
            ),
            counted_call(
                7, [list_of(), list_of("positive"), products(0.3)], [0.1, *NADAM], True, True
            ),
            counted_call(
                900,
                [list_of(), list_of("positive"), products(1e-9)],
                [0.1, 0.5, 0.9, 1e-3, 0.2, 0.1],
                False,
                False,
            ),
        ),
        by_rule(
            NAdam,
            "lr beta1 beta2 eps weight_decay momentum_decay",
            "exp_avg exp_avg_sq mu_product",
            "maximize decoupled_weight_decay",
        ),
        gradient=IN_PLACE,
        function=stepping("nadam_step", 4),
        bench=of_optimizer("NAdam", {"lr": 1e-4}),
        kernels=("nadam_step",),
        bad=mismatched("nadam_step", [arr(2)], [arr(2)], ONE, ONE, np.zeros(6), 2),
        large=call(
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003)],
            [arr(260_003, domain="positive")],
            [np.array(1.0, np.float32)],
            ONE,
            np.array([0.1, *NADAM]),
            False,
            False,
        ),
    ),
}


# ---- the classes ----

_rate = ({"lr": -1.0}, "Invalid learning rate: -1.0")
_adam_bad = (
    _rate,
    ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
    ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
    ({"betas": (0.9, 1.5)}, "Invalid beta parameter at index 1: 1.5"),
    ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
)
_moments: dict[str, Settings] = {
    "exp_avg": {},
    "exp_avg_sq": {},
    "max_exp_avg_sq": {"amsgrad": True},
}

OPTIMIZERS = {
    "SGD": Optimizer(
        settings=(
            {"lr": 0.1},
            {"lr": 0.1, "weight_decay": 0.2},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
        ),
        bad=(
            _rate,
            ({"lr": math.nan}, "Invalid learning rate: nan"),
            ({"momentum": -1.0}, "Invalid momentum value: -1.0"),
            ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
            ({"nesterov": True}, "Nesterov momentum requires a momentum"),
            ({"differentiable": True}, "SGD: expected differentiable=False"),
        ),
        state={"momentum_buffer": {"momentum": 0.9}},
        bench={"lr": 1e-4, "momentum": 0.9, "fused": True},
        training={"lr": 0.1, "momentum": 0.9},
    ),
    "Adam": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
            {"lr": 0.01, "amsgrad": True, "maximize": True},
        ),
        bad=_adam_bad,
        state=_moments,
        bench={"lr": 1e-4, "fused": True},
    ),
    "AdamW": Optimizer(
        settings=(
            {"lr": 0.01, "weight_decay": 0.3},
            {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True},
        ),
        bad=_adam_bad,
        state=_moments,
        bench={"lr": 1e-4, "fused": True},
        training={"lr": 0.01, "amsgrad": True},
    ),
    "Adagrad": Optimizer(
        settings=(
            {"lr": 0.1},
            {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "maximize": True},
            {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        ),
        bad=(
            _rate,
            ({"lr_decay": -1.0}, "Invalid lr_decay value: -1.0"),
            ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
            ({"initial_accumulator_value": -1.0}, "Invalid initial_accumulator_value value: -1.0"),
            ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
            ({"differentiable": True}, "Adagrad: expected differentiable=False"),
        ),
        state={"sum": {}},
        bench={"lr": 1e-4},
    ),
    "RMSprop": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "alpha": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
            {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
            {"lr": 0.01, "centered": True},
            {"lr": 0.01, "momentum": 0.5, "centered": True},
        ),
        bad=(
            _rate,
            ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
            ({"momentum": -1.0}, "Invalid momentum value: -1.0"),
            ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
            ({"alpha": -1.0}, "Invalid alpha value: -1.0"),
        ),
        state={
            "square_avg": {},
            "grad_avg": {"centered": True},
            "momentum_buffer": {"momentum": 0.5},
        },
        bench={"lr": 1e-4},
        training={"lr": 0.01, "momentum": 0.9},
    ),
    "NAdam": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
            {"lr": 0.01, "momentum_decay": 0.1, "maximize": True},
            {"lr": 0.01, "weight_decay": 0.3, "decoupled_weight_decay": True},
        ),
        bad=(*_adam_bad, ({"momentum_decay": -1.0}, "Invalid momentum_decay value: -1.0")),
        state={"exp_avg": {}, "exp_avg_sq": {}},
        others=("mu_product",),
        bench={"lr": 1e-4},
    ),
    "Adamax": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1, "maximize": True},
        ),
        bad=_adam_bad,
        state={"exp_avg": {}, "exp_inf": {}},
        bench={"lr": 1e-4},
    ),
    "Adadelta": Optimizer(
        settings=(
            {"lr": 1.0},
            {"lr": 0.1, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
        ),
        bad=(
            _rate,
            ({"rho": 1.5}, "Invalid rho value: 1.5"),
            ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
            ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
        ),
        state={"square_avg": {}, "acc_delta": {}},
        bench={"lr": 1e-4},
    ),
    "RAdam": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
            {"lr": 0.01, "weight_decay": 0.3, "decoupled_weight_decay": True},
        ),
        bad=_adam_bad,
        state={"exp_avg": {}, "exp_avg_sq": {}},
        bench={"lr": 1e-4},
    ),
    "Rprop": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-2, 0.2), "maximize": True},
        ),
        bad=(_rate, ({"etas": (0.5, 0.9)}, "Invalid eta values: 0.5, 0.9")),
        state={"prev": {}, "step_size": {}},
        bench={"lr": 1e-4},
    ),
    "ASGD": Optimizer(
        settings=(
            {"lr": 0.1},
            {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 3, "weight_decay": 0.1, "maximize": True},
        ),
        bad=(_rate, ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0")),
        state={"ax": {}},
        others=("eta", "mu"),
        bench={"lr": 1e-4},
    ),
    "Adafactor": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-3, 1e-2), "d": 2.0, "weight_decay": 0.1},
            {"lr": 0.3, "maximize": True},
        ),
        bad=(
            ({"lr": -1.0}, "Learning rate should be >= 0 but is: -1.0"),
            ({"beta2_decay": 1.0}, "beta2_decay should be <= 0 but is: 1.0"),
            ({"eps": (-1.0, 0.0)}, "epsilon1 should be >= 0 but is: -1.0"),
            ({"eps": (None, -1.0)}, "epsilon2 should be >= 0 but is: -1.0"),
            ({"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
            ({"weight_decay": -1.0}, "weight_decay should be >= 0 but is: -1.0"),
        ),
        others=("row_var", "col_var", "variance"),
        bench={"lr": 1e-4},
    ),
    "Muon": Optimizer(
        settings=(
            {"lr": 0.01},
            {"lr": 0.1, "momentum": 0.5, "nesterov": False, "weight_decay": 0.0},
            {"lr": 0.1, "ns_steps": 2, "adjust_lr_fn": "match_rms_adamw"},
            {"lr": 0.1, "ns_coefficients": (1.5, -0.5, 0.0), "eps": 1e-3, "ns_steps": 9},
        ),
        bad=(
            ({"lr": -1.0}, "Learning rate should be >= 0 but is: -1.0"),
            ({"momentum": -1.0}, "momentum should be >= 0 but is: -1.0"),
            ({"weight_decay": -1.0}, "weight decay should be >= 0 but is: -1.0"),
            ({"ns_coefficients": (1.0, 2.0)}, "Coefficients must be a tuple of exactly 3 values"),
            ({"ns_steps": 100}, "Number of steps must be less than 100"),
            ({"adjust_lr_fn": "other"}, "Adjust learning rate function other is not supported"),
            ({}, "Muon only supports 2D parameters"),
        ),
        state={"momentum_buffer": {}},
        bench={"lr": 1e-4},
        matrices=True,
    ),
}

# Those whose step calls a closure as often as it needs to. tests/test_lbfgs.py tries them.
SEARCHES = {
    "LBFGS": Optimizer(
        settings=(
            {"lr": 0.5, "max_iter": 4},
            {"history_size": 2, "max_iter": 5, "max_eval": 4},
            {"line_search_fn": "strong_wolfe"},
            {"line_search_fn": "strong_wolfe", "history_size": 1, "max_iter": 8},
        ),
        bad=(_rate,),
        bench={"max_iter": 4},
        searches=True,
    ),
}
