from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from agreement import REPRESENTATIVE
from everystep.errors import ArgumentError, DataError, ModelFileError, NotFittedError, UnknownNameError
from everystep.forecast import Forecaster
from made_series import DAYS, frame, panel, quick, values, with_promotion

COLUMNS = ["unique_id", "ds", "everystep", "everystep-lo-80", "everystep-hi-80"]


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    return quick().fit(panel())


def numbers(table: pd.DataFrame) -> np.ndarray:
    return table[["everystep-lo-80", "everystep", "everystep-hi-80"]].to_numpy()


def test_a_forecast_has_the_promised_columns_and_follows_the_last_day(fitted: Forecaster) -> None:
    table = fitted.predict()
    assert table.columns.tolist() == COLUMNS
    assert table["unique_id"].tolist() == ["a"] * 7 + ["NA"] * 7 + ["c"] * 7
    first = pd.Timestamp("2024-01-01") + pd.Timedelta(days=DAYS)
    assert table["ds"].tolist() == list(pd.date_range(first, periods=7)) * 3


def test_quantiles_do_not_cross(fitted: Forecaster) -> None:
    low, point, high = numbers(fitted.predict()).T
    assert (low < point).all()
    assert (point < high).all()


def test_h_takes_the_first_steps_and_no_more_than_the_horizon(fitted: Forecaster) -> None:
    short = fitted.predict(2)
    whole = fitted.predict().groupby("unique_id", sort=False).head(2).reset_index(drop=True)
    pd.testing.assert_frame_equal(short, whole)
    with pytest.raises(ArgumentError, match="from 1 to the horizon it was fitted for, 7"):
        fitted.predict(8)


def test_a_polars_frame_gives_a_polars_frame() -> None:
    table = quick(epochs=1).fit(pl.from_pandas(frame())).predict()
    assert isinstance(table, pl.DataFrame)
    assert table.columns == COLUMNS


def test_moving_the_last_known_value_moves_the_forecast(fitted: Forecaster) -> None:
    moved = panel()
    end = moved["ds"].max()
    moved.loc[(moved["ds"] == end) & (moved["unique_id"] == "NA"), "y"] += 10.0
    before, after = fitted.predict(), fitted.predict(frame=moved)
    changed = (before["everystep"] != after["everystep"]).groupby(before["unique_id"]).all()
    assert changed.to_dict() == {"a": False, "NA": True, "c": False}


def test_updating_equals_forecasting_from_the_longer_frame() -> None:
    table = panel()
    cut = table["ds"].max() - pd.Timedelta(days=10)
    forecaster = quick().fit(table[table["ds"] <= cut])
    longer = forecaster.predict(frame=table)
    for day in sorted(table["ds"].unique())[-10:]:
        forecaster.update(table[table["ds"] == day])
    pd.testing.assert_frame_equal(forecaster.predict(), longer)


def test_updating_refuses_a_hole_and_accepts_what_is_known_already(fitted: Forecaster, tmp_path: object) -> None:
    fitted.save(tmp_path / "model")  # type: ignore[operator]
    forecaster = Forecaster.load(tmp_path / "model")  # type: ignore[operator]
    later = frame(count=DAYS + 10, name="a")
    with pytest.raises(DataError, match=r"known up to 2024-06-08 and .* expected it to go on at 2024-06-09. Give"):
        forecaster.update(later.tail(5))
    before = forecaster.predict()
    pd.testing.assert_frame_equal(forecaster.update(panel()).predict(), before)


@pytest.mark.parametrize("rows", [20, DAYS - 3])
def test_rows_of_the_past_do_not_turn_the_clock_back(fitted: Forecaster, tmp_path: object, rows: int) -> None:
    fitted.save(tmp_path / "model")  # type: ignore[operator]
    forecaster = Forecaster.load(tmp_path / "model")  # type: ignore[operator]
    before = forecaster.predict()
    old = panel().groupby("unique_id").head(rows)
    pd.testing.assert_frame_equal(forecaster.update(old).predict(), before)


def test_what_was_filled_in_new_data_is_told() -> None:
    forecaster = quick(gaps="fill").fit(frame())
    forecaster.predict(frame=frame().drop(index=range(150, 153)))
    assert "3 missing time stamps put in, in 1 series of 1." in forecaster.notes


def test_histories_shorter_than_the_window_are_told() -> None:
    forecaster = quick().fit(frame())
    forecaster.predict(frame=frame().tail(3))
    assert forecaster.notes == (
        'The model reads 14 values of the past, and 1 of 1 series have fewer ("y" has 3): give longer histories for '
        "better forecasts.",
    )
    assert not forecaster.update(frame().tail(3)).notes


