"""``everystep predict``: a model directory in, a table of forecasts out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def predict(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A model directory, as fit made it.")],
    data: Annotated[
        Path | None, typer.Option(metavar="NEW.csv", help="Newer histories to forecast from; else the fitted ones.")
    ] = None,
    future_data: Annotated[
        Path | None, typer.Option(metavar="F.csv", help="The columns known ahead, for every step to forecast.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps ahead, at most the fitted horizon.")] = None,
    new_ids: Annotated[str, typer.Option(help="Series that the model has not seen: refuse or accept.")] = "refuse",
    out: Annotated[
        Path | None, typer.Option(metavar="forecast.csv", help="A CSV or Parquet file; else CSV on standard output.")
    ] = None,
) -> None:
    """Forecast with a fitted model: unique_id, ds, everystep and the two edges of its 80% band."""
    from everystep.cli.refusal import printable
    from everystep.forecast import Forecaster

    kept = _checked_output(out, data, future_data)
    forecaster = Forecaster.load(directory)
    frame = forecaster.predict(steps, frame=data, future=future_data, new_ids=new_ids)
    for note in forecaster.notes:
        print(f"- {printable(note)}", file=sys.stderr)
    if kept is None:
        sys.stdout.write(frame.to_csv(index=False))
        return
    _write(frame, kept)
    print(f"{len(frame)} forecasts are in {kept}.", file=sys.stderr)


def _checked_output(out: Path | None, *inputs: Path | None) -> Path | None:
    """Refuse an output that could not be written, before any work is done."""
    from everystep.errors import ArgumentError

    if out is None:
        return None
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise ArgumentError(f"predict: --out is {out}; expected a name that ends in .csv or .parquet.")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ArgumentError(f"predict: {out} can't be a file there; expected a file name in a folder that exists.")
    if any(path is not None and path.exists() and out.exists() and out.samefile(path) for path in inputs):
        raise ArgumentError(f"predict: --out and an input are both {out}; name another file.")
    return out


def _write(frame: Any, path: Path) -> None:
    """Write the table whole: a reader sees the old file or the new one."""
    import io

    from everystep.errors import RunError
    from everystep.train import atomic

    buffer = io.BytesIO()
    if path.suffix.lower() == ".parquet":
        frame.to_parquet(buffer, index=False)
    else:
        buffer.write(frame.to_csv(index=False).encode("utf-8"))
    with atomic.told(RunError, path, "Name another file."):
        atomic.write(path, buffer.getvalue())
