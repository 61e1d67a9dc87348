"""Tables of figures: right-aligned tabular numerals, the best of a column marked also without colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from everystep.pages.labels import label
from everystep.pages.numerals import column


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its heading.
        best: Chooses the best of its figures, for instance ``min``; None for none.
        write: Turns all its figures into texts; the dashes for None are its work too.
    """

    name: str
    best: Callable[[Sequence[float]], float] | None = None
    write: Callable[[Sequence[float | None]], Sequence[str]] = column


def table(columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, own: Sequence[int] = ()) -> Markup:
    """Write a table; the first column names the rows. On a narrow screen each row becomes a card.

    Args:
        columns: The columns; the first one's values are shown as text.
        rows: One sequence of values per row, as long as ``columns``. None is shown as a dash; a string as it is.
        own: Rows to set in the forecast's colour, by place.

    Returns:
        The ``<table>`` element; a star beside a figure marks the best of its column.

    Example:
        >>> from everystep.pages import Column, table
        >>> html = table([Column("method"), Column("MAE", best=min)], [["ours", 0.5], ["theirs", 0.7]])
        >>> '<td class="best" data-name="MAE"><span>0.500' in html
        True
    """
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_class("" if i else "text"), label(column.name, 24))
        for i, column in enumerate(columns)
    )
    cells = [_cells(column, [row[i] for row in rows]) for i, column in enumerate(columns) if i]
    body = Markup("\n").join(
        Markup('<tr{}><th scope="row" class="text">{}</th>{}</tr>').format(
            _class("own" if place in own else ""), _text(row[0]), Markup("").join(column[place] for column in cells)
        )
        for place, row in enumerate(rows)
    )
    return Markup('<table class="cards">\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>\n</table>\n').format(
        head, body
    )


def facts(pairs: Mapping[str, Any]) -> Markup:
    """Write names and values as a list of facts, in the order given.

    Args:
        pairs: Values by name; both are shown as text, shortened and escaped.

    Returns:
        The ``<dl>`` element.
    """
    rows = (
        Markup("<dt>{}</dt><dd>{}</dd>").format(label(name), value if isinstance(value, Markup) else label(value, 160))
        for name, value in pairs.items()
    )
    return Markup('<dl class="facts">{}</dl>\n').format(Markup("\n").join(rows))


def _cells(column: Column, values: Sequence[Any]) -> list[Markup]:
    figures = [None if isinstance(value, str) else value for value in values]
    known = [figure for figure in figures if figure is not None and np.isfinite(figure)]
    best = column.best(known) if column.best is not None and known else None
    written = zip(values, column.write(figures), strict=True)
    shown_texts = [_text(value) if isinstance(value, str) else text for value, text in written]
    return [
        Markup('<td{} data-name="{}"><span>{}</span></td>').format(
            _class("best" if figure is not None and figure == best else "none" if shown == "–" else ""),
            label(column.name, 24),
            shown,
        )
        for figure, shown in zip(figures, shown_texts, strict=True)
    ]


def _class(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup("")


def _text(value: Any) -> Markup | str:
    return value if isinstance(value, Markup) else label(value)
