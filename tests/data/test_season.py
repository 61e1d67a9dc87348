"""Season and horizon: from the calendar, or from a series that clearly repeats itself."""

from __future__ import annotations

import numpy as np
import pytest

from data.tables import frame
from everystep.data import Frequency, read_panel
from everystep.data.season import calendar_season, season_of
from everystep.errors import ArgumentError


@pytest.mark.parametrize(
    ("alias", "season"),
    [("s", 1), ("min", 1440), ("5min", 288), ("30min", 48), ("h", 24), ("6h", 4), ("7h", 1), ("2D", 1), ("7D", 52),
     ("2W", 26), ("B", 5), ("2MS", 6), ("5MS", 1), ("QE", 4), ("YE", 1), ("1", 1)],
)  # fmt: skip
def test_the_calendar_gives_the_season(alias, season):
    assert calendar_season(Frequency(alias)) == season


@pytest.mark.parametrize("period", [5, 11, 24])
def test_a_noisy_wave_is_found_where_the_calendar_gives_no_season(period):
    rng = np.random.default_rng(0)
    time = np.arange(300)
    wave = np.sin(2 * np.pi * time / period) + 0.01 * time + rng.normal(0, 0.3, 300)
    assert season_of(wave) == period


def test_random_walks_and_noise_have_no_season():
    rng = np.random.default_rng(0)
    walks = [season_of(np.cumsum(rng.normal(size=n))) for n in (50, 200, 1000) for _ in range(100)]
    noise = [season_of(rng.normal(size=n)) for n in (24, 50, 200) for _ in range(100)]
    # chance gives a season to fewer than one in a hundred
    assert sum(season > 1 for season in walks) <= 3
    assert sum(season > 1 for season in noise) <= 3


@pytest.mark.parametrize(("n", "season", "horizon"), [(400, 7, 7), (40, 7, 5), (13, 1, 1)])
def test_the_horizon_is_one_season_and_at_most_an_eighth_of_the_length(n, season, horizon):
    schema = read_panel(frame(n)).schema
    assert (schema.season, schema.horizon) == (season, horizon)


def test_a_season_longer_than_every_series_is_refused():
    assert read_panel(frame(60), season=60).schema.season == 60
    with pytest.raises(ArgumentError, match="season is 61, and the longest series has 60 steps; expected a season"):
        read_panel(frame(60), season=61)


def test_what_is_given_is_not_guessed():
    panel = read_panel(frame(), season=3, horizon=4, freq="D")
    assert (panel.schema.season, panel.schema.horizon) == (3, 4)
    assert panel.notes == ()
