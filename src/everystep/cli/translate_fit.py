"""``everystep translate fit``: pairs of lines in, a translator and its report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from everystep.text import ParallelText
    from everystep.translate import Choices


def fit(  # noqa: PLR0913, PLR0917  one option for each thing that a text may leave open
    train_src: Annotated[Path | None, typer.Option(metavar="A", help="Lines to translate from, one file.")] = None,
    train_tgt: Annotated[Path | None, typer.Option(metavar="B", help="Line by line what they become.")] = None,
    valid_src: Annotated[Path | None, typer.Option(metavar="C", help="Lines that choose the best epoch.")] = None,
    valid_tgt: Annotated[Path | None, typer.Option(metavar="D", help="What those become.")] = None,
    train: Annotated[
        Path | None, typer.Option(metavar="PAIRS.tsv", help="Instead of two files, one: source, tab, target.")
    ] = None,
    valid: Annotated[Path | None, typer.Option(metavar="PAIRS.tsv", help="The same for validation.")] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="RE", help="How a line of PAIRS is read, with two groups, if not by a tab.")
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="KIND", help="word, char, phones, bpe:8000 or unigram:8000; by the text.")
    ] = None,
    target_tokens: Annotated[
        str | None, typer.Option(metavar="KIND", help="The same for the target, where it is another.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Any other setting.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Most times through the pairs.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Start of every random number.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model directory.")] = Path("translator"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew where another run is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fit a translator to pairs of lines; keep the epoch that is best on the validation pairs.

    Everything that is not given is chosen by the text. Without validation pairs every tenth pair is held back.
    Killed at any moment, the same command goes on where it stopped.
    """
    from everystep.cli.translator_run import fit_into, tell_result

    asked = {"tokens": tokens, "target_tokens": target_tokens, "epochs": epochs, "seed": seed}
    choices = _choices(config, {name: value for name, value in asked.items() if value is not None})
    training = _text("train", train_src, train_tgt, train, pattern)
    validation = _text("valid", valid_src, valid_tgt, valid, pattern)
    if training is None:
        from everystep.errors import ArgumentError

        raise ArgumentError(
            "translate fit: no training text is given; expected --train-src A --train-tgt B, or --train PAIRS.tsv."
        )
    metrics = fit_into(out, choices, training, validation, overwrite=overwrite)
    if as_json:
        print(json.dumps(metrics | {"directory": str(out), "report": str(out / "report.html")}))
        return
    tell_result(metrics, out)


def _choices(config: Path | None, asked: dict[str, Any]) -> Choices:
    """Read the configuration; what is typed counts more than what is in the file."""
    from everystep.translate import Choices, read_choices

    return (Choices() if config is None else read_choices(config)).chosen(**asked)


def _text(
    name: str, source: Path | None, target: Path | None, pairs: Path | None, pattern: str | None
) -> ParallelText | None:
    """Read the pairs of one part; None where none are given."""
    from everystep.errors import ArgumentError
    from everystep.text import read_pairs, read_parallel

    given = [path is not None for path in (source, target, pairs)]
    if given == [False, False, False]:
        return None
    if pairs is not None and given == [False, False, True]:
        return read_pairs(pairs, pattern=pattern)
    if source is None or target is None or pairs is not None:
        raise ArgumentError(f"translate fit: expected --{name}-src A with --{name}-tgt B, or --{name} PAIRS.tsv alone.")
    return read_parallel(source, target)
