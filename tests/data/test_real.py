"""Real data: weekly CO2 with its holes, sunspots by the year, hourly transformer readings."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from everystep.data import read_panel
from everystep.errors import DataError


@pytest.fixture(scope="module")
def co2():
    return sm.datasets.co2.load_pandas().data


def test_the_holes_of_weekly_co2_are_counted(co2):
    with pytest.raises(DataError, match='column "co2" holds 59 missing values'):
        read_panel(co2)
    with pytest.raises(DataError, match="59 time stamps missing at a step of W-SAT"):
        read_panel(co2, nonfinite="drop")


def test_weekly_co2_is_filled_along_its_season(co2):
    panel = read_panel(co2, gaps="fill")
    assert (panel.schema.freq.alias, panel.schema.season, len(panel.series[0])) == ("W-SAT", 52, 2284)
    assert (
        "59 missing values filled in: a straight line between neighbours, plus the usual swing of the season of 52 "
        "steps." in panel.notes
    )
    assert np.array_equal(panel.series[0].target[~co2["co2"].isna(), 0], co2["co2"].dropna())


def test_the_unbroken_end_of_weekly_co2_is_kept(co2):
    series = read_panel(co2, gaps="drop").series[0]
    assert len(series) == 856
    assert str(series.times[-1])[:10] == "2001-12-29"


def test_sunspots_have_years_and_a_season_of_eleven():
    panel = read_panel(sm.datasets.sunspots.load_pandas().data, target="SUNACTIVITY")
    assert (panel.schema.time, panel.schema.freq.alias, panel.schema.season) == ("YEAR", "1", 11)
    assert panel.series[0].times[0] == 1700


def test_hourly_readings_are_read_whole(shared_data):
    targets = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    panel = read_panel(shared_data / "ett_h1" / "ETTh1.csv.gz", target=targets)
    assert panel.series[0].target.shape == (17420, 7)
    assert (panel.schema.freq.alias, panel.schema.season) == ("h", 24)
    assert panel.series[0].target[0, 6] == pytest.approx(30.531, abs=1e-4)  # as the file's first line has it, rounded
