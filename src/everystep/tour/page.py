"""The tour as one page that can be read at a desk and shown to a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from everystep.pages import Column, Markup, number, page, table
from everystep.tour.item import Item
from everystep.tour.pictures import Picture
from everystep.tour.words import paragraphs

TITLE = "Recurrent networks, step by step"

_HEAD = Markup("""<header class="item" id="top">
<div>
<p class="eyebrow">A tour of the lecture notes</p>
<h1>{title}</h1>
<p class="lede">One function, one set of parameters, applied at every step. Every number below was computed when
this page was made; none was written in.</p>
<p class="quiet go">Go on with <kbd>→</kbd>, back with <kbd>←</kbd>; or swipe, or scroll.</p>
</div>
<div>
<ol class="contents">
{contents}
</ol>
{symbols}
</div>
</header>""")

_ITEM = Markup("""<section class="item" id="{id}" aria-labelledby="{id}-title">
<div class="said">
<p class="eyebrow">{number} of the notes, computed in {seconds} s</p>
<h2 id="{id}-title">{title}</h2>
{prose}
<details><summary>Every figure of {number}</summary>
{figures}
</details>
</div>
<div class="shown">
{first}
{code}
{more}
</div>
</section>""")

_STEPS = Markup("""<nav class="steps" aria-label="Items">
<button type="button" data-go="-1" aria-label="Item before">←</button>
{links}
<button type="button" data-go="1" aria-label="Next item">→</button>
</nav>""")

_SYMBOLS = (
    ("x(t)", "the input at step t, t = 1 … T"),
    ("s(t)", "the state; the only thing that crosses from one step to the next"),
    ("y(t)", "the output; ŷ(t) where it is a model's and y(t) the target"),
    ("θ", "the parameters of the transition h, the same at every t"),
    ("φ", "the parameters of the readout g, the same at every t"),
)


def tour_page(items: Sequence[Item], pictures: Mapping[str, Sequence[Picture]], seconds: Mapping[str, float]) -> str:
    """Set the items as one page.

    Args:
        items: The items, in order.
        pictures: The pictures of each item, by number.
        seconds: What each item took, by number.

    Returns:
        The HTML.
    """
    sections = [_item(item, pictures[item.number], seconds[item.number]) for item in items]
    head = _HEAD.format(title=TITLE, contents=_contents(items), symbols=_symbols())
    body = Markup("\n").join([_steps(items), head, *sections])
    return page(TITLE, body, style=_read("page.css"), script=_read("page.js"))


def _item(item: Item, pictures: Sequence[Picture], seconds: float) -> Markup:
    return _ITEM.format(
        id=item.number.lower(),
        number=item.number,
        seconds=number(seconds, 2),
        title=item.title,
        prose=paragraphs(item.prose),
        code=Markup("<pre><code>{}</code></pre>").format(item.code.strip()) if item.code else "",
        figures=table(
            [Column("figure"), Column("value")], [(path, _figure(value)) for path, value in flattened(item.figures)]
        ),
        first=Markup("").join(picture.figure for picture in pictures[:1]),
        more=Markup("").join(picture.figure for picture in pictures[1:]),
    )


def _steps(items: Sequence[Item]) -> Markup:
    link = Markup('<a href="#{}" title="{}">{}</a>')
    return _STEPS.format(
        links=Markup("\n").join(link.format(item.number.lower(), item.title, item.number) for item in items)
    )


def _contents(items: Sequence[Item]) -> Markup:
    line = Markup('<li><a href="#{}"><span>{}</span> {}</a></li>')
    return Markup("\n").join(line.format(item.number.lower(), item.number, item.title) for item in items)


def _symbols() -> Markup:
    rows = (Markup("<dt>{}</dt><dd>{}</dd>").format(*pair) for pair in _SYMBOLS)
    return Markup('<dl class="facts symbols">{}</dl>').format(Markup("\n").join(rows))


def flattened(figures: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """List nested figures as rows of (path, value); a list of numbers is one value.

    Example:
        >>> from everystep.tour.page import flattened
        >>> list(flattened({"lstm": {"forget": 0.9}, "gradient": [0.0, 1.0]}))
        [('lstm.forget', 0.9), ('gradient', [0.0, 1.0])]
    """
    if not isinstance(figures, Mapping):
        yield path, figures
        return
    for name, inner in figures.items():
        yield from flattened(inner, f"{path}.{name}" if path else str(name))


def _figure(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_figure(inner) for inner in value)}]"
    return number(value, 4) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _read(name: str) -> str:
    return files("everystep.tour").joinpath(name).read_text(encoding="utf-8")
