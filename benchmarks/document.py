"""Documents whose end a program writes: what stands behind a mark is put there anew with each run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def write_behind(mark: str, page: Path, text: str) -> None:
    """Put a text in the place of what stands behind the mark.

    Raises:
        SystemExit: The page has no such mark.
    """
    before, found, _ = page.read_text(encoding="utf-8").partition(mark)
    if not found:
        raise SystemExit(f"{page}: the line {mark!r} is missing; figures go behind it.")
    page.write_text(f"{before}{mark}\n\n{text}", encoding="utf-8")


def table(head: Sequence[str], lines: Iterable[Sequence[str]], left: int = 1) -> str:
    """Lay out lines under a head as Markdown; all but the first few columns to the right."""
    rule = [*[":--"] * left, *["--:"] * (len(head) - left)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
