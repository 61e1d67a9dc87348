"""Files: what is read, and every way in which a file is refused."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.tables import frame, write
from everystep.data import read_panel
from everystep.errors import DataError, MissingExtraError, UnknownNameError

GOOD = "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n"


def refusal(source, kind=DataError, **options) -> str:
    with pytest.raises(kind) as caught:
        read_panel(source, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sales.csv: the file is empty; expected a line of column names and rows below it."),
        ("\n\n", "sales.csv: the file is empty; expected a line of column names and rows below it."),
        ("\nds,y\n2024-01-01,1\n", "sales.csv: line 1 is blank; expected the column names."),
        (
            "2024-01-01,1\n2024-01-02,2\n",
            "sales.csv: line 1 holds data (2024-01-01,1); expected the column names: add a line of them.",
        ),
        ("ds,y\n", "sales.csv: there is a header but no row below it."),
        ("ds,y\n\n\n", "sales.csv: there is a header but no row below it."),
        ("ds,y\n2024-01-01,1\n2024-01-02\n", "sales.csv: line 3 has 1 cell where the header has 2."),
        ("ds,y\n2024-01-01,1\n2024-01-02,3,4\n", "sales.csv: line 3 has 3 cells where the header has 2."),
        ('ds,y,c\n1,1,"a\nb"\n2,3\n', "sales.csv: line 4 has 2 cells where the header has 3."),
        ("ds,y,y\n1,1,2\n", 'sales.csv: column "y" stands in the header 2 times; names must differ.'),
        (
            GOOD.encode() + "caf\xe9,2\n".encode("latin-1"),
            "sales.csv: line 5 is not UTF-8 (byte 0xe9); save it as UTF-8.",
        ),
        (GOOD.encode("utf-16"), "sales.csv: the file is UTF-16; save it as UTF-8."),
        (b"ab\x00cd", "sales.csv: the file is binary; expected CSV (UTF-8 text) or Parquet."),
        (b"PK\x03\x04...", "sales.csv: the file is a zip archive or a workbook; save the sheet as CSV."),
        (b"PAR1" + bytes(40), "sales.csv: the Parquet file is damaged or cut short."),
        (
            gzip.compress(GOOD.encode(), mtime=0)[:-9],
            "sales.csv: the gzip file is damaged (Compressed file ended before the end-of-stream marker was reached).",
        ),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_trouble(tmp_path: Path, text, message):
    assert refusal(write(tmp_path, text)) == message


def test_a_missing_file_names_one_like_it(tmp_path: Path):
    write(tmp_path, GOOD)
    assert refusal(tmp_path / "sale.csv") == f'{tmp_path / "sale.csv"}: no such file; did you mean "sales.csv"?'
    assert refusal(tmp_path / "nowhere" / "x.csv") == f"{tmp_path / 'nowhere' / 'x.csv'}: no such file."


def test_a_directory_is_no_file(tmp_path: Path):
    assert refusal(tmp_path) == f"{tmp_path} is a directory; expected a CSV or Parquet file."


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frame().to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refusal(tmp_path / "a.parquet", MissingExtraError) == (
        'a.parquet: reading Parquet needs pyarrow; install it with pip install "everystep[forecast]".'
    )


def test_gzip_parquet_carriage_returns_and_a_byte_order_mark_change_nothing(tmp_path: Path):
    target = read_panel(write(tmp_path, GOOD)).series[0].target
    parquet = tmp_path / "a.parquet"
    pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "y": [1.0, 2.0, 4.0]}).to_parquet(parquet)
    others = [
        write(tmp_path, gzip.compress(GOOD.encode()), "a.csv.gz"),
        write(tmp_path, GOOD.replace("\n", "\r\n"), "b.csv"),
        write(tmp_path, GOOD.replace("\n", "\r"), "old.csv"),
        write(tmp_path, "\ufeff" + GOOD, "c.csv"),
        write(tmp_path, GOOD.rstrip(), "d.csv"),
        parquet,
    ]
    for path in others:
        assert np.array_equal(read_panel(path).series[0].target, target), path.name


def test_semicolons_and_decimal_commas_are_read_and_said(tmp_path: Path):
    panel = read_panel(write(tmp_path, "ds;y\n2024-01-01;1,5\n2024-01-02;2\n2024-01-03;-4,25\n"))
    assert panel.series[0].target[:, 0].tolist() == [1.5, 2.0, -4.25]
    assert panel.notes[0] == "Cells are separated by semicolons."


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path):
    blank = write(tmp_path, "ds,y\n\n2024-01-01,1\n\n2024-01-02,two\n")
    assert refusal(blank) == 'sales.csv: line 5, column "y": "two" is not a number.'
    quoted = write(tmp_path, 'ds,y,c\n2024-01-01,1,"a\nb"\n2024-01-02,two,c\n')
    assert refusal(quoted) == 'sales.csv: line 4, column "y": "two" is not a number.'


def test_text_in_a_column_of_numbers_is_named_with_its_line_and_count(tmp_path: Path):
    path = write(tmp_path, "ds,y\n2024-01-01,1\n2024-01-02,two\n2024-01-03,x\n2024-01-04,4\n")
    assert refusal(path) == 'sales.csv: line 3, column "y": "two" is not a number (2 such cells).'


def test_a_number_too_large_is_named_as_it_was_written(tmp_path: Path):
    path = write(tmp_path, "ds,y\n2024-01-01,1\n2024-01-02,1e400\n2024-01-03,4\n")
    assert refusal(path) == (
        'sales.csv: column "y" holds 1 infinite value, the first at line 3 (series "y", 2024-01-02), where "1e400" is '
        'too large for a float64. Mend the data, or say what to do: nonfinite="interpolate" (a straight line in time; '
        'gaps="fill" does it for missing values) or nonfinite="drop" (the rows go, and leave gaps).'
    )


def test_an_id_called_na_stays_a_text(tmp_path: Path):
    text = "unique_id,ds,y\n" + "".join(f"{one},2024-01-01,1\n{one},2024-01-02,2\n" for one in ("NA", "null", "007"))
    assert read_panel(write(tmp_path, text)).ids == ("NA", "null", "007")


def test_marks_of_missing_numbers_are_missing_values(tmp_path: Path):
    text = "ds,y\n2024-01-01,1\n2024-01-02,NA\n2024-01-03,\n2024-01-04,null\n2024-01-05,n/a\n2024-01-06,11\n"
    assert 'column "y" holds 4 missing values, the first at line 3' in refusal(write(tmp_path, text))


def test_a_column_of_row_numbers_without_a_name_is_left_out(tmp_path: Path):
    path = tmp_path / "pandas.csv"
    frame().to_csv(path)
    assert read_panel(path).schema.past == ()


def test_an_unknown_column_suggests_the_nearest(tmp_path: Path):
    assert refusal(write(tmp_path, GOOD.replace("y", "sales", 1)), UnknownNameError, target="slaes") == (
        'sales.csv: column "slaes" is unknown; did you mean "sales"? Known here: ds, sales.'
    )


def test_what_is_no_table_at_all_is_refused_by_its_kind():
    assert refusal(np.zeros(3)) == (
        "the data is a ndarray; expected the path of a CSV or Parquet file, or a pandas, polars or Arrow frame."
    )


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path):
    import time

    table = pd.concat([frame(1000).assign(unique_id=f"s{i}") for i in range(100)])
    table.to_csv(tmp_path / "big.csv", index=False)
    start = time.perf_counter()
    panel = read_panel(tmp_path / "big.csv")
    # 100,000 rows take 0.2 s on an idle core; 5 s leaves room for a busy one, and not for a loop over cells
    assert time.perf_counter() - start < 5
    assert len(panel.series) == 100
