"""What the tour leaves in its directory: the page, the figures, and every picture as a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everystep.errors import RunError
from everystep.tour.item import Item
from everystep.tour.page import tour_page
from everystep.tour.pictures import PICTURES
from everystep.train import atomic

PAGE, FIGURES = "tour.html", "tour.json"


def checked_directory(out: Path) -> Path:
    """Make the directory, or refuse before anything is computed.

    Raises:
        RunError: It is a file, or nothing may be written there.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"tour: --out {out} is a file; expected a directory to write into: name another.")
    probe = out / (PAGE + atomic.PART)
    with atomic.told(RunError, out, "Name another directory with --out."):
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    return out


def write_tour(out: Path, items: Sequence[Item], seconds: Mapping[str, float]) -> Path:
    """Write the page, the figures and the pictures, all of them or none.

    Args:
        out: A directory that is there.
        items: The items, in order.
        seconds: What each took, by number.

    Returns:
        The page's path.

    Raises:
        RunError: The disk is full, or a file may not be written.
    """
    pictures = {item.number: PICTURES[item.number](item) for item in items}
    files = {f"{picture.name}.svg": picture.svg for drawn in pictures.values() for picture in drawn}
    files |= {FIGURES: figures_json(items) + "\n", PAGE: tour_page(items, pictures, seconds)}
    with atomic.told(RunError, out, "Make room, or name another directory with --out."):
        atomic.write_together({out / name: text.encode() for name, text in files.items()})
    return out / PAGE


def figures_json(items: Sequence[Item]) -> str:
    """Write the items' figures as one JSON object, ``{"N1": {...}, ...}``."""
    figures: dict[str, Any] = {item.number: item.figures for item in items}
    return json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
