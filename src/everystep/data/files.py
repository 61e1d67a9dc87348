"""Read a CSV or Parquet file into a table. Text stays text: what it means is decided later, column by column."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np

from everystep.data.frames import table_from_frame
from everystep.data.table import Table
from everystep.data.wording import counted
from everystep.errors import DataError, MissingExtraError
from everystep.files import UTF16_MARKS, check_text, read_bytes

DELIMITERS = (",", ";", "\t", "|")
A_DATE = r"\d{4}-\d\d-\d\d"
DELIMITER_NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_file(path: Path) -> Table:
    """Read one file, CSV (also gzipped) or Parquet, whatever its name ends in."""
    raw = read_bytes(path, path.name, "a CSV or Parquet file")
    if raw.startswith(b"PAR1"):
        return _read_parquet(raw, path.name)
    return _read_csv(_text_bytes(raw, path.name), path.name)


def _read_parquet(raw: bytes, name: str) -> Table:
    import pandas as pd

    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError(
            f'{name}: reading Parquet needs pyarrow; install it with pip install "everystep[forecast]".'
        ) from error
    try:
        frame = pd.read_parquet(io.BytesIO(raw), engine="pyarrow")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: the Parquet file is damaged or cut short.") from error
    return table_from_frame(frame, name)


def _text_bytes(raw: bytes, name: str) -> bytes:
    """Return the bytes of a UTF-8 text, without its mark and with one kind of line end; or say what they are."""
    if not raw.strip():
        raise DataError(f"{name}: the file is empty; expected a line of column names and rows below it.")
    if raw.startswith(b"PK\x03\x04"):
        raise DataError(f"{name}: the file is a zip archive or a workbook; save the sheet as CSV.")
    if b"\x00" in raw[:65536] and not raw.startswith(UTF16_MARKS):
        raise DataError(f"{name}: the file is binary; expected CSV (UTF-8 text) or Parquet.")
    raw = check_text(raw, name)
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw


def _read_csv(raw: bytes, name: str) -> Table:
    import pandas as pd

    header, delimiter = _header(raw, name)
    _check_widths(raw, name, len(header), delimiter)
    try:
        frame = pd.read_csv(
            io.BytesIO(raw), sep=delimiter, dtype=object, na_filter=False, skip_blank_lines=False, skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{name}: {str(error).strip()}; expected {len(header)} cells in every line.") from error
    if not isinstance(frame.index, pd.RangeIndex) or frame.shape[1] != len(header):
        raise DataError(f"{name}: the rows have more cells than the header, which has {len(header)}.")
    columns = {column: frame.iloc[:, i].to_numpy(dtype=object) for i, column in enumerate(header)}
    return _without_blank_lines(columns, raw, name, delimiter)


def _header(raw: bytes, name: str) -> tuple[list[str], str]:
    first = raw.split(b"\n", 1)[0].decode("utf-8")
    if not first.strip():
        raise DataError(f"{name}: line 1 is blank; expected the column names.")
    delimiter = max(DELIMITERS, key=first.count)  # the first of equals: a comma
    try:
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise DataError(f"{name}: line 1 can't be read as column names ({error}).") from error
    if any(re.match(A_DATE, cell) for cell in header):
        raise DataError(
            f"{name}: line 1 holds data ({first.strip()[:60]}); expected the column names: add a line of them."
        )
    twice = [column for column, times in Counter(header).items() if times > 1]
    if twice:
        raise DataError(
            f'{name}: column "{twice[0]}" stands in the header {header.count(twice[0])} times; names must differ.'
        )
    return header, delimiter


def _check_widths(raw: bytes, name: str, width: int, delimiter: str) -> None:
    """Refuse lines of another width than the header's: the parser would fill short ones without a word."""
    cells, lines = _widths_of_quoted(raw, delimiter) if b'"' in raw else _widths(raw, delimiter)
    bad = np.flatnonzero(cells != width)
    if len(bad):
        at = bad[0]
        raise DataError(f"{name}: line {lines[at]} has {counted(int(cells[at]), 'cell')} where the header has {width}.")


def _widths(raw: bytes, delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    """Count the cells of each line that is not blank, and number these lines from 1."""
    if not raw.endswith(b"\n"):
        raw += b"\n"
    data = np.frombuffer(raw, dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    cells = np.diff(np.searchsorted(np.flatnonzero(data == ord(delimiter)), ends), prepend=0) + 1
    used = np.diff(ends, prepend=-1) > 1
    return cells[used], np.flatnonzero(used) + 1


def _widths_of_quoted(raw: bytes, delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    """Count cells where quotes may hide delimiters and line ends; a row is numbered by its last line."""
    reader = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        found = [(len(row), reader.line_num) for row in reader if row]
    except csv.Error:
        found = []  # cells too long for this reader: left to the parser
    cells, lines = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return cells, lines


def _without_blank_lines(columns: dict[str, np.ndarray], raw: bytes, name: str, delimiter: str) -> Table:
    used = np.zeros(len(next(iter(columns.values()))), dtype=bool)
    for values in columns.values():
        used |= values != ""
    if not used.any():
        raise DataError(f"{name}: there is a header but no row below it.")
    places = np.arange(len(used)) + 2  # line 1 is the header
    if raw.count(b"\n") > len(used) + 1:
        places += _lines_inside_cells(columns)
    notes = (f"Cells are separated by {DELIMITER_NAMES[delimiter]}.",) if delimiter != "," else ()
    return Table(
        name=name,
        columns={column: values[used] for column, values in columns.items()},
        unit="line",
        places=places[used],
        decimal="," if delimiter == ";" else ".",
        notes=notes,
    )


def _lines_inside_cells(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Count the line ends in the quoted cells of all rows before each row."""
    inside = sum(np.array([cell.count("\n") for cell in values]) for values in columns.values())
    return np.cumsum(inside) - inside
