"""A small table in every form, and states as a model file carries them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

NAN = float("nan")

# Ways to have one table; those without names get x0, x1, ...
FORMS = {
    "pandas": pd.DataFrame,
    "arrow-backed": lambda table: pd.DataFrame(table).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda table: pl.DataFrame(table, strict=False),
    "pyarrow": lambda table: pa.Table.from_pandas(pd.DataFrame(table)),
    "dict": lambda table: {name: np.asarray(values) for name, values in table.items()},
    "records": lambda table: pd.DataFrame(table).to_dict("records"),
}


def through_json(state):
    """What is left of a state that went through a file: arrays apart, the rest as JSON."""
    arrays = []

    def apart(value):
        if isinstance(value, np.ndarray):
            assert value.dtype.kind in "biuf", value.dtype
            arrays.append(value.copy())
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {key: apart(item) for key, item in value.items()}
        return [apart(item) for item in value] if isinstance(value, list) else value

    def together(value):
        if isinstance(value, dict):
            if set(value) == {"array"}:
                return arrays[value["array"]]
            return {key: together(item) for key, item in value.items()}
        return [together(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(apart(state), allow_nan=False)
    return together(json.loads(text))


_RNG = np.random.default_rng(0)
ROWS = 120


def people():
    """Numbers, one with gaps, a truth value, text, and days."""
    days = np.datetime64("2023-11-28") + _RNG.integers(0, 90, ROWS).astype("timedelta64[D]")
    return {
        "age": _RNG.integers(18, 90, ROWS),
        "income": np.where(_RNG.random(ROWS) < 0.2, NAN, _RNG.lognormal(10, 1, ROWS)),
        "member": _RNG.random(ROWS) < 0.5,
        "city": _RNG.choice(["Bern", "Uri", "Zug"], ROWS),
        "since": days.astype("datetime64[us]"),
    }


PEOPLE = people()
