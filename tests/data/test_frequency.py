"""Frequencies: guessed, given, and the calendar behind them, with pandas as the judge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tables import frame
from everystep.data import Frequency, future_times, read_panel
from everystep.data.guess import guess_frequency
from everystep.errors import ArgumentError, DataError, UnknownNameError

ALIASES = ["s", "30s", "min", "15min", "h", "6h", "D", "2D", "B", "W-SUN", "W-WED", "2W-SUN", "MS", "ME", "2MS", "6ME",
           "QS", "QE", "QE-NOV", "YS", "YE", "YE-JUN", "2YE"]  # fmt: skip


@pytest.mark.parametrize("alias", ALIASES)
def test_the_frequency_of_a_pandas_range_is_guessed(alias):
    times = pd.date_range("2019-12-31 00:00", periods=40, freq=alias).to_numpy("datetime64[ns]")
    freq = guess_frequency(times, np.zeros(40))
    assert freq is not None
    assert pd.tseries.frequencies.to_offset(freq.alias) is not None
    assert np.array_equal(freq.after(times[0], 39), times[1:])
    steps, on_grid = freq.steps(times[0], times)
    assert np.array_equal(steps, np.arange(40))
    assert on_grid.all()
    assert freq.alias == alias


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALIASES), st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1)), st.integers(0, 50))
def test_steps_and_times_are_inverse_and_agree_with_pandas(alias, start, count):
    origin = pd.date_range(pd.Timestamp(start).floor("s"), periods=1, freq=alias)[0]
    freq = Frequency(alias)
    times = freq.at(np.datetime64(origin, "ns"), np.arange(count))
    expected = pd.date_range(origin, periods=count, freq=alias).to_numpy("datetime64[ns]")
    assert np.array_equal(times, expected)
    steps, on_grid = freq.steps(np.datetime64(origin, "ns"), times)
    assert np.array_equal(steps, np.arange(count))
    assert on_grid.all()


@pytest.mark.parametrize("alias", ["D", "W-SAT", "B", "MS", "h"])
def test_series_longer_than_292_years_keep_their_steps(alias):
    times = pd.date_range("1680-01-06", "2260-01-01", freq=alias).to_numpy("datetime64[ns]")
    freq = Frequency(alias)
    steps, on_grid = freq.steps(times[0], times)
    assert np.array_equal(steps, np.arange(len(times)))
    assert on_grid.all()
    assert np.array_equal(freq.at(times[0], steps), times)
    assert np.array_equal(freq.at(times[-1], -steps[::-1]), times)


@pytest.mark.parametrize(
    ("last", "alias", "expected"),
    [
        ("2024-01-31", "ME", ["2024-02-29", "2024-03-31"]),
        ("2023-01-31", "ME", ["2023-02-28", "2023-03-31"]),
        ("2024-02-29", "YE-FEB", ["2025-02-28", "2026-02-28"]),
        ("2024-01-15", "MS", ["2024-02-15", "2024-03-15"]),
        ("2024-03-01", "B", ["2024-03-04", "2024-03-05"]),
        ("2024-03-02", "B", ["2024-03-04", "2024-03-05"]),
        ("2024-02-28", "D", ["2024-02-29", "2024-03-01"]),
        ("2024-06-30T23:59", "QE", ["2024-09-30T23:59", "2024-12-31T23:59"]),
    ],
)
def test_month_ends_leap_years_and_weekends_are_right(last, alias, expected):
    assert np.array_equal(future_times(np.datetime64(last), Frequency(alias), 2), np.array(expected, "datetime64[ns]"))


def test_whole_numbers_go_on_by_their_step():
    assert future_times(1995, Frequency("5"), 3).tolist() == [2000, 2005, 2010]


@pytest.mark.parametrize(("old", "new"), [("H", "h"), ("T", "min"), ("M", "ME"), ("Q", "QE"), ("A", "YE"), ("1D", "D")])
def test_older_spellings_are_understood(old, new):
    assert Frequency(old).alias == new


@pytest.mark.parametrize("alias", ["fortnight", "", "0h", "h-SUN", "2B", "-1D", "1.5h"])
def test_an_unknown_frequency_is_refused(alias):
    with pytest.raises(UnknownNameError, match="is unknown"):
        Frequency(alias)


@pytest.mark.parametrize("alias", ["s", "D", "W", "B", "MS", "ME", "YE"])
def test_times_beyond_the_range_of_nanoseconds_are_refused(alias):
    with pytest.raises(DataError, match=f"steps of {alias} lead beyond 2262-04-11"):
        future_times(np.datetime64("2262-04-01"), Frequency(alias), 10**7)


def test_a_lone_gap_between_weekdays_makes_no_business_days():
    times = np.array(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"], "datetime64[ns]")
    assert guess_frequency(times, np.zeros(4)) == Frequency("D")


def test_series_of_one_row_have_no_step_to_guess():
    with pytest.raises(DataError, match="no series has more than one row, so there is neither a step"):
        read_panel(frame(1))
    assert read_panel(frame(1), freq="D").schema.freq.alias == "D"


def test_a_frequency_of_dates_does_not_go_with_whole_numbers():
    with pytest.raises(ArgumentError) as caught:
        read_panel(frame(3).assign(ds=[1, 2, 3]), freq="h")
    assert str(caught.value) == (
        'the frame: the times are whole numbers, and freq="h" is a step of dates; expected a whole number.'
    )


@pytest.mark.parametrize(
    ("alias", "words"),
    [("W-SAT", "1 week"), ("15min", "15 minutes"), ("QE-MAR", "1 quarter"), ("B", "1 business day"), ("2", "2 units")],
)
def test_a_step_is_told_in_words(alias, words):
    assert Frequency(alias).words == words
