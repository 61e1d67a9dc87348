"""Tables of figures: right-aligned tabular numerals, the best of a column marked also without colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from everystep.pages.labels import label
from everystep.pages.numerals import number


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its heading.
        best: ``min`` or ``max`` to mark the best figure; None for none.
        write: Turns a value into text or markup.
    """

    name: str
    best: Callable[[Sequence[float]], float] | None = None
    write: Callable[[Any], str] = number


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
        >>> '<td class="best" data-name="MAE"><span>0.5' in html
        True
    """
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_kind(i == 0), c.name) for i, c in enumerate(columns)
    )
    best = [_best(column, [row[i] for row in rows]) for i, column in enumerate(columns)]
    body = Markup("\n").join(_row(columns, row, best, mine=i in own) for i, row in enumerate(rows))
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


def _row(columns: Sequence[Column], row: Sequence[Any], best: Sequence[float | None], *, mine: bool) -> Markup:
    cells = [Markup('<th scope="row" class="text">{}</th>').format(_text(row[0]))]
    for column, value, target in zip(columns[1:], row[1:], best[1:], strict=True):
        wins = target is not None and not isinstance(value, str) and value == target
        shown = _text(value) if isinstance(value, str) else column.write(value)
        cells.append(
            Markup('<td{} data-name="{}"><span>{}</span></td>').format(
                Markup(' class="best"') if wins else "", column.name, shown
            )
        )
    return Markup("<tr{}>{}</tr>").format(Markup(' class="own"') if mine else "", Markup("").join(cells))


def _best(column: Column, values: Sequence[Any]) -> float | None:
    figures = [v for v in values if isinstance(v, (int, float)) and np.isfinite(v)]
    return column.best(figures) if column.best is not None and figures else None


def _kind(text: bool) -> Markup:
    return Markup(' class="text"') if text else Markup("")


def _text(value: Any) -> Markup | str:
    return value if isinstance(value, Markup) else label(value)
