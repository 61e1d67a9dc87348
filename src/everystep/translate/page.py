"""The page of a translator: sources against outputs, where it looked, and what its encoder did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from everystep.errors import ArgumentError, RunError
from everystep.pages import Markup, alignment_chart, label, page
from everystep.train import atomic
from everystep.translate.answers import Translation
from everystep.translate.gates import gates_figures
from everystep.translate.translator import Translator

MOST_SHOWN = 8  # lines
MOST_SYMBOLS = 60  # of a picture's side

_PAGE = Markup("""<header>
<p class="eyebrow">everystep · translator</p>
<h1>What it looked at</h1>
<p class="lede">{lede}</p>
</header>
{table}
<section>
<h2>Where it looked</h2>
<p>A row for each symbol that was said, from top to bottom; a column for each that was read. The darker a square, the
more the model looked there before it said that row.</p>
{alignments}
</section>
<section>
<h2>Inside the encoder</h2>
<p>“{line}”, symbol by symbol: what the gates let through, in each direction that the encoder reads in.</p>
{gates}
</section>""")

_ROW = Markup('<tr><th scope="row" class="text">{}</th><td class="text" data-name="output">{}</td></tr>')
_TABLE = Markup(
    '<table class="cards">\n<thead><tr><th scope="col" class="text">source</th><th scope="col" class="text">output</th>'
    "</tr></thead>\n<tbody>\n{}\n</tbody>\n</table>\n"
)


def write_page(path: Path, translator: Translator, lines: Sequence[str], name: str, *, beam: int | None = None) -> None:
    """Translate some lines and write the page about it; a reader sees the old file or the new one.

    Args:
        path: The file.
        translator: A fitted translator.
        lines: What to show.
        name: What the lines are of.
        beam: As for ``Translator.translate``.

    Raises:
        RunError: The file can't be written.
    """
    with atomic.told(RunError, path, "Choose another place for the page."):
        atomic.write(path, attention_page(translator, lines, name, beam=beam).encode("utf-8"))


def checked_page(path: Path) -> Path:
    """Refuse a path that no page could be written to, before any work is done.

    Raises:
        ArgumentError: It is a directory, or its folder is not there.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ArgumentError(
            f"translate run: {path} can't be a file there; expected a file name in a folder that exists."
        )
    return path


def attention_page(translator: Translator, lines: Sequence[str], name: str, *, beam: int | None = None) -> str:
    """Translate some lines and make the page about it.

    Args:
        translator: A fitted translator.
        lines: What to show; the first ``MOST_SHOWN`` of them that are not empty.
        name: What the lines are of.
        beam: As for ``Translator.translate``.

    Returns:
        One self-contained HTML page: no network, no script.
    """
    shown = [line for line in lines if line.strip()][:MOST_SHOWN]
    found = [best[0] for best in translator.translations(shown, beam=beam)]
    body = _PAGE.format(
        lede=_lede(len(shown), name),
        table=_TABLE.format(
            Markup("\n").join(_ROW.format(label(a, 400), label(b.text, 400)) for a, b in zip(shown, found, strict=True))
        ),
        alignments=Markup("\n").join(map(_alignment, found)) or _paragraph("Nothing was read."),
        line=label(shown[0], 200) if shown else "",
        gates=gates_figures(translator.fitted, shown[0], found[0].source) if shown else "",
    )
    return page("What the translator looked at", body, style="td.text::before{flex:none}")


def _lede(count: int, name: str) -> str:
    return f"{count} {'line' if count == 1 else 'lines'} of {label(name, 120)}, read, translated, and opened up."


def _alignment(one: Translation) -> Markup:
    if one.attention is None:
        return _paragraph("This model has no attention: its decoder sees the source through the bridge alone.")
    if len(one.source) > MOST_SYMBOLS or len(one.target) > MOST_SYMBOLS:
        return _paragraph(f"“{label(one.text, 60)}” is too long for a picture.")
    weights = one.attention.double().numpy()
    most = weights.argmax(axis=1)
    looked = [f"{said} at {one.source[place]}" for said, place in zip(one.target, most, strict=True)]
    return alignment_chart(
        weights,
        one.source,
        one.target,
        title=f"Alignment of {label(one.text, 60)}",
        alt=f"Looked most, {', '.join(looked)}",
        heading=one.text,
    )


def _paragraph(text: str) -> Markup:
    return Markup('<p class="quiet">{}</p>').format(text)