def test_series_too_short_to_learn_from_are_counted() -> None:
    table = pd.concat([frame(name="a"), frame(count=6, name="b")])
    notes = quick().fit(table).result().notes
    assert "Too short to train on or to be judged by, and forecast all the same: 1 series of 2." in notes


def test_columns_without_effect_are_named() -> None:
    noise = np.random.default_rng(5).normal(size=(2, DAYS))
    table = frame().assign(rain=noise[0], wind=noise[1])
    notes = quick().fit(table, future=["wind"]).result().notes
    dropped = any("left out, so the forecasts are Model 2's" in note for note in notes)
    assert dropped == any(note.startswith("So these columns have no effect on the forecasts: rain") for note in notes)
    assert dropped


def test_a_saved_model_forecasts_the_same_bits(fitted: Forecaster, tmp_path: object) -> None:
    fitted.save(tmp_path / "model")  # type: ignore[operator]
    loaded = Forecaster.load(tmp_path / "model")  # type: ignore[operator]
    pd.testing.assert_frame_equal(loaded.predict(), fitted.predict(), check_exact=True)
    pd.testing.assert_frame_equal(loaded.predict(frame=panel()), fitted.predict(), check_exact=True)
    assert loaded.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError, match="a loaded model has only the end"):
        loaded.evaluate()


def test_dates_and_numbers_of_other_libraries_can_be_saved(tmp_path: object) -> None:
    dates = {"valid_from": pd.Timestamp("2024-04-01"), "test_from": pd.Timestamp("2024-05-01")}
    forecaster = quick(horizon=np.int64(7), **dates).fit(frame())
    forecaster.save(tmp_path / "model")  # type: ignore[operator]
    loaded = Forecaster.load(tmp_path / "model")  # type: ignore[operator]
    assert (loaded.horizon, loaded.valid_from) == (7, "2024-04-01 00:00:00")
    assert numbers(loaded.predict()).tolist() == numbers(forecaster.predict()).tolist()


def test_a_config_that_does_not_fit_its_weights_is_named(fitted: Forecaster, tmp_path: object) -> None:
    fitted.save(tmp_path / "model")  # type: ignore[operator]
    path = tmp_path / "model" / "config.json"  # type: ignore[operator]
    path.write_text(path.read_text().replace('"hidden": 8', '"hidden": 9', 1))
    with pytest.raises(ModelFileError, match=r"config\.json"):
        Forecaster.load(tmp_path / "model")  # type: ignore[operator]


def test_an_unseen_series_is_refused_by_name_or_accepted_on_purpose(fitted: Forecaster) -> None:
    new = frame("trend", name="new")
    with pytest.raises(UnknownNameError, match='"new"'):
        fitted.predict(frame=new)
    table = fitted.predict(frame=new, new_ids="accept")
    assert table["everystep"].between(60, 100).all()  # the trend has reached 80


def test_what_is_asked_too_early_is_refused() -> None:
    for ask in (Forecaster().predict, Forecaster().evaluate, lambda: Forecaster().save("nowhere")):
        with pytest.raises(NotFittedError, match="call fit"):
            ask()


