"""Let optimisers go down a surface, step by step; print a table, or make a picture or a page.

Surfaces and optimisers are those of `steep.viz.descend`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "steep descend rosenbrock --optimizer adam --optimizer sgd -o descent.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What goes down what, and how."""
    from steep.viz.surfaces import SURFACES

    parser.add_argument("surface", help=f"one of {', '.join(SURFACES)}")
    parser.add_argument(
        "--optimizer",
        action="append",
        metavar="NAME",
        help="as often as you like; default: sgd, momentum and adam",
    )
    parser.add_argument("--lr", type=float, help="learning rate; default: one for each optimiser")
    parser.add_argument("--momentum", type=float, default=0.9, help="default: 0.9")
    parser.add_argument("--steps", type=int, default=200, help="default: 200")
    parser.add_argument("--start", type=float, nargs=2, metavar=("X", "Y"), help="where to begin")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="a picture (.png, .svg, .pdf), an animation (.gif) or a page to try it in (.html)",
    )


def run(options: argparse.Namespace) -> int:
    """Descend, print the table, and write what is asked for."""
    from steep.viz import descend

    suffixes = (".png", ".svg", ".pdf", ".gif", ".html")
    if options.output is not None and options.output.suffix not in suffixes:
        raise ValueError(
            f"{options.output}: expected a file that ends in {', '.join(suffixes)}, got "
            f"{options.output.suffix or 'no ending'}"
        )
    descent = descend(
        options.surface,
        options.optimizer or ("sgd", "momentum", "adam"),
        start=options.start,
        lr=options.lr,
        momentum=options.momentum,
        steps=options.steps,
    )
    print(descent)
    if options.output is None:
        return 0
    if options.output.suffix == ".html":
        descent.save_page(options.output)
    elif options.output.suffix == ".gif":
        descent.animate(options.output)
    else:
        descent.figure(save=options.output)
    print(f"written to {options.output}")
    return 0
