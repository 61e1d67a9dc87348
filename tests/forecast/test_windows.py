from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.data import read_panel
from everystep.errors import ArgumentError, DataError, UnknownNameError
from everystep.forecast.parts import last_windows, test_windows, train_windows, valid_windows
from everystep.forecast.rows import rows_of
from everystep.forecast.scaling import fit_scaling
from everystep.forecast.shape import Shape
from everystep.forecast.split import split_by_date, split_by_share
from everystep.forecast.windows import Windows, origins
from made_series import frame, panel, values, with_promotion

SHAPE = Shape(window=14, horizon=7, season=7, segment=7)
test_windows.__test__ = False  # a maker of windows, no test


def windows_at(table: object, last: int, shape: Shape = SHAPE) -> Windows:
    rows = rows_of(read_panel(table, horizon=7, season=7))
    return Windows(rows, fit_scaling(rows, rows.known, 7), shape, np.array([0]), np.array([last]))


@pytest.mark.parametrize("centre", ["last", "seasonal", "mean"])
def test_a_window_holds_the_last_known_value_and_restores_exactly(centre: str) -> None:
    windows = windows_at(frame(), 50, Shape(window=14, horizon=7, season=7, segment=7, centre=centre))
    read = windows.read(np.array([0]))
    y = values("season")
    # float32 windows: seven digits of the scale.
    np.testing.assert_allclose(windows.restore(read.values.double().numpy())[0], y[37:51], atol=1e-5)
    np.testing.assert_allclose(windows.restore(read.target.double().numpy())[0], y[51:58], atol=1e-5)
    np.testing.assert_array_equal(windows.truth()[0], y[51:58])
    if centre == "seasonal":
        np.testing.assert_allclose(windows.restore(read.centre.double().numpy())[0], y[44:51], atol=1e-5)


def test_what_comes_after_the_origin_is_in_no_part_of_the_window_but_the_target() -> None:
    table = with_promotion()
    changed = table.copy()
    changed.loc[51:, "y"] += 1000.0
    rows = [rows_of(read_panel(t, horizon=7, season=7, past=["promotion"])) for t in (table, changed)]
    shape = Shape(window=14, horizon=7, season=7, segment=7, past=1)
    scaling = fit_scaling(rows[0], np.array([50]), 7)
    one, other = (Windows(r, scaling, shape, np.array([0]), np.array([50])).read(np.array([0])) for r in rows)
    for name in ("values", "centre", "covariates", "ahead", "static"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert not torch.equal(one.target, other.target)


def test_columns_known_in_the_past_are_not_seen_ahead() -> None:
    rows = rows_of(read_panel(with_promotion(), horizon=7, season=7, past=["promotion"]))
    shape = Shape(window=14, horizon=7, season=7, segment=7, past=1)
    read = Windows(rows, fit_scaling(rows, rows.known, 7), shape, np.array([0]), np.array([50])).read(np.array([0]))
    assert read.ahead.shape == (1, 7, 0)
    assert read.covariates.shape == (1, 14, 1)


def test_a_window_that_begins_before_its_row_repeats_the_first_value() -> None:
    windows = windows_at(frame(), 3)
    read = windows.restore(windows.read(np.array([0])).values.double().numpy())[0]
    y = values("season")
    np.testing.assert_allclose(read, np.r_[np.full(10, y[0]), y[:4]], atol=1e-5)  # float32


def test_an_offset_of_a_thousand_million_costs_no_digit() -> None:
    windows = windows_at(frame("offset"), 50)
    read = windows.restore(windows.read(np.array([0])).values.double().numpy())[0]
    np.testing.assert_allclose(read, values("offset")[37:51], rtol=0, atol=1e-4)  # whole numbers of size 20 in float32


def test_parts_do_not_overlap_and_leave_no_origin_out() -> None:
    rows = rows_of(read_panel(panel(), horizon=7, season=7))
    split = split_by_share(rows, 7)
    scaling = fit_scaling(rows, split.train, 7)
    train = train_windows(rows, scaling, SHAPE, split)
    valid = valid_windows(rows, scaling, SHAPE, split, 10_000)
    test = test_windows(rows, scaling, SHAPE, split, 1)
    for row in range(3):
        a, b, end = split.train[row], split.valid[row], split.end[row]
        assert train.last[train.row == row].tolist() == list(range(13, a - 7))
        assert valid.last[valid.row == row].tolist() == list(range(a - 1, b - 7))
        assert test.last[test.row == row].tolist() == list(range(b - 1, end - 7))
    assert last_windows(rows, scaling, SHAPE).last.tolist() == [159, 159, 159]


def test_origins_keep_the_last_one_whatever_the_step() -> None:
    row, place = origins(np.array([2, 5, 9]), np.array([9, 4, 9]), step=3)
    assert row.tolist() == [0, 0, 0, 2]
    assert place.tolist() == [3, 6, 9, 9]


def test_a_dated_split_cuts_at_the_two_times() -> None:
    made = read_panel(frame(), horizon=7, season=7)
    split = split_by_date(made, rows_of(made), "2024-04-01", "2024-05-01", 7)
    assert split.train.tolist() == [91]
    assert split.valid.tolist() == [121]
    with pytest.raises(ArgumentError, match="swap them"):
        split_by_date(made, rows_of(made), "2024-05-01", "2024-04-01", 7)
    with pytest.raises(DataError, match="test part has at most 0"):
        split_by_date(made, rows_of(made), "2024-05-01", "2025-01-01", 7)
    with pytest.raises(ArgumentError, match="is no time of this table"):
        split_by_date(made, rows_of(made), "soon", "2024-05-01", 7)
    with pytest.raises(ArgumentError, match="whose times are like 2024-01-01"):
        split_by_date(made, rows_of(made), "2024-04-01T00:00+02:00", "2024-05-01", 7)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="a segment lies in a window"):
        Shape(window=4, horizon=1, segment=5)
    with pytest.raises(ArgumentError, match="has to hold a season"):
        Shape(window=4, horizon=1, season=7, segment=1, centre="seasonal")
    with pytest.raises(UnknownNameError, match="did you mean"):
        Shape(window=4, horizon=1, centre="lasst")
