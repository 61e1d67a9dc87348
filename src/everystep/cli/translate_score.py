"""``everystep translate score``: a translator held against a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def score(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Model directories; several are an ensemble.")
    ],
    src: Annotated[Path, typer.Option(metavar="A", help="Lines to translate.")],
    tgt: Annotated[Path, typer.Option(metavar="B", help="Line by line what they should become.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="M", help="bleu, tokenised-bleu, chrf, wer, per or exact; may be repeated."),
    ] = None,
    beam: Annotated[int | None, typer.Option(metavar="N", help="Hypotheses at a time; 1 is greedy.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Translate a text and print how good it is, with everything that has to be equal for figures to be compared.

    Every reading of a text is counted in the model directory, in scores.jsonl.
    """
    from everystep.cli.telling import tell
    from everystep.errors import counted
    from everystep.translate import Translator
    from everystep.translate.reads import count_reads

    translator = Translator.load(*directories)
    names = metric or [_usual(translator.fitted.choices.training.metric)]
    found = translator.scores(src, tgt, metrics=names, beam=beam)
    before = count_reads(directories, (src, tgt), found, beam or translator.fitted.choices.search.beam)
    if as_json:
        print(json.dumps({name: {"value": one.value, "signature": one.signature} for name, one in found.items()}))
    else:
        for one in found.values():
            print(one)
    if before:
        tell(f"{directories[0]} was scored on this text {counted(before, 'time')} before.")


def _usual(metric: str | None) -> str:
    return "bleu" if metric in {None, "loss"} else str(metric)