def test_the_constructor_stores_its_arguments_and_nothing_else() -> None:
    assert vars(Forecaster()) == Forecaster().get_params()
    copy = Forecaster().set_params(**quick().get_params())
    assert copy.get_params() == quick().get_params()
    with pytest.raises(UnknownNameError, match='did you mean "window"'):
        Forecaster().set_params(windw=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"centre": "lst"}, 'did you mean "last"'),
        ({"cell": "lsmt"}, 'did you mean "lstm"'),
        ({"valid_from": "2024-03-01"}, "come together"),
        ({"window": 4, "segment": 5}, "a segment lies in a window"),
        ({"hidden": 10**9}, "hidden is 1000000000; expected a whole number, from 1 to 8192"),
        ({"seed": 2**32}, "seed is 4294967296; expected a whole number, from 0 to 4294967295"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick(**changes).fit(frame())


@pytest.mark.parametrize("kind", ["trend", "season", "step", "offset", "tiny"])
def test_every_kind_of_series_is_forecast_within_its_own_noise(kind: str) -> None:
    known, truth = frame(kind).head(DAYS - 7), values(kind)[-7:]
    point = quick().fit(known).predict()["everystep"].to_numpy()
    noise = {"offset": 3.0, "tiny": 1e-9}.get(kind, 1.0)
    # 4 sd: the noise of the truth and that of a fit on a hundred days, with room for seven draws.
    assert np.abs(point - truth).max() < 4 * noise


def test_a_change_of_unit_changes_only_the_unit() -> None:
    table = frame()
    larger = table.assign(y=table["y"] * 1024 + 2.0**20)  # exact in binary
    one, other = quick().fit(table).predict(), quick().fit(larger).predict()
    # float32 windows of equal values: only rounding of the restored numbers differs.
    np.testing.assert_allclose((numbers(other) - 2.0**20) / 1024, numbers(one), rtol=0, atol=1e-4)


def test_several_targets_have_a_block_each() -> None:
    table = frame().rename(columns={"y": "first"}).assign(second=values("trend"))
    forecast = quick().fit(table, target=["first", "second"]).predict(3)
    assert forecast.columns.tolist() == ["unique_id", "ds", "target", *COLUMNS[2:]]
    assert forecast["target"].tolist() == ["first"] * 3 + ["second"] * 3
    assert (forecast.loc[forecast["target"] == "second", "everystep"] > 60).all()


def test_a_column_known_ahead_is_used_and_asked_for() -> None:
    table = with_promotion(DAYS + 7)
    known, ahead = table.head(DAYS), table.tail(7).drop(columns="y")
    forecaster = quick().fit(known, future=["promotion"])
    with pytest.raises(ArgumentError, match="promotion"):
        forecaster.predict()
    with pytest.raises(DataError, match="missing"):
        forecaster.predict(future=ahead.head(3))
    with_it = forecaster.predict(future=ahead.assign(promotion=1.0))["everystep"]
    without = forecaster.predict(future=ahead.assign(promotion=0.0))["everystep"]
    effect = (with_it - without).to_numpy()
    assert ((effect > 3.5) & (effect < 6.5)).all()  # the true effect is 5; 160 days of noise 1 blur it


def test_cross_validation_has_its_origins_and_the_truth() -> None:
    table = frame()
    made = quick().cross_validation(table, windows=3, step=4)
    assert made.columns.tolist() == ["unique_id", "ds", "cutoff", "y", *COLUMNS[2:]]
    end = pd.Timestamp("2024-01-01") + pd.Timedelta(days=DAYS - 8)
    assert made["cutoff"].unique().tolist() == [end - pd.Timedelta(days=d) for d in (8, 4, 0)]
    joined = made.merge(table, on="ds", suffixes=("", "-there"))
    assert (joined["y"] == joined["y-there"]).all()
    assert ((made["ds"] - made["cutoff"]).dt.days == np.tile(np.arange(1, 8), 3)).all()
    with pytest.raises(ArgumentError, match="windows is 0"):
        quick().cross_validation(table, windows=0)


def test_too_many_origins_are_refused_with_the_numbers() -> None:
    with pytest.raises(DataError, match="has 160 values; 3,518 are needed: 3,500 for the origins, a horizon of 7 each"):
        quick().cross_validation(frame(), windows=500)


def test_a_forecaster_shows_what_it_was_given() -> None:
    assert repr(Forecaster()) == "Forecaster()"
    assert repr(Forecaster(horizon=12, cell="gru")) == "Forecaster(horizon=12, cell='gru')"


def test_series_too_short_are_refused_with_the_numbers_and_the_mend() -> None:
    with pytest.raises(DataError, match=r"has 20 values; a horizon of 7 needs at least 25.*horizon of at most 5"):
        Forecaster(horizon=7, season=1, progress="quiet").fit(frame(count=20))


def test_the_window_shrinks_for_a_short_series() -> None:
    forecaster = Forecaster(horizon=3, season=7, epochs=1, progress="quiet").fit(frame(count=24))
    assert forecaster.fitted.shape.window <= 8
    assert len(forecaster.predict()) == 3


def test_a_short_series_is_forecast_beside_long_ones() -> None:
    table = pd.concat([frame(name="long"), frame("trend", 6, "short")])
    forecast = quick().fit(table).predict()
    assert forecast["unique_id"].unique().tolist() == ["long", "short"]
    assert np.isfinite(numbers(forecast)).all()


@pytest.mark.parametrize("cell", REPRESENTATIVE)
def test_a_cell_of_every_kind_forecasts(cell: str) -> None:
    forecast = quick(cell=cell, epochs=1).fit(frame(count=90)).predict()
    assert np.isfinite(numbers(forecast)).all()
