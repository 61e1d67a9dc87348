"""Read parallel text: two files line by line, one file of pairs, or two lists."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from everystep.errors import ArgumentError, DataError
from everystep.files import read_bytes
from everystep.text.lines import Lines, Source, lines_of, read_lines
from everystep.text.notes import LeftOut, left_out

EMPTY = ("leave out", "keep", "refuse")
SCAN = r"IN: (.*) OUT: (.*)"  # how the SCAN files write a pair


@dataclass(frozen=True)
class ParallelText:
    """Pairs of lines that belong together, in the order of the files."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    name: str  # of the file or files
    unit: str  # "line" or "entry"
    numbers: tuple[int, ...]  # of the line that each pair stands on, from 1
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, index: int) -> str:
        """Name one pair: ``train.en + train.de: line 3``."""
        return f"{self.name}: {self.unit} {self.numbers[index]}"


def read_parallel(source: Source, target: Source, *, empty: str = "leave out") -> ParallelText:
    """Read two texts whose lines belong together.

    Args:
        source: The path of a file, UTF-8, plain or gzip; or a list of lines.
        target: The same for the other side.
        empty: What to do with a pair one side of which is empty, or white space: ``"leave out"`` (counted in
            ``left_out``), ``"refuse"``, or ``"keep"`` (as scoring does, where line i answers line i).

    Returns:
        The pairs.

    Raises:
        DataError: The texts have different numbers of lines, or no pair is left; or as :func:`read_lines` refuses.
        ArgumentError: ``empty`` is none of the three.

    Example:
        >>> from everystep.text import read_parallel
        >>> text = read_parallel(["a cat", "", "a dog"], ["une chatte", "un rat", "un chien"])
        >>> len(text), str(text.left_out[0])
        (2, '1 pair left out because the source is empty; the first is the source + the target: entry 2.')
    """
    sides = read_lines(source, "the source"), read_lines(target, "the target")
    if len(sides[0]) != len(sides[1]):
        have = " and ".join(f"{side.name} has {len(side):,}" for side in sides)
        raise DataError(f"{have} lines; expected as many in both: line i of one belongs to line i of the other.")
    name = sides[0].name if sides[0].name == sides[1].name else f"{sides[0].name} + {sides[1].name}"
    return _paired(sides[0].texts, sides[1].texts, name, sides[0].unit, empty)


def read_pairs(
    path: str | os.PathLike[str],
    *,
    columns: tuple[int, int] | None = None,
    pattern: str | None = None,
    empty: str = "leave out",
) -> ParallelText:
    r"""Read pairs from one file: source, tab, target on each line.

    Args:
        path: A file, UTF-8, plain or gzip. It has no header.
        columns: Which columns hold source and target, from 1, where there are more than two.
        pattern: Instead of tabs, a regular expression that fits every line and has two groups, source and target;
            ``everystep.text.SCAN`` is that of the SCAN files.
        empty: As for :func:`read_parallel`.

    Returns:
        The pairs.

    Raises:
        DataError: A line has another number of columns, or does not fit; or as :func:`read_parallel` refuses.
        ArgumentError: An argument is out of range, or both ``columns`` and ``pattern`` are given.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from everystep.text import read_pairs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "words.tsv"
        ...     _ = path.write_text("cat\tK AE T\ndog\tD AO G\n", encoding="utf-8")
        ...     read_pairs(path).target
        ('K AE T', 'D AO G')
    """
    lines = lines_of(read_bytes(Path(path), str(path), "a text file of pairs"), str(path))
    pairs = _by_tabs(lines, columns) if pattern is None else _by_pattern(lines, pattern, columns)
    return _paired([source for source, _ in pairs], [target for _, target in pairs], lines.name, lines.unit, empty)


def _by_tabs(lines: Lines, columns: tuple[int, int] | None) -> list[tuple[str, str]]:
    rows = [text.split("\t") for text in lines.texts]
    width = 2 if columns is None else len(rows[0])
    first, second = _columns(columns or (1, 2), width, lines.name)
    for index, row in enumerate(rows):
        if len(row) != width and lines.texts[index].strip():
            raise _of_another_width(lines, index, len(row), width)
    return [(row[first], row[second]) if len(row) == width else ("", "") for row in rows]


def _of_another_width(lines: Lines, index: int, found: int, width: int) -> DataError:
    if found == 1:
        return DataError(f"{lines.place(index)} has no tab; expected source, tab, target.")
    mend = "" if found < 3 or index else " Say which hold source and target: columns=(1, 2)."
    return DataError(f"{lines.place(index)} has {found} columns; expected {width}, parted by tabs.{mend}")


def _columns(columns: tuple[int, int], width: int, name: str) -> tuple[int, int]:
    first, second = columns
    if not (1 <= first <= width and 1 <= second <= width):
        raise ArgumentError(f"read_pairs: columns is {columns}; expected two of 1 to {width}: {name} has no others.")
    return first - 1, second - 1


def _by_pattern(lines: Lines, pattern: str, columns: tuple[int, int] | None) -> list[tuple[str, str]]:
    if columns is not None:
        raise ArgumentError("read_pairs: columns and pattern are both given; expected one of them.")
    try:
        form = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(f'read_pairs: pattern "{pattern}" is no regular expression ({error}).') from error
    if form.groups != 2:
        raise ArgumentError(f'read_pairs: pattern "{pattern}" has {form.groups} groups; expected 2, source and target.')
    pairs = []
    for index, text in enumerate(lines.texts):
        found = form.fullmatch(text)
        if found is None and text.strip():
            raise DataError(f'{lines.place(index)} does not fit the pattern "{pattern}": "{text[:60]}".')
        pairs.append((found[1] or "", found[2] or "") if found else ("", ""))
    return pairs


def _paired(source: Sequence[str], target: Sequence[str], name: str, unit: str, empty: str) -> ParallelText:
    if empty not in EMPTY:
        raise ArgumentError(f'read_parallel: empty is "{empty}"; expected one of {", ".join(EMPTY)}.')
    whole = ParallelText(tuple(source), tuple(target), name, unit, tuple(range(1, len(source) + 1)))
    if empty == "keep":
        return whole
    bare = [(not one.strip(), not other.strip()) for one, other in zip(source, target, strict=True)]
    if empty == "refuse" and any(map(any, bare)):
        at = next(index for index, sides in enumerate(bare) if any(sides))
        raise DataError(
            f"{whole.place(at)}: the {'source' if bare[at][0] else 'target'} is empty; expected text on both sides. "
            'Mend the line, or leave such pairs out: empty="leave out".'
        )
    notes = (
        *left_out("source and target are empty", [whole.place(i) for i, sides in enumerate(bare) if all(sides)]),
        *left_out("the source is empty", [whole.place(i) for i, sides in enumerate(bare) if sides == (True, False)]),
        *left_out("the target is empty", [whole.place(i) for i, sides in enumerate(bare) if sides == (False, True)]),
    )
    return chosen(whole, [index for index, sides in enumerate(bare) if not any(sides)], notes)


def chosen(text: ParallelText, kept: Sequence[int], notes: tuple[LeftOut, ...]) -> ParallelText:
    """Keep some of the pairs, with notes on the others.

    Raises:
        DataError: None is left.
    """
    if not kept:
        why = " ".join(map(str, (*text.left_out, *notes)))
        raise DataError(f"{text.name}: no pair is left. {why}".rstrip())
    return ParallelText(
        tuple(text.source[i] for i in kept),
        tuple(text.target[i] for i in kept),
        text.name,
        text.unit,
        tuple(text.numbers[i] for i in kept),
        (*text.left_out, *notes),
    )
