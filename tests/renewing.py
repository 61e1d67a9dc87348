"""Texts kept in files, so that a change of what is printed shows as a difference; `make golden` renews them."""

from __future__ import annotations

import difflib
import importlib.util
import os
from pathlib import Path
from types import ModuleType

RENEW = "EVERYSTEP_RENEW"
MEND = "If the change is meant, renew the text with `make golden` and look at the difference before you commit it."


def drawing(file: Path) -> ModuleType:
    """Load the program that draws the pictures of a page."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def held(text: str, file: Path) -> None:
    """Hold a text to that of a file, or renew the file where that is asked for."""
    if os.environ.get(RENEW):
        file.write_text(text, encoding="utf-8")
        return
    known = file.read_text(encoding="utf-8") if file.exists() else ""
    if text != known:
        lines = difflib.unified_diff(known.splitlines(), text.splitlines(), str(file.name), "now", lineterm="")
        raise AssertionError("\n".join([*lines, "", MEND]))
