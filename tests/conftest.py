"""What every test starts from: the same seeds, recording switched on, one default dtype."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

import steep

# Bounded and the same on every run: a machine under load must not fail a test, and a failure must
# come back when the test is run again.
settings.register_profile("steep", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("steep")


@pytest.fixture(autouse=True)
def fresh_state() -> Iterator[None]:
    random.seed(0)
    np.random.seed(0)
    steep.manual_seed(0)
    threads = steep.get_num_threads()
    yield
    steep.set_num_threads(threads)
    assert steep.is_grad_enabled(), "the test left recording switched off"
