"""What `fit_many` refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import steep
from many_support import Adam, mlp, table
from steep import nn
from steep.train import fit_many


def shared_bias() -> list[Any]:
    one, other = mlp()(), mlp()()
    other[0].bias = one[0].bias
    return [one, other]


ERRORS: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "one network": (
        TypeError, "a list of networks or a function that makes one, got one network",
        lambda: fit_many(mlp()(), nn.CrossEntropyLoss(), Adam, table()),
    ),
    "no networks": (ValueError, "expected models, got an empty list",
                    lambda: fit_many([], nn.CrossEntropyLoss(), Adam, table())),
    "no list": (TypeError, "a list of networks or a function that makes one, got int",
                lambda: fit_many(3, nn.CrossEntropyLoss(), Adam, table())),
    "no module": (TypeError, "expected models of steep.nn.Module, got int",
                  lambda: fit_many([3], nn.CrossEntropyLoss(), Adam, table())),
    "no seeds": (ValueError, "expected seeds, one for each network",
                 lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table())),
    "empty seeds": (ValueError, "expected seeds, got none",
                    lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[])),
    "seeds": (TypeError, "expected seeds to be ints, got float",
              lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[0.5])),
    "how many": (TypeError, r"got the number 4; for so many networks say seeds=range\(4\)",
                 lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=4)),
    "too few seeds": (ValueError, "as many seeds as models, got 1 and 2",
                      lambda: fit_many([mlp()(), mlp()()], nn.CrossEntropyLoss(), Adam, table(),
                                       seeds=[1])),
    "shared": (ValueError, "networks 0 and 1 that share one",
               lambda: fit_many(shared_bias(), nn.CrossEntropyLoss(), Adam, table())),
    "twice": (ValueError, "networks 0 and 1 that share one",
              lambda: fit_many([mlp()()] * 2, nn.CrossEntropyLoss(), Adam, table())),
    "optimizer": (TypeError, "expected optimizer to be a function of the parameters",
                  lambda: fit_many(mlp(), nn.CrossEntropyLoss(), "adam", table(), seeds=[1])),
    "no optimizer": (TypeError, "expected optimizer to be a function of the parameters",
                     lambda: fit_many(mlp(), nn.CrossEntropyLoss(), lambda p: 3, table(),
                                      seeds=[1])),
    "few optimizers": (ValueError, "one optimizer for each of the 2 networks, got a list of 1",
                       lambda: fit_many(mlp(), nn.CrossEntropyLoss(), [Adam], table(),
                                        seeds=[1, 2])),
    "closure": (ValueError, "a step without a closure, got LBFGS",
                lambda: fit_many(mlp(), nn.CrossEntropyLoss(), steep.optim.LBFGS, table(),
                                 seeds=[1])),
    "other parameters": (
        ValueError, "network 0 that has none of them",
        lambda: fit_many(mlp(), nn.CrossEntropyLoss(), [Adam(mlp()().parameters())], table(),
                         seeds=[1]),
    ),
    "loss": (TypeError, "expected loss to be a module or function",
             lambda: fit_many(mlp(), "mse", Adam, table(), seeds=[1])),
    "scheduler": (TypeError, "expected scheduler to be a function of an optimizer",
                  lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1],
                                   scheduler=3)),
    "data": (ValueError, "one train part for each of the 2 networks, got a list of 1",
             lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, [table()], seeds=[1, 2])),
    "epochs": (ValueError, "expected epochs to be at least 0, got -1",
               lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1],
                                epochs=-1)),
    "batch size": (TypeError, "expected batch_size to be an int, got float",
                   lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1],
                                    batch_size=2.5)),
    "stopping": (
        ValueError, "expected early_stopping without a model",
        lambda: fit_many(mlp(), nn.CrossEntropyLoss(), Adam, table(), seeds=[1],
                         early_stopping=steep.train.EarlyStopping(mlp()())),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_what_does_not_fit_together_is_refused(name: str) -> None:
    error, words, call = ERRORS[name]
    with pytest.raises(error, match=words):
        call()
