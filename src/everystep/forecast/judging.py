"""Judge the forecaster on the held-back tail, beside every other method, from the same rolling origins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everystep.data import Panel
from everystep.data.wording import show_time
from everystep.forecast import naive, neural, statistical
from everystep.forecast.fitting import Fit
from everystep.forecast.metrics import error_by_step, figures
from everystep.forecast.parts import count_origins, test_windows, train_windows, valid_windows
from everystep.forecast.results import Evaluation, Fan, Score
from everystep.forecast.search import MOST_VALID
from everystep.forecast.task import Clock, OutOfTimeError, Task
from everystep.train.threads import one_thread

Array = NDArray[Any]
Method = Callable[[Task, Clock], Array]

MOST_ORIGINS = 1_000  # of all rows together, where the settings do not say every how many steps
MOST_ORIGINS_EACH = 100  # of one row
TIME_LIMIT = 20.0  # seconds a method may take
MOST_FANS = 4
SHOWN_HISTORY = 4  # horizons of the past that a fan shows
OURS = "everystep"
LEVEL = 1e-4  # a difference that float32 can make by itself


@dataclass(frozen=True)
class Judged:
    """The forecasts behind an evaluation.

    Attributes:
        task: What was asked.
        forecasts: (n, horizon, 3) of each method that finished, by name.
        scores: One row for each method.
    """

    task: Task
    forecasts: Mapping[str, Array]
    scores: tuple[Score, ...]


def task_of(fit: Fit, every: int | None, seed: int) -> Task:
    """Set the task: the windows of the fit's own parts."""
    rows, split, scaling, shape = fit.rows, fit.split, fit.fitted.scaling, fit.fitted.shape
    counts = count_origins(split, shape.horizon)
    step = every or max(1, -(-counts.sum() // MOST_ORIGINS), -(-counts.max() // MOST_ORIGINS_EACH))
    return Task(
        train=train_windows(rows, scaling, shape, split),
        valid=valid_windows(rows, scaling, shape, split, MOST_VALID),
        test=test_windows(rows, scaling, shape, split, step),
        before_test=split.valid,
        seed=seed,
    )


def methods(fit: Fit) -> dict[str, Method]:
    """Name every method of the table, the forecaster first."""
    seasonal = {"seasonal naive": naive.seasonal_naive} if fit.fitted.shape.season > 1 else {}
    drift = "seasonal naive with drift" if seasonal else "last value with drift"
    return {
        OURS: lambda task, _: fit.fitted.forecast(task.test),
        "Model 2 (linear)": neural.model2(fit.start),
        "Model 1 (feed-forward)": neural.model1,
        "last value": naive.last_value,
        **seasonal,
        drift: naive.seasonal_naive_with_drift,
        "Theta": statistical.theta,
        "ETS": statistical.ets,
    }


def judge(task: Task, contest: Mapping[str, Method], spent: Mapping[str, float] = {}) -> Judged:
    """Let every method forecast from every origin.

    Args:
        task: What is asked.
        contest: The methods by name.
        spent: Seconds that a method's fit had taken before, by name.

    Returns:
        Forecasts and figures.
    """
    forecasts, scores = {}, []
    for name, method in contest.items():
        began = time.perf_counter()
        try:
            with one_thread():
                forecast = method(task, Clock(TIME_LIMIT))
        except OutOfTimeError:
            scores.append(_failed(name, task, time.perf_counter() - began, f"stopped after {TIME_LIMIT:.0f} s"))
            continue
        except (ValueError, np.linalg.LinAlgError, NotImplementedError) as error:
            scores.append(_failed(name, task, time.perf_counter() - began, f"gave no forecast: {error}"))
            continue
        seconds = time.perf_counter() - began + spent.get(name, 0.0)
        forecasts[name] = forecast
        scores.append(
            Score(name, **figures(forecast, task), seconds=seconds, error_by_step=error_by_step(forecast, task))
        )
    return Judged(task, forecasts, tuple(scores))


def evaluation(judged: Judged, panel: Panel) -> Evaluation:
    """Put the figures, a few fans and the verdict together."""
    task, test = judged.task, judged.task.test
    ahead = [panel.series[task.rows.series[r]].times for r in np.unique(test.row)]
    first = min(times[task.before_test[r]] for times, r in zip(ahead, np.unique(test.row), strict=True))
    last = max(times[task.rows.known[r] - 1] for times, r in zip(ahead, np.unique(test.row), strict=True))
    winner, sentence = verdict(judged.scores)
    return Evaluation(
        scores=judged.scores,
        fans=tuple(_fan(judged, panel, number) for number in _shown(judged)),
        horizon=task.horizon,
        season=task.season,
        origins=int(np.bincount(test.row).max()),
        series=len(np.unique(test.row)),
        first=show_time(first),
        last=show_time(last),
        winner=winner,
        verdict=sentence,
    )


def verdict(scores: tuple[Score, ...]) -> tuple[str, str]:
    """Say who won, in one plain sentence, whoever it is."""
    measure = "mase" if all(math.isfinite(s.mase) for s in scores if not s.failed) else "mae"
    ranked = sorted((s for s in scores if not s.failed), key=lambda s: getattr(s, measure))
    value = {s.method: getattr(s, measure) for s in ranked}
    first, second = ranked[0].method, ranked[1].method
    name = measure.upper()
    rival = second if first == OURS else first
    if abs(value[OURS] - value[rival]) <= LEVEL * value[rival]:
        return rival, f"{rival} and everystep are level, {name} {_figure(value[rival])}: recurrence adds nothing here."
    if first == OURS:
        gain = 1 - value[first] / value[second] if value[second] else 0.0
        beside = f"{gain:.1%} below {second} ({_figure(value[second])})"
        return first, f"everystep is best: {name} {_figure(value[first])}, {beside}."
    more = _more(value[OURS], value[first])
    return first, f"{first} wins: {name} {_figure(value[first])}; everystep has {_figure(value[OURS])}{more}."


def _figure(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.2g}"


def _more(value: float, best: float) -> str:
    """Compare with the best, where there is something to compare with."""
    if best == 0:
        return ""
    return f", {value / best - 1:.1%} more" if value < 10 * best else f", {value / best:,.0f} times as much"


def _shown(judged: Judged) -> list[int]:
    """Choose origins to show: the last one of a few rows, and of a single row also earlier ones."""
    test = judged.task.test
    rows = np.unique(test.row)
    if len(rows) >= MOST_FANS:
        return [int(np.flatnonzero(test.row == r)[-1]) for r in rows[:MOST_FANS]]
    each = -(-MOST_FANS // len(rows))
    numbers = [np.flatnonzero(test.row == r) for r in rows]
    return [int(i) for n in numbers for i in n[np.unique(np.linspace(0, len(n) - 1, each).round().astype(int))]]


def _fan(judged: Judged, panel: Panel, number: int) -> Fan:
    test, ours = judged.task.test, judged.forecasts[OURS][number]
    row, last, horizon = int(test.row[number]), int(test.last[number]), judged.task.horizon
    times, values = panel.series[test.rows.series[row]].times, test.rows.row(row)
    since = max(0, last + 1 - max(SHOWN_HISTORY * horizon, 2 * judged.task.season))
    name, target = test.rows.names[row]
    return Fan(
        id=name,
        target=target,
        history_times=times[since : last + 1],
        history=values[since : last + 1],
        times=times[last + 1 : last + 1 + horizon],
        truth=values[last + 1 : last + 1 + horizon],
        low=ours[:, 0],
        median=ours[:, 1],
        high=ours[:, 2],
        others={name: forecast[number, :, 1] for name, forecast in judged.forecasts.items() if name != OURS},
    )


def _failed(name: str, task: Task, seconds: float, note: str) -> Score:
    nan = float("nan")
    steps = (nan,) * task.horizon
    return Score(name, nan, nan, nan, nan, None, None, seconds, steps, note=note, failed=True)
