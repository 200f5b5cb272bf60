"""Draws the pictures of docs/viz.md, by running its code: needs matplotlib, Pillow, scikit-learn.

    python tools/viz_pictures.py

The picture of the page needs playwright and a Chromium, and stays as it is without them.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from steep.viz._figure import COLOURS

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
NAMES = ("curves", "activations", "confusion", "wrong", "roc", "calibration", "regions", "surface",
         "path", "descent")  # fmt: skip


def code() -> str:
    """The examples of the page, one after the other."""
    text = (ROOT / "docs" / "viz.md").read_text("utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.S))


def shrink(source: Path, target: Path) -> None:
    """The picture with a palette of its own, and smaller if it has more than 60 kB."""
    from PIL import Image

    image = Image.open(source).convert("RGB")
    for colours, wide in ((256, 900), (160, 900), (128, 800), (96, 720), (64, 640)):
        size = min(image.width, wide), image.height * min(image.width, wide) // image.width
        small = image.resize(size, Image.Resampling.LANCZOS)
        palette = with_lines(small).quantize(colours, dither=Image.Dither.NONE)
        small.quantize(palette=palette, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < 60_000:
            break
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


def with_lines(image: Any) -> Any:
    """The picture above patches in the colours of lines, which have too few pixels to be chosen."""
    from PIL import Image, ImageColor

    patch = max(image.width // 21, 1)
    larger = Image.new("RGB", (image.width, image.height + 40), "white")
    larger.paste(image, (0, 0))
    for k, (ink, share) in enumerate(itertools.product(COLOURS, (1.0, 0.65, 0.3))):
        tint = tuple(round(255 - share * (255 - part)) for part in ImageColor.getrgb(ink))
        larger.paste(tint, (k * patch, image.height, (k + 1) * patch, image.height + 40))
    return larger


def photograph(page: Path, target: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium: page.png stays as it is")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1280, "height": 720})
        view.goto(page.as_uri())
        for _ in range(30):
            view.click("#step")
        view.screenshot(path=target)
        browser.close()


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        exec(compile(code(), "docs/viz.md", "exec"), {})
        for picture in NAMES:
            shrink(folder / f"{picture}.png", PICTURES / f"{picture}.png")
        shutil.copy(folder / "graph.svg", PICTURES / "graph.svg")
        photograph(folder / "descent.html", folder / "page.png")
        if (folder / "page.png").exists():
            shrink(folder / "page.png", PICTURES / "page.png")
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
