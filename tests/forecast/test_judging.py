from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from everystep.data import read_panel
from everystep.forecast import judging, naive
from everystep.forecast.calibration import band_factor, widened
from everystep.forecast.fitting import Fit, fit_forecaster
from everystep.forecast.judging import judge, methods, task_of, verdict
from everystep.forecast.metrics import error_by_step, figures
from everystep.forecast.results import Evaluation, Score
from everystep.forecast.settings import ForecastSettings
from everystep.forecast.summary import summary
from everystep.forecast.task import Clock, Task
from made_series import frame, panel, quick, values

FOREVER = Clock(1e9)


@pytest.fixture(scope="module")
def fit() -> Fit:
    made = read_panel(panel(), horizon=7, season=7)
    return fit_forecaster(made, ForecastSettings(epochs=1, window=14, hidden=8), progress="quiet")


@pytest.fixture(scope="module")
def task(fit: Fit) -> Task:
    return task_of(fit, every=4, seed=0)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return quick(every=8, epochs=1).fit(panel()).evaluate()


def test_the_naive_methods_are_what_their_names_say(task: Task) -> None:
    y, last = values("season"), task.test.last[0]
    assert (naive.last_value(task, FOREVER)[0, :, 1] == y[last]).all()
    np.testing.assert_array_equal(naive.seasonal_naive(task, FOREVER)[0, :, 1], y[last - 6 : last + 1])
    drift = (y[last] - y[0]) / last
    drifted = naive.seasonal_naive_with_drift(task, FOREVER)[0, :, 1]
    np.testing.assert_allclose(drifted, y[last - 6 : last + 1] + 7 * drift)


def test_every_method_forecasts_every_origin_in_order(evaluation: Evaluation) -> None:
    names = [score.method for score in evaluation.scores]
    assert names[0] == "everystep"
    assert {"Model 1 (feed-forward)", "Model 2 (linear)", "Theta", "ETS", "last value", "seasonal naive"} < set(names)
    for score in evaluation.scores:
        assert not score.failed, score
        assert len(score.error_by_step) == 7
        assert score.coverage is not None
        assert 0 <= score.coverage <= 1
        assert 0 <= score.smape <= 1
        assert math.isfinite(score.mase)
    assert evaluation.series == 3
    assert [len(fan.truth) for fan in evaluation.fans if fan.truth is not None] == [7] * len(evaluation.fans)
    assert all("Theta" in fan.others for fan in evaluation.fans)


def test_every_method_knows_the_past_and_nothing_else(fit: Fit) -> None:
    changed = task_of(fit, every=12, seed=0)
    last = int(changed.test.last[changed.test.row == 0][-1])
    # Only what comes after the last origin of the first row changes: no forecast from an earlier origin may.
    changed.rows.values.setflags(write=True)
    kept = changed.rows.values.copy()
    try:
        before = {name: method(changed, Clock(60)) for name, method in methods(fit).items()}
        changed.rows.values[last + 1 : 160] += 1000.0
        after = {name: method(changed, Clock(60)) for name, method in methods(fit).items()}
    finally:
        changed.rows.values[:] = kept
    for name, forecast in before.items():
        assert np.array_equal(forecast, after[name]), name


def test_the_figures_are_what_their_formulas_say(task: Task) -> None:
    forecast = naive.seasonal_naive(task, FOREVER)
    made = figures(forecast, task)
    truth, point = task.test.truth(), forecast[..., 1]
    rows = [task.test.row == row for row in range(3)]
    error = np.abs(truth - point)
    assert made["mae"] == pytest.approx(np.mean([error[row].mean() for row in rows]))
    assert made["rmse"] == pytest.approx(np.mean([np.sqrt(np.square(error[row]).mean()) for row in rows]))
    past = [task.rows.row(row)[: task.before_test[row]] for row in range(3)]
    scales = [np.abs(part[7:] - part[:-7]).mean() for part in past]
    assert made["mase"] == pytest.approx(np.mean([error[r].mean() / s for r, s in zip(rows, scales, strict=True)]))
    inside = (truth >= forecast[..., 0]) & (truth <= forecast[..., 2])
    assert made["coverage"] == pytest.approx(np.mean([inside[row].mean() for row in rows]))
    np.testing.assert_allclose(error_by_step(forecast, task), error.mean(axis=0))


