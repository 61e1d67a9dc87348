"""Gaps and missing values: refused with counts, filled, or left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data.tables import frame, many, several
from everystep.data import read_panel
from everystep.errors import DataError


def refusal(source, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_panel(source, **options)
    return str(caught.value)


def test_gaps_are_refused_with_counts_series_and_the_ways_out():
    table = several().drop(index=[3, 4, 30])
    assert refusal(table) == (
        'the frame: 3 time stamps missing at a step of D, in 2 series of 3 (series "a" after 2024-01-03: 2; '
        'series "b" after 2024-01-10: 1). Say what to do: gaps="fill" (a straight line in time) or gaps="drop" (keep '
        "only what follows the last gap); or give the right freq."
    )


def test_filling_draws_a_straight_line_and_counts():
    table = frame(10, y=np.arange(10.0)).assign(y=np.arange(10.0)).drop(index=[3, 4, 7])
    panel = read_panel(table, gaps="fill")
    assert np.allclose(panel.series[0].target[:, 0], np.arange(10), rtol=0, atol=1e-12)  # a line of few-digit numbers
    assert np.array_equal(panel.series[0].times, frame(10)["ds"].to_numpy("datetime64[ns]"))
    assert "3 missing time stamps put in, in 1 series of 1." in panel.notes
    assert "3 missing values filled in: a straight line between neighbours." in panel.notes


@pytest.mark.parametrize("freq", ["h", "B", "ME", "QS", "YE"])
def test_filling_puts_back_the_very_times_that_were_lost(freq):
    whole = frame(30, freq=freq)
    panel = read_panel(whole.drop(index=[4, 5, 17]), gaps="fill")
    assert np.array_equal(panel.series[0].times, whole["ds"].to_numpy("datetime64[ns]"))


def test_dropping_keeps_what_follows_the_last_gap():
    panel = read_panel(several().drop(index=[3, 8, 30]), gaps="drop")
    assert [len(one) for one in panel.series] == [11, 9, 20]
    assert "17 rows before the last gap left out, in 2 series of 3." in panel.notes


def test_filling_does_not_invent_most_of_a_series():
    table = frame(3, freq="min")
    table.loc[2, "ds"] = pd.Timestamp("2124-01-01")
    assert refusal(table, gaps="fill") == (
        'the frame: series "y" has 3 rows and lacks 52,594,558 at a step of min: filling would invent most of it. '
        'Use gaps="drop", or give the right freq.'
    )


def test_times_between_the_steps_are_refused():
    table = frame(10)
    table.loc[4, "ds"] += pd.Timedelta("1h")
    assert refusal(table) == (
        'the frame: times are not evenly spaced: series "y" has 2024-01-05 01:00:00 (row 4), no whole number of '
        "steps of D after its first time; so 1 row of 10. Give the right freq, or bring the times to even steps first."
    )


def holed(*rows: int) -> pd.DataFrame:
    table = frame(12).assign(y=np.arange(12.0))
    table.loc[list(rows), "y"] = np.nan
    return table


def test_missing_values_are_refused_with_count_and_place():
    assert refusal(holed(3, 7)) == (
        'the frame: column "y" holds 2 missing values, the first at row 3 (series "y", 2024-01-04). Mend the data, or '
        'say what to do: nonfinite="interpolate" (a straight line in time; gaps="fill" does it for missing values) or '
        'nonfinite="drop" (the rows go, and leave gaps).'
    )


@pytest.mark.parametrize(
    "options", [{"nonfinite": "interpolate"}, {"gaps": "fill"}, {"nonfinite": "drop", "gaps": "fill"}]
)
def test_missing_values_are_interpolated_on_demand(options):
    panel = read_panel(holed(3, 4, 7), **options)
    assert np.allclose(panel.series[0].target[:, 0], np.arange(12), rtol=0, atol=1e-12)  # a line of few-digit numbers


def test_missing_ends_are_left_out_and_said():
    panel = read_panel(holed(0, 5, 10, 11), gaps="fill")
    assert panel.series[0].target[:, 0].tolist() == list(range(1, 10))
    assert "3 rows before the first or after the last known value left out." in panel.notes


def test_dropping_rows_with_missing_values_leaves_gaps():
    assert "1 time stamp missing at a step of D" in refusal(holed(3), nonfinite="drop")
    assert len(read_panel(holed(3), gaps="drop").series[0]) == 8


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_not_taken_for_gaps(value):
    table = frame(12)
    table.loc[5, "y"] = value
    assert 'column "y" holds 1 infinite value, the first at row 5' in refusal(table)
    assert "1 infinite value" in refusal(table, gaps="fill")
    assert read_panel(table, nonfinite="interpolate").series[0].target[5] == (16 + 36) / 2


def test_a_series_without_any_value_is_named():
    table = several(4, ids=("a", "b"))
    table.loc[4:, "y"] = np.nan
    assert refusal(table, gaps="fill") == 'the frame: series "b" has no known value (1 such case).'


def test_columns_known_ahead_keep_their_end_values_and_categories_are_carried_on():
    table = frame(8).assign(temp=[np.nan, 1, 2, np.nan, 4, 5, np.nan, np.nan], day=list("aabbaabb")).drop(index=2)
    panel = read_panel(table, future=["temp", "day"], gaps="fill")
    assert panel.series[0].future[:, 0].tolist() == [1, 1, 2, 3, 4, 5, 5, 5]
    assert panel.series[0].future[:, 1].tolist() == [1, 1, 1, 0, 1, 1, 0, 0]  # day=a, carried into the third row


def test_a_seasonal_series_is_filled_with_its_season_and_noise_is_not():
    rng = np.random.default_rng(0)
    time = np.arange(400)
    wave = 10 * np.sin(2 * np.pi * time / 7) + rng.normal(0, 0.1, 400)
    lost = [50, 51, 52, 120, 121, 122, 123, 300, 301]
    panel = read_panel(frame(400).assign(y=wave).drop(index=lost), gaps="fill")
    # the noise has sd 0.1; a straight line through a wave of 10 is wrong by several units
    assert np.abs(panel.series[0].target[lost, 0] - wave[lost]).max() < 1
    noise = read_panel(frame(400).assign(y=rng.normal(size=400)).drop(index=lost), gaps="fill")
    assert "9 missing values filled in: a straight line between neighbours." in noise.notes


def test_ten_thousand_series_with_gaps_take_seconds():
    import time

    table = many(10_000, 20).drop(index=range(5, 200_000, 20))
    start = time.perf_counter()
    panel = read_panel(table, gaps="fill")
    # takes 0.5 s on an idle core; 10 s leaves room for a busy one
    assert time.perf_counter() - start < 10
    assert len(panel.series) == 10_000
