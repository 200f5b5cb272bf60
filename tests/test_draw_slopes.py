"""The slopes of gamma and beta draws, by every way in which they are computed."""

from __future__ import annotations

import numpy as np
import pytest

import steep
from steep import _core

# parameter, draw, slope: by the power series in 40 digits
GAMMA = [
    (0.001, 1e-200, 4.5994144666699882e-195),
    (0.05, 1e-09, 4.0450841731631752e-7),
    (0.05, 0.3, 7.6847334012938251),
    (0.05, 3.5, 17.908557678558497),
    (0.7, 0.2, 0.60764873747602978),
    (0.7, 5.0, 2.8470123807946615),
    (0.7, 30.0, 4.6085634127396361),
    (1.0, 1.0, 1.1735630272247269),
    (3.0, 0.01, 0.019588658948523626),
    (3.0, 2.5, 0.96336182883997331),
    (3.0, 9.5, 1.778265136506526),
    (9.0, 0.5, 0.17247716098635167),
    (9.0, 9.0, 1.0187107360152973),
    (9.0, 40.0, 1.9584649318810392),
    (39.0, 41.0, 1.029605859798219),
    (41.0, 39.0, 0.97917639723940961),
    (500.0, 20.0, 0.13415331698063903),
    (500.0, 520.0, 1.0200785066309664),
    (500.0, 4000.0, 2.3771982316216753),
]
# both parameters, draw, slope over 1 - draw
BETA = [
    (0.05, 0.3, 1e-12, 6.0208493988928042e-10),
    (0.05, 0.3, 0.6, 39.802133834333835),
    (0.4, 0.3, 0.5, 2.8436420962357152),
    (1.0, 3.0, 0.1, 0.18861479661700338),
    (1.0, 3.0, 0.9, 0.58505171405615831),
    (2.0, 0.5, 0.99, 0.55780691265493667),
    (20.0, 5.0, 0.7, 0.038192701177723571),
    (20.0, 5.0, 0.9, 0.043350745588497388),
    (0.3, 60.0, 0.002, 0.014810959112164676),
    (0.3, 60.0, 0.2, 0.096539881330339191),
    (100.0, 0.5, 0.9999, 0.010024498002077434),
    (300.0, 400.0, 0.42, 0.0014156460670340794),
    (300.0, 400.0, 0.45, 0.0014652245015246563),
    (60.0, 0.3, 0.999, 0.016755700844148242),
]


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 3e-14), ("float32", 1e-6)])
def test_gamma_draws_move_as_forty_digits_say(dtype: str, rtol: float) -> None:
    rows = np.array(GAMMA[dtype == "float32" :]).T  # a float does not hold the first draw
    if dtype == "float64":
        a, x, slope = (steep.tensor(row, dtype=steep.float64) for row in rows)
        np.testing.assert_allclose(_core._standard_gamma_grad(a, x).numpy(), slope.numpy(), rtol)
        return
    a, x = (steep.tensor(row.astype(np.float32)) for row in rows[:2])
    exact = _core._standard_gamma_grad(a.double(), x.double()).numpy()  # of the rounded arguments
    np.testing.assert_allclose(_core._standard_gamma_grad(a, x).numpy(), exact, 1.2e-7)
    np.testing.assert_allclose(exact, rows[2], rtol)


def test_beta_draws_move_as_forty_digits_say() -> None:
    a, b, x, slope = np.array(BETA).T
    given = [steep.tensor(array) for array in (x, a, a + b)]
    np.testing.assert_allclose(_core._dirichlet_grad(*given).numpy(), slope, 1e-12)
    rounded = [t.float() for t in given]
    exact = _core._dirichlet_grad(*(t.double() for t in rounded)).numpy()
    np.testing.assert_allclose(_core._dirichlet_grad(*rounded).numpy(), exact, 1.3e-7)


def test_ways_meet_where_one_hands_over_to_the_next() -> None:
    a = np.repeat([0.3, 2.0, 39.999, 40.0, 40.001, 200.0], 2000)
    x = a * np.tile(np.geomspace(0.2, 12, 2000), 6)
    slopes = _core._standard_gamma_grad(steep.tensor(a), steep.tensor(x)).numpy().reshape(6, -1)
    assert (slopes > 0).all()
    assert (np.diff(slopes) > 0).all()  # the further out, the further it moves
    single = _core._standard_gamma_grad(steep.tensor(a).float(), steep.tensor(x).float())
    np.testing.assert_allclose(single.numpy().reshape(6, -1), slopes, 3e-6)


def test_the_ends_stay_what_they_were() -> None:
    a, x = steep.tensor([2.0, -1.0, 2.0, 0.0]), steep.tensor([0.0, 1.0, -1.0, 1.0])
    np.testing.assert_array_equal(
        _core._standard_gamma_grad(a, x).numpy(), np.float32([0, np.nan, np.nan, np.nan])
    )
    x, a, total = (steep.tensor([v, v2]) for v, v2 in ((0.0, 2.0), (1.0, 1.0), (2.0, 2.0)))
    np.testing.assert_array_equal(
        _core._dirichlet_grad(x, a, total).numpy(), np.float32([0, np.nan])
    )
