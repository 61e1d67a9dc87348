"""Fit a translator into a model directory: train, judge, report, save; a finished run is told again, not touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from everystep.cli.finished import REPORT_FILE, told_before
from everystep.cli.refusal import printable
from everystep.cli.telling import tell
from everystep.text import ParallelText
from everystep.train import Run
from everystep.train.directory import check_ours
from everystep.translate import Choices, Translator
from everystep.translate.page import write_page
from everystep.translate.split import held_back
from everystep.translate.summary import summary

SHOWN = 6  # validation lines that the report shows


def fit_into(
    directory: Path,
    choices: Choices,
    train: ParallelText,
    valid: ParallelText | None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fit, judge and save.

    Whatever moment it is killed at, the same call goes on; once all is written, the same call changes nothing.

    Args:
        directory: The model directory: missing, empty, or of the same run.
        choices: The settings of the run.
        train: What is learned from.
        valid: What chooses the epoch; None holds back some of ``train``.
        overwrite: Whether to start anew where another run is.

    Returns:
        What ``metrics.json`` holds, and under ``finished_before`` whether it was there already.

    Raises:
        RunError: The directory holds another run, or something else.
    """
    check_ours("translate fit", directory)
    if valid is None:
        train, valid = held_back(train)
        tell(f"No validation text is given: {len(valid):,} of {len(valid) + len(train):,} pairs are held back for it.")
    translator = Translator.from_choices(choices)
    translator.fit(train, valid, run=Run(directory, overwrite=overwrite))
    before = told_before(directory)
    if translator.trained.already_finished and before:
        return before | {"finished_before": True}
    metrics = summary(translator.last_fit)
    shown = _spread(valid.source, SHOWN)
    write_page(directory / REPORT_FILE, translator, shown, f"{train.name}")
    translator.save(directory, metrics)  # last, and config.json last of all: where it is, everything is
    return metrics | {"finished_before": False}


def tell_result(metrics: dict[str, Any], directory: Path) -> None:
    """Print notes, what was chosen, the figures of validation, and where everything lies."""
    for note in metrics["notes"]:
        print(f"- {printable(note)}")
    sizes = metrics["pairs"]
    print(
        f"\n{sizes['training']:,} pairs to learn from, {sizes['validation']:,} to choose the epoch by; "
        f"{metrics['parameters']:,} parameters."
    )
    figures = ", ".join(f"{name} {value:.4g}" for name, value in metrics["figures"].items() if name != "validation")
    print(f"Best of {metrics['epochs']} epochs is {metrics['best_epoch']}, on validation: {figures}.")
    print(f"Model: {directory}\nReport: {directory / REPORT_FILE}")
    print(f"Translate: everystep translate run {directory} < input.txt > output.txt")
    if metrics["finished_before"]:
        tell("The same command did all of it before: give --overwrite to start anew.")


def _spread(lines: tuple[str, ...], count: int) -> list[str]:
    """Choose some lines, evenly, of those that a picture can hold."""
    fitting = [line for line in dict.fromkeys(lines) if len(line) <= 120] or list(lines[:1])
    step = max(1, len(fitting) // count)
    return fitting[::step][:count]
