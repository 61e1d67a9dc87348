"""The documents tell the truth: their Python runs, and their `everystep` commands run."""

from __future__ import annotations

import itertools
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from everystep.cells import CELLS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n+)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str
    line: int  # of its first line, counted from 1
    file: str  # that it is the whole of; empty for most


def blocks(document: Path, *languages: str) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], line_of(text, found.start("text")), file_of(found["note"] or ""))
        for found in FENCE.finditer(text)
        if found["language"] in languages and not (found["note"] or "").startswith("not run:")
    ]


def line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def file_of(note: str) -> str:
    return note.removeprefix("file: ") if note.startswith("file: ") else ""


def commands(document: Path) -> list[list[str]]:
    """The `everystep` commands of a document, comments left out and continued lines joined."""
    text = "".join(block.text for block in blocks(document, "console", "sh", "bash")).replace("\\\n", " ")
    lines = (line.removeprefix("$ ") for line in text.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line.startswith("everystep")]


def named(documents):
    return [pytest.param(document, id=str(document.relative_to(ROOT))) for document in documents]


def write_pairs(folder: Path) -> None:
    """Write the texts of the translation in the README."""
    lines = [" ".join(choice) for choice in itertools.product(("a", "one"), ("small", "big", "red"), ("cat", "dog"))]
    for name, text in {"train.en": lines, "train.de": [line.upper() for line in lines], "input.txt": lines}.items():
        (folder / name).write_text("\n".join(text * 4) + "\n", encoding="utf-8")


@pytest.fixture
def registry():
    """The registry of cells, put back as it was: a document may show how to add one."""
    before = dict(CELLS)
    yield
    CELLS.clear()
    CELLS.update(before)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("document", named(d for d in DOCUMENTS if blocks(d, "python")))
def test_python_of_the_document_runs(document, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_sales(tmp_path / "sales.csv")
    namespace = {"__name__": "document"}
    for block in blocks(document, "python"):
        code = "\n" * (block.line - 1) + block.text  # so that a traceback shows the document's own line
        exec(compile(code, str(document), "exec"), namespace)


@pytest.mark.timeout(240)  # several trainings, small as they are, and a start of torch for each command
@pytest.mark.parametrize("document", named(d for d in DOCUMENTS if commands(d)))
def test_commands_of_the_document_run(document, tmp_path):
    write_sales(tmp_path / "sales.csv")
    write_pairs(tmp_path)
    for command in commands(document):
        small = ["--epochs", "2"] if "fit" in command[1:3] and "--epochs" not in command else []
        typed = shlex.join([sys.executable, "-m", *command, *small]).replace("'<'", "<").replace("'>'", ">")
        done = subprocess.run(typed, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{typed}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def added_cell():
    """The one cell of CONTRIBUTING that is shown as a whole file."""
    (block,) = (block for block in blocks(ROOT / "CONTRIBUTING.md", "python") if block.file)
    return block


def test_a_cell_added_in_one_file_passes_every_test_of_cells(added_cell, tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / added_cell.file).write_text(added_cell.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/cells", "-k", "minimal_rnn"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout  # pytest leaves with 5 where it found no test


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_a_cell_added_in_one_file_is_in_style(added_cell, check):
    command = [sys.executable, "-m", "ruff", *check, "--no-cache", "--stdin-filename", added_cell.file, "-"]
    done = subprocess.run(command, cwd=ROOT, input=added_cell.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_link_between_documents_leads_somewhere():
    missing = [
        (document.name, link)
        for document in DOCUMENTS
        for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))
        if not (document.parent / link).exists()
    ]
    assert not missing


def test_no_page_has_the_name_of_one_that_the_documentation_makes_itself():
    own = {"search", "genindex", "py-modindex"}  # Sphinx writes these over ours
    assert not own & {document.stem for document in DOCUMENTS}


def write_sales(path: Path) -> None:
    """Write 240 days of sales with a weekly pattern, a slow rise and chance."""
    first = date(2024, 1, 1)
    rows = (
        f"{first + timedelta(days=t)},{100 + t / 10 + 20 * math.sin(math.tau * t / 7) + 5 * math.sin(t * t):.2f}"
        for t in range(240)
    )
    path.write_text("\n".join(["date,sales", *rows]) + "\n", encoding="utf-8")
