"""The page that follows a step to machine code prints what it says, and its picture is what is drawn today."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

from renewing import RENEW, drawing, held

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "compiler.md"
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?P<shown>\n(?P<varies><!-- varies -->\n)?```text\n(?P<text>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


def rewritten(page: str) -> str:
    """The page with what its blocks print now; what varies from run to run stays as it is."""
    namespace, pieces, at = {"__name__": "page"}, [], 0
    for found in BLOCK.finditer(page):
        lines = page.count("\n", 0, found.start("code"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * lines + found["code"], str(PAGE), "exec"), namespace)
        pieces += [page[at : found.end("code")], "```\n", shown(found, printed.getvalue())]
        at = found.end()
    return "".join([*pieces, page[at:]])


def shown(found: re.Match[str], printed: str) -> str:
    if not printed:
        return ""
    varies = found["varies"] or ("<!-- varies -->\n" if " ms" in printed else "")
    if varies and found["text"] and not os.environ.get(RENEW):
        printed = found["text"]
    return f"\n{varies}```text\n{printed.rstrip()}\n```\n"


def test_the_page_prints_what_it_says():
    page = PAGE.read_text(encoding="utf-8")
    for _ in range(3 if os.environ.get(RENEW) else 1):  # new text moves the lines that are told
        page = rewritten(page)
    held(page, PAGE)


def test_the_picture_is_what_is_drawn():
    road = drawing(DOCS / "road.py")
    held(road.road(), road.PICTURE)


@pytest.mark.parametrize("stage", ["# LLVM", "## Trace", "## Simplified", "## Plan", "## The backward step", "## Time"])
def test_every_stage_has_its_part(stage):
    assert stage in PAGE.read_text(encoding="utf-8")
