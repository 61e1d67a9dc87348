"""``Forecaster``: fit, predict, update, judge, save and load."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import Any, Self

import numpy as np

from everystep.data import Panel, read_panel, read_panel_like
from everystep.errors import ArgumentError, NotFittedError
from everystep.forecast import crossing, judging, saving
from everystep.forecast.answer import answer, columns_ahead, forecast_ahead
from everystep.forecast.arguments import Arguments
from everystep.forecast.fitted import Fitted
from everystep.forecast.fitting import Fit, fit_forecaster
from everystep.forecast.known import joined, shorter_than
from everystep.forecast.outcome import outcome
from everystep.forecast.results import Evaluation, FitResult
from everystep.train import Run, Trained


class Forecaster(Arguments):
    """Forecast series with a recurrent network that starts as Model 2 and is never kept when worse.

    A linear path reads a window of each series; a recurrent path of any registered cell is added to it. One model
    serves all series and targets. The constructor stores its arguments and does nothing else; None means: chosen from
    the data.

    Args:
        horizon: Steps to forecast.
        season: Steps in a season; 1 where there is none.
        cell: A name in ``everystep.cells.CELLS``.
        hidden: Units of the cell.
        window: Values that are read.
        segment: Values that enter at each step of the cell.
        centre: What a forecast is told against: ``"last"``, ``"seasonal"`` or ``"mean"``.
        epochs: Most times through the training windows.
        patience: Epochs without a better validation after which training stops.
        learning_rate: The highest step size of AdamW.
        weight_decay: AdamW's decoupled weight decay.
        batch_size: Windows in a batch.
        seed: Start of every random number.
        freq: The step between two times, as a pandas offset alias, or a whole number.
        gaps: Missing times: ``"refuse"``, ``"fill"`` or ``"drop"``.
        nonfinite: Missing and infinite values: ``"refuse"``, ``"drop"`` or ``"interpolate"``.
        duplicates: A time that comes twice: ``"refuse"``, ``"first"`` or ``"last"``.
        unsorted: Times that fall: ``"refuse"`` or ``"sort"``.
        constant: A series that never changes: ``"refuse"``, ``"drop"`` or ``"keep"``.
        timezone: Times with offsets from UTC: ``"refuse"``, ``"utc"`` or ``"local"``.
        valid_from: First time of the validation part; None holds back 15% of each series.
        test_from: First time of the test part; None holds back 15% of each series.
        every: Steps between two rolling origins of ``evaluate``; 1 takes every window.
        progress: ``"auto"``, ``"plain"`` or ``"quiet"``.

    Example:
        >>> import numpy as np, pandas as pd, everystep as es
        >>> days = pd.date_range("2024-01-01", periods=200, freq="D")
        >>> frame = pd.DataFrame({"ds": days, "y": np.arange(200) + 10 * np.sin(np.arange(200) * 2 * np.pi / 7)})
        >>> forecaster = es.Forecaster(horizon=7, epochs=2, progress="quiet").fit(frame)
        >>> forecaster.predict(2).columns.tolist()
        ['unique_id', 'ds', 'everystep', 'everystep-lo-80', 'everystep-hi-80']
    """

    def fit(
        self,
        source: Any,
        *,
        time: str | None = None,
        target: Any = None,
        id: str | None = None,  # noqa: A002
        future: Any = (),
        past: Any = (),
        static: Any = (),
        ignore: Any = (),
        run: Run | None = None,
    ) -> Self:
        """Fit on the training part of a table; its weights are chosen on the validation part after it.

        Args:
            source: A pandas, polars or Arrow frame, or the path of a CSV or Parquet file.
            time: The time column; None: ``ds``, or the only column that holds dates.
            target: The target column or columns; None: ``y``, or the only column of numbers.
            id: The column that tells series apart; None: ``unique_id``, or a single series without one.
            future: Columns known ahead.
            past: Columns known up to the present; none: all that are not named otherwise.
            static: Columns with one value for each series.
            ignore: Columns to leave out.
            run: Where to keep the training run, so that a killed one goes on; None keeps it in memory.

        Returns:
            The forecaster itself.

        Raises:
            DataError: The table can't be used as it is, or is too short for the horizon.
            UnknownNameError: There is no such column.
        """
        began = clock.perf_counter()
        settings = self.settings
        columns = {"time": time, "target": target, "id": id}
        extras = {"future": future, "past": past, "static": static, "ignore": ignore}
        panel = read_panel(source, **columns, **extras, **self.reading)
        self._fit, self._panel = fit_forecaster(panel, settings, run=run, progress=self.progress), panel
        self._take(self._fit.fitted, panel, source)
        self._notes = panel.notes
        self._seconds = clock.perf_counter() - began
        return self

    @property
    def fitted(self) -> Fitted:
        """The fitted model.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        return self._asked("fitted")[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, filled and left out in the table that was read last; empty after ``load``."""
        self._asked("notes")
        return getattr(self, "_notes", ())

    @property
    def known(self) -> Panel:
        """What is known of each series."""
        return self._asked("known")[1]

    @property
    def last_fit(self) -> Fit:
        """How the last ``fit`` went: parts, losses, validation."""
        return self._fresh("last_fit")[0]

    @property
    def trained(self) -> Trained:
        """How the training run of the last ``fit`` went."""
        return self.last_fit.trained

    def predict(self, h: int | None = None, frame: Any = None, future: Any = None, new_ids: str = "refuse") -> Any:
        """Forecast from the end of what is known.

        Args:
            h: Steps ahead, 1 to the horizon; None: the horizon.
            frame: Other histories to forecast from, a frame or a path with the columns of the fitted table;
                None: what is known.
            future: The columns known ahead, for every step and series; needed where the model was fitted with some.
            new_ids: Series in ``frame`` that the model was not fitted on: ``"refuse"``, or ``"accept"``: they are
                scaled by their own history, as one model serves all series.

        Returns:
            A frame with ``unique_id, ds, everystep, everystep-lo-80, everystep-hi-80``, of the kind that ``frame`` or
            else the fitted table had; with several targets a further column ``target``, and a block of rows for each.

        Raises:
            NotFittedError: ``fit`` was not called.
            ArgumentError: h is beyond the horizon, or ``future`` is missing.
            DataError: A table can't be used as it is.
        """
        fitted, known = self._asked("predict")
        steps = self._steps(h, fitted.shape.horizon)
        like = self._like if frame is None else frame
        panel = known if frame is None else self._read(frame, known, new_ids)
        if frame is not None:
            self._notes = (*self._notes, *shorter_than(panel, fitted.shape.window))
        rows, forecast = forecast_ahead(fitted, panel, columns_ahead(panel, future, steps))
        return answer(rows, forecast[:, :steps], panel, like)

    def update(self, frame: Any, new_ids: str = "refuse") -> Self:
        """Take in new values without fitting again: predicting is then as from the longer table.

        Args:
            frame: The new rows of some series or all; rows that are known already may come again.
            new_ids: As for ``predict``.

        Returns:
            The forecaster itself.

        Raises:
            DataError: Steps are missing in between, or the table can't be used as it is.
        """
        _, known = self._asked("update")
        self._known = joined(known, self._read(frame, known, new_ids))
        return self

    def evaluate(self) -> Evaluation:
        """Judge the model on the held-back tail beside the other methods, from the same rolling origins.

        Returns:
            The table, a few forecasts against the truth, and the verdict.

        Raises:
            NotFittedError: ``fit`` was not called in this process: a loaded model has no training data.
        """
        fit, panel = self._fresh("evaluate")
        task = judging.task_of(fit, self.every, self.seed)
        judged = judging.judge(task, judging.methods(fit), {judging.OURS: self._seconds})
        return judging.evaluation(judged, panel)

    def result(self, title: str = "forecast", evaluation: Evaluation | None = None) -> FitResult:
        """Gather everything that a report shows.

        Args:
            title: What was forecast.
            evaluation: What ``evaluate`` gave; made anew when not given.
        """
        fit, panel = self._fresh("result")
        return outcome(fit, panel, evaluation or self.evaluate(), title, self._seconds)

    def cross_validation(self, frame: Any, windows: int = 5, step: int | None = None, **columns: Any) -> Any:
        """Fit once on what lies before the first of several origins, and forecast from each of them.

        The forecaster itself is left as it is.

        Args:
            frame: A frame or a path, as for ``fit``.
            windows: Origins, 1 or more.
            step: Steps between two origins; None: the horizon.
            columns: ``time``, ``target``, ``id``, ``future``, ``past``, ``static`` and ``ignore``, as for ``fit``.

        Returns:
            A frame with ``unique_id, ds, cutoff, y`` and the columns of ``predict``.

        Raises:
            ArgumentError: ``windows`` or ``step`` is not 1 or more.
            DataError: The table can't be used, or is too short for so many origins.
        """
        panel = read_panel(frame, **columns, **self.reading)
        return crossing.cross_validate(panel, self.settings, windows, step, like=frame, progress=self.progress)

    def save(self, directory: str | Path, metrics: dict[str, Any] | None = None) -> None:
        """Save the model, and what it knows of each series, into a model directory.

        Args:
            directory: A directory that is missing, empty, or was made by everystep.
            metrics: How good the model is, as plain values.

        Raises:
            NotFittedError: ``fit`` was not called.
            RunError: The directory holds something else.
        """
        fitted, known = self._asked("save")
        saving.save(directory, fitted, known, self.get_params(), metrics or {})

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Load a model that ``save`` or ``everystep fit`` made.

        Args:
            directory: The model directory.

        Returns:
            The forecaster, ready to predict.

        Raises:
            ModelFileError: A file is missing, damaged, or of a newer format; it is named.
        """
        fitted, known, settings, _ = saving.load(directory)
        forecaster = cls().set_params(**settings)
        forecaster._take(fitted, known, None)  # noqa: SLF001
        return forecaster

    def _take(self, fitted: Fitted, known: Panel, like: Any) -> None:
        self._fitted, self._known, self._like = fitted, known, like

    def _read(self, frame: Any, known: Panel, new_ids: str) -> Panel:
        policies = {name: getattr(self, name) for name in ("gaps", "nonfinite", "duplicates", "unsorted")}
        panel = read_panel_like(frame, known.schema, new_ids=new_ids, **policies)
        self._notes = panel.notes
        return panel

    def _asked(self, what: str) -> tuple[Fitted, Panel]:
        if not hasattr(self, "_fitted"):
            raise NotFittedError(
                f"Forecaster: {what} was asked before fit; call fit(frame), or Forecaster.load(directory)."
            )
        return self._fitted, self._known

    def _fresh(self, what: str) -> tuple[Fit, Panel]:
        self._asked(what)
        if not hasattr(self, "_fit"):
            raise NotFittedError(
                f"Forecaster: {what} needs the table it was fitted on, and a loaded model has only the end of it; "
                "call fit(frame) again, or read metrics.json of its directory."
            )
        return self._fit, self._panel

    def _steps(self, h: int | None, horizon: int) -> int:
        if h is None:
            return horizon
        if isinstance(h, bool) or not isinstance(h, int | np.integer) or not 1 <= h <= horizon:
            raise ArgumentError(
                f"Forecaster: h is {h!r}; expected a whole number from 1 to the horizon it was fitted for, {horizon}. "
                "For more steps, fit with a longer horizon."
            )
        return int(h)
