"""The descent page, driven in a browser without a screen."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import steep
from steep.viz import descend, save_page
from steep.viz.page import PAGE_OPTIMIZERS
from steep.viz.surfaces import SURFACES, Surface

CHROMIUM = shutil.which("chromium")
WAIT = 120_000  # ms; on a busy machine a browser may take long


def make_page(folder: Path) -> Path:
    """A page that begins with one path that it can repeat and one that it cannot."""
    path = folder / "page.html"
    descend("ravine", ["momentum", "lbfgs"], start=(-4, 1), lr=0.03, steps=25).save_page(path)
    return path


class Driven:
    """An open page, what it said to its console, and what it asked the network for."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.said, self.asked = page, [], []
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.page.evaluate("steepPage.state()")
        return state

    def track(self, name: str) -> dict[str, Any]:
        (track,) = (t for t in self.state()["tracks"] if t["name"] == name)
        return dict(track)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path to open the page in")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=WAIT
        )
        yield opened
        opened.close()


@pytest.fixture
def driven(browser: Any, tmp_path: Path) -> Iterator[Driven]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    driven = Driven(page, make_page(tmp_path))
    yield driven
    page.close()
    assert driven.said == []
    assert [url[:5] for url in driven.asked] in (["file:"], ["file:", "data:"])


def test_formulas_repeat_the_engine(driven: Driven) -> None:
    check = driven.page.evaluate("steepPage.check")
    assert check["compared"] == len(SURFACES) * len(PAGE_OPTIMIZERS) + 1
    assert check["same"]
    assert check["most"] < 1e-12  # rounding, in another order of operations, over 100 steps
    assert "repeats 49 exported paths" in driven.page.text_content("#check")


def test_formulas_repeat_the_engine_elsewhere(driven: Driven) -> None:
    """From a start, at a rate and with a momentum that nothing was exported for."""
    run = (
        "([name, start, m, lr, steps, surface]) => { const t = new Track("
        "DATA.surfaces.find(s => s.name === surface), name, lr, m, start);"
        "for (let k = 0; k < steps; k++) t.step(); return [t.points, t.values, t.diverged]; }"
    )
    for surface in SURFACES.values():
        start = (0.7 * surface.start[0] + 0.1, 0.6 * surface.start[1] + 0.2)
        descent = descend(surface, PAGE_OPTIMIZERS, start=start, lr=0.004, momentum=0.7, steps=40)
        for name, path in descent.paths.items():
            arguments = [name, start, 0.7, 0.004, 40, surface.name]
            points, values, diverged = driven.page.evaluate(run, arguments)
            assert diverged == path.diverged
            for ours, theirs in zip(points, path.points, strict=True):
                assert math.dist(ours, theirs) < 1e-12 * max(1, math.hypot(*theirs)), name
            assert values == pytest.approx(path.values, rel=1e-9, abs=1e-12)


def test_page_begins_with_the_descent(driven: Driven) -> None:
    state = driven.state()
    assert state["surface"] == "ravine"
    assert state["start"] == [-4, 1]
    assert not state["running"]
    assert [t["name"] for t in state["tracks"]] == ["momentum", "lbfgs"]
    assert all(t["exported"] and t["steps"] == 0 for t in state["tracks"])
    assert driven.page.is_disabled("#lr-lbfgs")
    for _ in range(30):
        driven.page.click("#step")
    assert driven.track("lbfgs")["steps"] == 25  # the end of what was exported
    assert driven.track("momentum")["steps"] == 30
    assert driven.track("momentum")["difference"] < 1e-12


def test_click_run_pause_step(driven: Driven) -> None:
    page = driven.page
    page.select_option("#surface", "rosenbrock")
    page.uncheck("#use-momentum")
    page.check("#use-adam")
    page.fill("#lr-adam", "0.05")
    page.press("#lr-adam", "Enter")
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.25 * box["height"])
    start = driven.state()["start"]
    surface: Surface = SURFACES["rosenbrock"]
    (x0, x1), (y0, y1) = surface.domain
    assert start[0] == pytest.approx((x0 + x1) / 2 - 0.1, abs=0.15)
    assert start[1] == pytest.approx(y0 + 0.76 * (y1 - y0), abs=0.15)
    assert driven.track("adam") | {"difference": None} == driven.track("adam")  # none exported

    page.click("#run")
    assert driven.state()["running"]
    page.wait_for_function("steepPage.state().tracks.every(t => t.name === 'lbfgs' || t.steps > 3)")
    page.click("#pause")
    assert not driven.state()["running"]
    before = driven.track("adam")
    page.wait_for_timeout(120)
    assert driven.track("adam") == before
    page.click("#step")
    after = driven.track("adam")
    assert after["steps"] == before["steps"] + 1
    theirs = descend(surface, "adam", start=start, lr=0.05, steps=after["steps"]).paths["adam"]
    assert after["point"] == pytest.approx(theirs.points[-1], rel=1e-12)
    assert str(after["steps"]) in page.text_content("#row-adam")
    page.click("#restart")
    assert driven.track("adam")["steps"] == 0


def test_divergence_is_said(driven: Driven) -> None:
    page = driven.page
    page.fill("#lr-momentum", "0.5")
    page.press("#lr-momentum", "Enter")
    for _ in range(12):
        page.click("#step")
    assert driven.track("momentum")["diverged"] is not None
    assert "diverged at" in page.text_content("#row-momentum")
    page.fill("#lr-momentum", "-1")  # refused: the rate stays
    page.press("#lr-momentum", "Enter")
    assert driven.track("momentum")["lr"] == 0.5
    page.click("#defaults")
    assert driven.track("momentum")["lr"] == SURFACES["ravine"].lr


def test_a_replayed_path_ends_as_the_engines(browser: Any, tmp_path: Path) -> None:
    descent = descend("saddle", {"mine": lambda p: steep.optim.SGD(p, lr=5.0)}, steps=20)
    descent.save_page(tmp_path / "page.html")
    page = browser.new_page()
    driven = Driven(page, tmp_path / "page.html")
    for _ in range(20):
        page.click("#step")
    track = driven.track("mine")
    assert track["diverged"] == descent.paths["mine"].diverged is not None
    assert track["point"] == list(descent.paths["mine"].points[-1])
    assert "fell without end" in page.text_content("#row-mine")
    assert driven.said == []
    page.close()


def test_every_surface_is_drawn(driven: Driven) -> None:
    seen = set()
    for name in SURFACES:
        driven.page.select_option("#surface", name)
        seen.add(driven.page.evaluate("document.getElementById('map').toDataURL().length"))
    assert len(seen) == len(SURFACES)


def test_page_is_one_file_of_its_own(tmp_path: Path) -> None:
    text = make_page(tmp_path).read_text("utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "@@" not in text
    assert len(text) < 400_000


def test_what_cannot_be_a_page(tmp_path: Path) -> None:
    own = Surface("own", "", "", "", (), ((0, 1), (0, 1)), (0.5, 0.5), 0.1,
                  SURFACES["bowl"].function, SURFACES["bowl"].gradient)  # fmt: skip
    with pytest.raises(ValueError, match="whose formula the page does not have"):
        descend(own, "sgd", steps=1).save_page(tmp_path / "page.html")
    with pytest.raises(ValueError, match=r"ends in \.html"):
        save_page(tmp_path / "page.txt")
    with pytest.raises(TypeError, match="what descend returns, got a int"):
        save_page(tmp_path / "page.html", 3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
