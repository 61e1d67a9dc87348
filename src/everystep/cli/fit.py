"""``everystep fit``: a table in, a judged model and its report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def fit(  # noqa: PLR0913, PLR0917  one option for each thing that a table may leave open
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A CSV or Parquet file.")],
    time: Annotated[
        str | None, typer.Option(metavar="COL", help="The time column; ds, or the only column of dates.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="A target column; may be repeated. y, or the only column of numbers."),
    ] = None,
    id: Annotated[  # noqa: A002
        str | None,
        typer.Option(metavar="COL", help="The column that tells series apart; unique_id, or a single series."),
    ] = None,
    future: Annotated[list[str] | None, typer.Option(metavar="COLS", help="Columns known ahead: A,B.")] = None,
    past: Annotated[
        list[str] | None, typer.Option(metavar="COLS", help="Columns known only in the past; all others by default.")
    ] = None,
    static: Annotated[list[str] | None, typer.Option(metavar="COLS", help="Columns with one value a series.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="COLS", help="Columns to leave out.")] = None,
    horizon: Annotated[int | None, typer.Option(metavar="N", help="Steps to forecast.")] = None,
    season: Annotated[int | None, typer.Option(metavar="N", help="Steps in a season; 1 for none.")] = None,
    freq: Annotated[str | None, typer.Option(metavar="F", help="The step: h, D, W, MS, ... or a whole number.")] = None,
    gaps: Annotated[str, typer.Option(help="Missing times: refuse, fill or drop.")] = "refuse",
    nonfinite: Annotated[
        str, typer.Option(help="Missing and infinite values: refuse, drop or interpolate.")
    ] = "refuse",
    duplicates: Annotated[str, typer.Option(help="A time that comes twice: refuse, first or last.")] = "refuse",
    unsorted: Annotated[str, typer.Option(help="Times that fall: refuse or sort.")] = "refuse",
    constant: Annotated[str, typer.Option(help="A series that never changes: refuse, drop or keep.")] = "refuse",
    timezone: Annotated[str, typer.Option(help="Times with offsets: refuse, utc or local.")] = "refuse",
    valid_from: Annotated[str | None, typer.Option(metavar="T", help="First time of validation.")] = None,
    test_from: Annotated[str | None, typer.Option(metavar="T", help="First time of the test.")] = None,
    every: Annotated[
        int | None, typer.Option(metavar="N", help="Steps between two judged origins; 1 takes every window.")
    ] = None,
    cell: Annotated[str, typer.Option(help="lstm, gru, elman, jordan, or any registered cell.")] = "lstm",
    hidden: Annotated[int | None, typer.Option(metavar="N", help="Units of the cell.")] = None,
    window: Annotated[int | None, typer.Option(metavar="N", help="Past values that are read at once.")] = None,
    epochs: Annotated[int, typer.Option(metavar="N", help="Most times through the training windows.")] = 40,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The model directory; DATA-forecast if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Start of every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew where another run is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fit a recurrent forecaster to a table, judge it beside simpler methods, and write a report.

    Everything that is not given is guessed from the table, and said.
    Killed at any moment, the same command goes on where it stopped.
    """
    from everystep.cli.model_run import fit_into, listed, title_of, whole_or_text
    from everystep.cli.telling import tell
    from everystep.forecast import Forecaster

    forecaster = Forecaster(
        horizon=horizon, season=season, freq=whole_or_text(freq), gaps=gaps, nonfinite=nonfinite, duplicates=duplicates,
        unsorted=unsorted, constant=constant, timezone=timezone, valid_from=valid_from, test_from=test_from,
        every=every, cell=cell, hidden=hidden, window=window, epochs=epochs, seed=seed,
    )  # fmt: skip
    targets = list(target or ())
    columns = {
        "time": time, "target": targets or None, "id": id, "future": listed(future), "past": listed(past),
        "static": listed(static), "ignore": listed(ignore),
    }  # fmt: skip
    directory = out or Path(f"{data.name.split('.')[0]}-forecast")
    metrics = fit_into(directory, forecaster, data, columns, title=title_of(data, targets), overwrite=overwrite)
    if as_json:
        print(json.dumps(metrics | {"directory": str(directory), "report": str(directory / "report.html")}))
        return
    tell_result(metrics, directory)
    if metrics["finished_before"]:
        tell("The same command did all of it before: give --overwrite to start anew.")


def tell_result(metrics: dict, directory: Path) -> None:  # type: ignore[type-arg]
    """Print notes, the table, the verdict, and where everything lies."""
    from everystep.cli.refusal import printable
    from everystep.cli.score_table import score_table
    from everystep.errors import counted

    for note in metrics["notes"]:
        print(f"- {printable(note)}")
    origins, steps = counted(metrics["origins"], "origin"), counted(metrics["horizon"], "step")
    tail = (
        "the held-back tail"
        if metrics["series"] == 1
        else f"the held-back tail of each of {metrics['series']:,} series"
    )
    print(f"\nJudged from {origins} in {tail}, {steps} ahead:\n")
    print(score_table(metrics["table"], metrics["winner"]))
    print(f"\n{metrics['verdict']}\nModel: {directory}\nReport: {directory / 'report.html'}")
