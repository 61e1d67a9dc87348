"""Times: as people write them, in which zone, and where they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.tables import frame, write
from everystep.data import read_panel
from everystep.errors import ArgumentError, DataError

OUTSIDE = (
    "lies outside the years 1678 to 2261, the range of nanosecond times; give yearly times as whole numbers instead."
)


def read(folder: Path, *times: str, **options):
    lines = "".join(f'"{time}",{i * i}\n' for i, time in enumerate(times))
    return read_panel(write(folder, "ds,y\n" + lines), **options)


def refusal(folder: Path, *times: str, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, *times, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("times", "first", "freq"),
    [
        (("2024-01-31", "2024-02-01", "2024-02-02"), "2024-01-31", "D"),
        (("2024/01/31", "2024/02/01", "2024/02/02"), "2024-01-31", "D"),
        (("30/01/2024", "31/01/2024", "01/02/2024"), "2024-01-30", "D"),
        (("01/30/2024", "01/31/2024", "02/01/2024"), "2024-01-30", "D"),
        (("31.12.2023", "01.01.2024", "02.01.2024"), "2023-12-31", "D"),
        (("1/1/24 10:00", "1/1/24 11:00", "1/1/24 12:00"), "2024-01-01", "h"),
        (("2024-01", "2024-02", "2024-03"), "2024-01-01", "MS"),
        (("2024Q1", "2024Q2", "2024Q3"), "2024-01-01", "QS"),
        (("2024-Q1", "2024-Q2", "2024-Q3"), "2024-01-01", "QS"),
        (("Jan 2024", "Feb 2024", "Mar 2024"), "2024-01-01", "MS"),
        (("5 Jan 2024", "6 Jan 2024", "7 Jan 2024"), "2024-01-05", "D"),
        (("20240131", "20240229", "20240331"), "2024-01-31", "ME"),
        (("2024-01-01 00:00:00 UTC", "2024-01-01 01:00:00 UTC"), "2024-01-01", "h"),
        (("2024-01-01T00:00:00.250Z", "2024-01-01T00:00:00.500Z"), "2024-01-01", "250ms"),
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, times, first, freq):
    panel = read(tmp_path, *times)
    assert str(panel.series[0].times[0])[:10] == first
    assert panel.schema.freq.alias == freq


def test_dates_that_can_be_read_in_two_ways_are_not_guessed(tmp_path: Path):
    assert refusal(tmp_path, "01/01/2024", "02/01/2024", "03/01/2024") == (
        'sales.csv: line 2, column "ds": the dates may be read as day/month/year or month/day/year; '
        "write them as 2024-01-31."
    )


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            ("2024-01-01", "2024-13-02", "2024-01-03"),
            'line 3, column "ds": "2024-13-02" is not a time, or not written like the first, "2024-01-01".',
        ),
        (("soon", "2024-01-02"), 'line 2, column "ds": "soon" is not a time.'),
        (("2024-01-01", ""), 'line 3, column "ds": the time is missing.'),
        (("1700", "1701.5"), 'line 3, column "ds": 1701.5 is not a whole number; times are dates or whole numbers.'),
        (("0001-01-01", "0002-01-01"), f'line 2, column "ds": 0001-01-01 {OUTSIDE}'),
        (("2024-01-01", "9999-12-31"), f'line 3, column "ds": 9999-12-31 {OUTSIDE}'),
        (
            ("2024-01-01T00:00Z", "2024-01-01T01:00"),
            'line 3, column "ds": 1 of 2 times have no offset from UTC while the others have one.',
        ),
    ],
)
def test_what_is_no_time_is_named_with_its_line(tmp_path: Path, times, message):
    assert refusal(tmp_path, *times) == f"sales.csv: {message}"


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_frames_with_times_at_the_limits_are_refused_too(year):
    table = frame(3).assign(ds=np.array([f"{year}-01-01", "2024-01-01", "2024-01-02"], "datetime64[s]"))
    with pytest.raises(DataError, match="lies outside the years 1678 to 2261"):
        read_panel(table)


def test_whole_numbers_are_times_with_a_constant_step(tmp_path: Path):
    panel = read(tmp_path, "1700", "1710", "1720")
    assert panel.series[0].times.tolist() == [1700, 1710, 1720]
    assert panel.schema.freq.whole
    assert panel.schema.freq.alias == "10"


OFFSETS = ("2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00", "2024-04-02T00:00+02:00")


def test_offsets_from_utc_need_a_decision(tmp_path: Path):
    assert refusal(tmp_path, *OFFSETS) == (
        'sales.csv: column "ds" carries offsets from UTC: +01:00 (2 rows), +02:00 (2 rows). Say how to read it: '
        'timezone="utc" (instants, even through clock changes) or timezone="local" (the clock on the wall, right for '
        "days and longer)."
    )
    panel = read(tmp_path, *OFFSETS, timezone="local")
    assert panel.schema.timezone == "local"
    assert str(panel.series[0].times[2]) == "2024-04-01T00:00:00.000000000"
    assert 'timezone="local" keeps days whole' in refusal(tmp_path, *OFFSETS, timezone="utc")


@pytest.mark.parametrize("start", ["2024-03-30 20:00", "2024-10-26 20:00"])
def test_hours_through_a_clock_change_are_even_as_instants(start):
    hours = pd.date_range(start, periods=48, freq="h", tz="Europe/Berlin")
    table = frame(48).assign(ds=hours)
    panel = read_panel(table, timezone="utc")
    assert np.array_equal(panel.series[0].times, hours.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]"))
    with pytest.raises(DataError, match='timezone="utc" does not'):
        read_panel(table, timezone="local")
    with pytest.raises(DataError, match="carries the time zone Europe/Berlin"):
        read_panel(table)


def test_times_that_are_all_in_utc_need_no_decision(tmp_path: Path):
    panel = read(tmp_path, "2024-01-01T00:00Z", "2024-01-01T01:00Z")
    assert panel.schema.timezone == "UTC"
    assert 'Column "ds": times are in UTC.' in panel.notes


def test_an_unknown_policy_lists_those_there_are():
    with pytest.raises(ArgumentError, match='timezone is "gmt"; expected one of refuse, utc, local'):
        read_panel(frame(), timezone="gmt")
