from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.baselines import fit_ridge
from everystep.data import read_panel
from everystep.forecast.convincing import gain_in_errors
from everystep.forecast.fitted import scaled_forecast
from everystep.forecast.fitting import Fit, fit_forecaster
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.parts import train_windows, valid_windows
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.start import predict_start
from made_series import frame, panel, values, with_promotion

SETTINGS = ForecastSettings(epochs=2, window=14, hidden=8)


def fit(table: object, settings: ForecastSettings = SETTINGS, **columns: object) -> Fit:
    return fit_forecaster(read_panel(table, horizon=7, season=7, **columns), settings, progress="quiet")


@pytest.mark.parametrize("centre", ["last", "seasonal", "mean"])
@pytest.mark.parametrize("future", [(), ("promotion",)])
def test_an_untrained_forecaster_is_model_2(centre: str, future: tuple[str, ...]) -> None:
    table = with_promotion() if future else frame()
    made = fit(table, ForecastSettings(epochs=1, window=14, hidden=8, centre=centre), future=future)
    model = RecurrentForecaster(made.fitted.shape, "lstm", 8)
    made.start.put_into(model)
    windows = valid_windows(made.rows, made.fitted.scaling, made.fitted.shape, made.split, 100)
    # float32 in the model, float64 in the closed form.
    np.testing.assert_allclose(scaled_forecast(model, windows)[..., 1], predict_start(made.start, windows), atol=1e-5)


def test_model_2_is_the_ridge_regression_of_centred_windows() -> None:
    made = fit(frame(), ForecastSettings(epochs=1, window=14, hidden=8, centre="last"))
    train = train_windows(made.rows, made.fitted.scaling, made.fitted.shape, made.split)
    y = values("season")
    places = train.last[:, None]
    X = torch.from_numpy(
        np.hstack([y[places + np.arange(-13, 1)] - y[places], train.unit[:, None]]) / train.unit[:, None]
    )
    Y = torch.from_numpy((y[places + np.arange(1, 8)] - y[places]) / train.unit[:, None])
    ridge = fit_ridge(X, Y, X, Y, [made.start.strength])
    expected = torch.cat([made.start.weight.T, made.start.bias[None]])
    # The windows are rounded to float32 on their way.
    torch.testing.assert_close(ridge.coefficients, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["trend", "season", "step", "offset", "tiny"])
def test_no_file_makes_the_forecaster_worse_than_model_2_on_validation(kind: str) -> None:
    made = fit(frame(kind), ForecastSettings(epochs=3, hidden=8))
    assert made.validation.mae <= made.model2.mae * (1 + 1e-6)  # the same weights twice, in float32
    assert made.validation.rmse <= made.model2.rmse * (1 + 1e-6)


def test_what_is_worse_on_validation_is_thrown_away() -> None:
    wild = ForecastSettings(epochs=1, window=14, hidden=8, learning_rate=1.0, weight_decay=0.0)
    made = fit(frame("trend"), wild)
    assert made.trained.best_validation is not None
    assert made.trained.best_validation > 1
    assert made.curves.best == 0
    assert made.validation == made.model2


def test_the_forecaster_beats_model_2_where_the_rule_is_not_linear() -> None:
    generator = np.random.default_rng(0)
    y = [0.3]
    for _ in range(599):
        y.append(3.9 * y[-1] * (1 - y[-1]))  # the logistic map: no linear rule forecasts it
    table = frame(count=600).assign(y=np.array(y) + 0.001 * generator.normal(size=600))
    panel = read_panel(table, horizon=1, season=1)
    settings = ForecastSettings(epochs=30, window=8, segment=1, hidden=16, learning_rate=0.01)
    made = fit_forecaster(panel, settings, progress="quiet")
    assert made.validation.rmse < 0.5 * made.model2.rmse


def test_nothing_learnt_depends_on_the_test_part() -> None:
    table = panel()
    before = fit(table)
    end = table["ds"].sort_values().unique()[before.split.valid[0]]
    table.loc[table["ds"] >= end, "y"] += 1000 * np.random.default_rng(0).normal(size=(table["ds"] >= end).sum())
    after = fit(table)
    assert after.split.valid.tolist() == before.split.valid.tolist()
    for name, value in before.fitted.model.state_dict().items():
        assert torch.equal(value, after.fitted.model.state_dict()[name]), name
    for name, value in before.fitted.scaling.to_arrays().items():
        assert np.array_equal(value, after.fitted.scaling.to_arrays()[name]), name
    assert np.array_equal(before.fitted.factor, after.fitted.factor)


def test_scale_and_mean_do_not_depend_on_validation() -> None:
    table = frame()
    before = fit(table)
    table.loc[before.split.train[0] :, "y"] *= 3
    after = fit(table)
    assert after.fitted.scaling.mean == before.fitted.scaling.mean
    assert after.fitted.scaling.scale == before.fitted.scaling.scale


def test_equal_seeds_give_equal_bits_and_others_do_not() -> None:
    one, two, three = (fit(frame(), ForecastSettings(epochs=2, window=14, hidden=8, seed=s)) for s in (1, 1, 2))
    weight = [made.trained.history[-1].loss for made in (one, two, three)]
    assert weight[0] == weight[1] != weight[2]


def test_a_gain_within_chance_is_thrown_away_and_said() -> None:
    made = fit(frame(count=60), ForecastSettings(epochs=2, window=14, hidden=8))
    assert "needed to tell gain from chance" in made.dropped or "not better" in made.dropped
    assert made.validation == made.model2


def test_gain_is_counted_in_standard_errors_of_blocks() -> None:
    made = fit(frame())
    windows = valid_windows(made.rows, made.fitted.scaling, made.fitted.shape, made.split, 100)
    simple = np.ones((len(windows), 7))
    gain, blocks = gain_in_errors(simple, 0.5 * simple, windows)
    assert blocks == len(np.unique(windows.last // 7))
    assert gain > 1e6  # equal gains everywhere: no spread at all
    assert gain_in_errors(simple, simple, windows)[0] == 0


def test_a_random_walk_is_not_pulled_back_to_its_mean() -> None:
    walk = np.random.default_rng(4).normal(size=160).cumsum()
    made = fit(frame().assign(y=walk), ForecastSettings(epochs=1, hidden=8))
    assert made.fitted.shape.centre != "mean"


def test_a_level_that_never_moves_may_be_the_centre() -> None:
    noise = np.random.default_rng(0).normal(size=1500)
    made = fit(frame(count=1500).assign(y=noise), ForecastSettings(epochs=1, window=7, hidden=8))
    assert made.fitted.shape.centre == "mean"
    # Noise of sd 1 can't be forecast: Model 2 without ridge on "last" would give sqrt(1 + 1/7) times that.
    assert made.model2.rmse * made.fitted.scaling.scale[0] < 1.04
