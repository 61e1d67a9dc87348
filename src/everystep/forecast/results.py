"""What a fit leaves behind for people to read: the table, the fans, the curves, the gates.

Nothing here computes. A report, the command line and a notebook read the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from everystep.cell import Cell

Array = NDArray[Any]


@dataclass(frozen=True)
class Score:
    """One row of the table: one method, judged on every held-back origin.

    Attributes:
        method: Its name, for instance ``"everystep"`` or ``"seasonal naive"``.
        mae: Mean absolute error, in the units of the target.
        rmse: Root of the mean squared error, in the units of the target.
        mase: Absolute error over that of the in-sample seasonal naive; below 1 is better than it.
        smape: Mean of |y - f| / (|y| + |f|), between 0 and 1.
        quantile_loss: Mean pinball loss of the 10, 50 and 90% quantiles; None without a band.
        coverage: Share of the truth inside the 80% band, 0 to 1; None without a band.
        seconds: Wall-clock time of fitting and forecasting.
        error_by_step: Mean absolute error at 1, 2, ... horizon steps ahead.
        note: Why a figure is missing or special ("stopped after 20 s"); mostly empty.
        failed: True where the method gave no forecast; its figures are then NaN.
    """

    method: str
    mae: float
    rmse: float
    mase: float
    smape: float
    quantile_loss: float | None
    coverage: float | None
    seconds: float
    error_by_step: tuple[float, ...]
    note: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Fan:
    """One forecast of one series, from one origin, with the truth where it is known.

    Attributes:
        id: The series.
        target: The target column.
        history_times: (n,) datetime64 or whole numbers, the last of them the origin.
        history: (n,) what was known.
        times: (horizon,) the times that were forecast.
        truth: (horizon,) what came, or None for a forecast of the real future.
        low: (horizon,) 10% quantile.
        median: (horizon,) point forecast.
        high: (horizon,) 90% quantile.
        others: Point forecasts (horizon,) of other methods from the same origin, by name.
    """

    id: str
    target: str
    history_times: Array
    history: Array
    times: Array
    truth: Array | None
    low: Array
    median: Array
    high: Array
    others: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Every method on the same held-back origins.

    Attributes:
        scores: One row per method, everystep first, then the judges.
        fans: A few forecasts against the truth.
        horizon: Steps ahead.
        season: Steps in a season; 1 where there is none.
        origins: Forecasts made per series.
        series: Number of series times targets judged.
        first: Time of the first held-back value.
        last: Time of the last held-back value.
        winner: Method with the lowest MASE (MAE where MASE is undefined).
        verdict: One plain sentence about who won and by how much.
    """

    scores: tuple[Score, ...]
    fans: tuple[Fan, ...]
    horizon: int
    season: int
    origins: int
    series: int
    first: str
    last: str
    winner: str
    verdict: str


@dataclass(frozen=True)
class Curves:
    """The loss over training.

    Attributes:
        epochs: (n,) epoch numbers; epoch 0 is the model before training, which is Model 2.
        train: (n,) mean training loss of the epoch; NaN at epoch 0.
        validation: (n,) validation loss after the epoch.
        best: The epoch whose weights were kept.
        start: Validation loss of Model 2, where training starts.
    """

    epochs: Array
    train: Array
    validation: Array
    best: int
    start: float


@dataclass(frozen=True)
class GateView:
    """What the cell did over one window.

    Attributes:
        id: The series.
        target: The target column.
        window_times: (window,) times of the values read.
        window: (window,) the values read, in the units of the target.
        segment: Values that enter at each step of the cell.
        taps: ``{name: (steps, units)}``, every tap and state part; gates lie between 0 and 1.
    """

    id: str
    target: str
    window_times: Array
    window: Array
    segment: int
    taps: Mapping[str, Array]


@dataclass(frozen=True)
class FitResult:
    """Everything a report of one fit needs.

    Attributes:
        title: What was forecast, for instance ``"co2 of co2.csv"``.
        settings: Every setting the model ended up with, in the order to show them.
        notes: What was decided for the user (frequency, season, gaps, columns ignored).
        evaluation: The comparison on the held-back tail.
        curves: The losses of the run.
        gates: The cell over one window; None where it takes no taps or none was asked for.
        future: Forecasts from the end of the data; ``truth`` is None in each.
        cell: The fitted cell, for ``everystep.draw``.
        parameters: Number of trained parameters.
        seconds: Wall-clock time of the whole fit.
    """

    title: str
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    evaluation: Evaluation
    curves: Curves
    gates: GateView | None
    future: tuple[Fan, ...]
    cell: Cell[Any]
    parameters: int
    seconds: float