def test_a_calibrated_band_covers_four_fifths_of_what_it_was_calibrated_on() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(500, 3)) * np.array([1.0, 2.0, 5.0])
    forecast = np.stack([np.full((500, 3), -1.0), np.zeros((500, 3)), np.full((500, 3), 1.0)], axis=-1)
    wide = widened(forecast, band_factor(forecast, truth))
    inside = ((truth >= wide[..., 0]) & (truth <= wide[..., 2])).mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.01)  # whole windows of 500


def test_a_method_that_takes_too_long_is_stopped_and_named(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "TIME_LIMIT", 0.0)
    contest = {"everystep": naive.last_value, "slow": lambda task, clock: clock.check()}
    ours, slow = judge(task, contest).scores  # type: ignore[arg-type]
    assert not ours.failed
    assert slow.failed
    assert slow.note == "stopped after 0 s"


def test_the_verdict_says_plainly_who_won() -> None:
    def row(method: str, mase: float) -> Score:
        return Score(method, 1.0, 1.0, mase, 0.1, None, None, 0.0, (1.0,))

    assert verdict((row("everystep", 0.9), row("ETS", 1.0))) == (
        "everystep",
        "everystep is best: MASE 0.900, 10.0% below ETS (1.000).",
    )
    assert verdict((row("everystep", 1.1), row("ETS", 1.0))) == (
        "ETS",
        "ETS wins: MASE 1.000; everystep has 1.100, 10.0% more.",
    )
    # Beside no error at all, or one of nothing but rounding, a percentage says nothing.
    perfect = verdict((row("everystep", 2.3e-7), row("seasonal naive", 0.0)))
    assert perfect[1] == "seasonal naive wins: MASE 0.000; everystep has 2.3e-07."
    far = verdict((row("everystep", 2.0), row("ETS", 0.01)))
    assert far[1] == "ETS wins: MASE 0.010; everystep has 2.000, 200 times as much."
    level = verdict((row("everystep", 0.5), row("Model 2 (linear)", 0.500001), row("ETS", 1.0)))
    assert level[0] == "Model 2 (linear)"
    assert "recurrence adds nothing here" in level[1]


def test_a_result_holds_what_a_report_needs() -> None:
    forecaster = quick(every=16, epochs=1).fit(panel())
    result = forecaster.result("three series")
    assert result.gates is not None
    assert {"input", "forget", "output", "h", "c"} < set(result.gates.taps)
    steps = forecaster.fitted.shape.steps
    assert all(values.shape == (steps, 8) for values in result.gates.taps.values())
    assert len(result.gates.window) == len(result.gates.window_times) == steps * result.gates.segment
    assert [fan.truth for fan in result.future] == [None] * 3
    assert result.curves.epochs.tolist() == [0, 1]
    assert result.curves.validation[0] == result.curves.start == 1.0
    plain = summary(result, forecaster.last_fit)
    assert plain["settings"]["window"] == 14
    assert plain["validation"]["relative"] <= 1 + 1e-6  # the same weights twice, in float32


def test_a_series_without_a_season_is_judged_too() -> None:
    table = frame("trend")
    made = quick(season=1, every=16, epochs=1).fit(table).evaluate()
    assert "last value with drift" in {score.method for score in made.scores}
    assert not any(score.failed for score in made.scores)


def test_the_examples_are_real_series_with_their_gaps() -> None:
    from everystep.forecast.examples import carbon_dioxide, sea_temperature

    air, sea = carbon_dioxide(), sea_temperature()
    assert int(air["y"].isna().sum()) == 59
    assert sea["ds"].iloc[[0, -1]].tolist() == [pd.Timestamp("1950-01-01"), pd.Timestamp("2010-12-01")]
