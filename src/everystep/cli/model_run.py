"""Fit into a model directory: train, judge, report, save; a finished run is told again and not touched."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everystep.cli.finished import REPORT_FILE, told_before
from everystep.cli.telling import tell
from everystep.errors import ArgumentError
from everystep.forecast import Forecaster
from everystep.forecast.summary import summary
from everystep.report import write
from everystep.train import Run, Settings
from everystep.train.directory import check_ours


def fit_into(
    directory: Path,
    forecaster: Forecaster,
    source: Any,
    columns: Mapping[str, Any],
    *,
    title: str,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fit, judge and save.

    Whatever moment it is killed at, the same call goes on; once all is written, the same call changes nothing.

    Args:
        directory: The model directory: missing, empty, or of the same run.
        forecaster: With the settings of the run.
        source: A path or a frame.
        columns: What the columns of the table are, as for ``Forecaster.fit``.
        title: What is forecast.
        overwrite: Whether to start anew where another run is.

    Returns:
        What ``metrics.json`` holds, and under ``finished_before`` whether it was there already.

    Raises:
        RunError: The directory holds another run, or something else.
    """
    check_ours("fit", directory)
    run = Run(directory, about=_about(forecaster, columns), overwrite=overwrite)
    forecaster.fit(source, **columns, run=run)
    before = told_before(directory)
    if forecaster.trained.already_finished and before:
        return before | {"finished_before": True}
    tell("Judging every method on the held-back tail.")
    result = forecaster.result(title)
    metrics = summary(result, forecaster.last_fit)
    write(result, directory / REPORT_FILE)
    forecaster.save(directory, metrics)  # last, and config.json last of all: where it is, everything is
    return metrics | {"finished_before": False}


def title_of(path: Path, targets: list[str]) -> str:
    """Name what is forecast: ``co2 of weekly.csv``."""
    return f"{', '.join(targets) or 'the target'} of {path.name}"


def listed(values: list[str] | None) -> tuple[str, ...]:
    """Take columns that were given one by one, or several with commas between them; quotes keep a comma in a name."""
    rows = csv.reader(values or (), skipinitialspace=True)
    return tuple(part.strip() for row in rows for part in row if part.strip())


def whole_or_text(value: str | None) -> str | int | None:
    """Take a frequency as typed: a whole number, or an alias."""
    if value is not None and not value.strip():
        raise ArgumentError("fit: --freq is empty; expected an alias such as h, D, W, MS, or a whole number.")
    return int(value) if value is not None and value.isdigit() else value


def _about(forecaster: Forecaster, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Name what has to be the same for a run to go on, besides the data and the training settings."""
    told_by_training = {*Settings.__dataclass_fields__, "progress"}
    params = {name: value for name, value in forecaster.get_params().items() if name not in told_by_training}
    return {**columns, **params}
