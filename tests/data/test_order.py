"""Order within series: unsorted, duplicated, static columns that change, constant targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data.tables import frame, several, write
from everystep.data import read_panel
from everystep.errors import ArgumentError, DataError


def refusal(source, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_panel(source, **options)
    return str(caught.value)


def test_times_that_fall_are_refused_naming_series_and_line(tmp_path):
    text = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-03,2\na,2024-01-02,4\nb,2024-01-02,1\nb,2024-01-01,5\n"
    assert refusal(write(tmp_path, text)) == (
        'sales.csv: series "a" is not sorted by time: line 4 (2024-01-02) comes after 2024-01-03. '
        '2 series are not sorted. Sort the rows by time, or pass unsorted="sort".'
    )


def test_sorting_on_demand_is_said_and_gives_the_sorted_series():
    table = several()
    panel = read_panel(table.sample(frac=1, random_state=0), unsorted="sort")
    assert any("sorted by time" in note for note in panel.notes)
    expected = {one.id: one.target for one in read_panel(table).series}
    assert all(np.array_equal(one.target, expected[one.id]) for one in panel.series)


def test_series_may_lie_interleaved():
    panel = read_panel(several().sort_values("ds", kind="stable"))
    assert panel.ids == ("a", "b", "c")
    assert panel.series[1].target[3, 0] == 18


def test_duplicated_times_are_refused_naming_series_time_lines_and_count(tmp_path):
    text = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,1\nb,2024-01-02,5\nb,2024-01-02,6\n"
    path = write(tmp_path, text)
    assert refusal(path) == (
        'sales.csv: series "b" has the time 2024-01-02 twice (line 5 and line 6); 1 duplicated time in 1 series. '
        'Remove one of each, or pass duplicates="first" or "last".'
    )
    assert read_panel(path, duplicates="first").series[1].target[-1] == 5
    assert read_panel(path, duplicates="last").series[1].target[-1] == 6


def test_several_series_without_an_id_are_recognised():
    stores = several().rename(columns={"unique_id": "store"})
    assert "If there are several series, name the column that tells them apart (id)." in refusal(stores)
    assert len(read_panel(stores, id="store").series) == 3


def test_a_static_column_that_changes_is_refused_naming_the_series():
    table = several(4, ids=("a", "b"), size=[1, 1, 1, 1, 2, 2, 3, 2])
    assert refusal(table, static="size") == (
        'the frame: row 6, column "size": it changes within series "b"; a static column has one value for each series.'
    )


def test_a_constant_series_is_refused_by_name():
    assert refusal(frame(5).assign(y=3.0)) == (
        'the frame: series "y" never changes: column "y" is 3 in all its rows (5), and there is nothing to learn '
        "from it."
    )
    table = pd.concat([several(5), frame(5).assign(unique_id="d", y=0.0)])
    assert refusal(table) == (
        'the frame: series "d" never changes: column "y" is 0 in all its rows (5), and there is nothing to learn '
        'from it. 1 series of 4 never change: leave them out, or pass constant="drop".'
    )
    assert read_panel(table, constant="drop").schema.ids == ("a", "b", "c")
    assert read_panel(table, constant="keep").schema.ids == ("a", "b", "c", "d")


@pytest.mark.parametrize("option", ["gaps", "nonfinite", "duplicates", "unsorted", "constant", "timezone"])
def test_an_unknown_policy_lists_those_there_are(option):
    with pytest.raises(ArgumentError, match=f'data: {option} is "maybe"; expected one of refuse, '):
        read_panel(frame(), **{option: "maybe"})
