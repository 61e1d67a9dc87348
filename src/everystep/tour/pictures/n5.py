"""N5: the three models on one x, on random x, and what Model 2 has to learn again for every t."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from everystep.pages import Column, Markup, Screen, colour, name_below, number_ticks, table
from everystep.tour.item import Item
from everystep.tour.pictures.picture import Picture, number_axes, panel, picture, sample_key, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODELS = {
    "model1": ("Model 1", "baseline", "dash"),
    "model2": ("Model 2", "U", "point"),
    "model3": ("Model 3", "forecast", "line"),
}
MARKS: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 2},
    "dash": {"linewidth": 1.8, "linestyle": (0, (5, 3))},
    "point": {"linestyle": "none", "marker": "o", "markersize": 4.5},
}
ROWS_SHOWN = 12


def pictures(item: Item) -> list[Picture]:
    """Draw the models side by side, with their numbers, and Model 2's triangle of coefficients."""
    data = item.data
    side = picture(
        "n5",
        lambda figure, screen: _side_by_side(figure, screen, data),
        title="Three models side by side",
        alt="Left the series asked for, right independent x from N(0, 1): Model 1 misses the random series, Model "
        "2 and Model 3 lie on the target as far as they reach.",
        heights=(300, 560),
        key=sample_key({"target": ("truth", "ring")} | {name: (role, mark) for name, role, mark in MODELS.values()}),
        caption="All three were fitted to independent x. Fitted to x = 1, 2, 3, 4, 5 alone, Model 1 would say 3x − "
        "3 and be right from t = 2 on, by coincidence.",
    )
    triangle = picture(
        "n5-alphas",
        lambda figure, screen: _triangle(figure, screen, data["alphas"]),
        title="Model 2: one row of coefficients α for each t",
        alt=f"A triangle of {len(data['alphas'])} rows. In each row the last three coefficients are 1 and the "
        "others 0: the same three numbers learned again for every t.",
        heights=(380, 330),
        caption="Full ink is 1, paper 0; grey has not come yet. Every row holds the same three numbers, learned "
        "anew; and there is no row below the last. Model 3 keeps them once, in W, U and V.",
    )
    return [Picture(side.name, side.figure + _numbers(data), side.svg), triangle]


def _side_by_side(figure: Figure, screen: Screen, data: Mapping[str, Any]) -> None:
    left, right = side_by_side(figure, screen, 2)
    _series(panel(figure, left, f"x = {_short(data['x'])}"), screen, data)
    _series(panel(figure, right, "independent x ~ N(0, 1)"), screen, data["random"])


def _series(axes: Axes, screen: Screen, run: Mapping[str, Any]) -> None:
    steps = range(1, len(run["y"]) + 1)
    axes.plot(steps, run["y"], "o", markersize=9, markerfacecolor="none", color=colour("truth"), zorder=5)
    for key, (_, role, mark) in MODELS.items():
        values = [math.nan if value is None else value for value in run[key]]
        settings: dict[str, Any] = MARKS[mark] | ({"marker": "o"} if len(values) == 1 else {})
        axes.plot(steps, values, color=colour(role), zorder=4 if mark == "point" else 3, **settings)
    axes.set_xlim(0.5, len(steps) + 0.5)
    axes.margins(y=0.12)
    number_axes(axes, screen, "step t")


def _triangle(figure: Figure, screen: Screen, alphas: Sequence[Sequence[float]]) -> None:
    size = len(alphas)
    axes = panel(figure, 111, "row t, column k: α of x(k)")
    for row, values in enumerate(alphas, start=1):
        for k, alpha in enumerate(values, start=1):
            if abs(alpha) > 0.005:
                ink = min(1.0, abs(alpha))
                axes.bar(k, 1, bottom=row - 0.5, width=1, color=colour("W"), alpha=ink, linewidth=0, zorder=2)
    later = range(2, size + 1)  # x(k) with k > t is not known yet
    axes.bar(later, [k - 1 for k in later], bottom=0.5, width=1, color=colour("rule"), linewidth=0, zorder=1)
    axes.set_xlim(0.5, size + 0.5)
    axes.set_ylim(size + 0.5, 0.5)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    number_ticks(axes.yaxis, 5, whole=True)
    number_ticks(axes.xaxis, screen.ticks, whole=True)
    name_below(axes, "k")


def _numbers(data: Mapping[str, Any]) -> Markup:
    columns = [Column("t"), Column("x(t)"), Column("y(t)"), *(Column(name) for name, *_ in MODELS.values())]
    rows = [
        (str(t), *(None if value is None else round(value, 2) for value in values))
        for t, *values in zip(
            range(1, ROWS_SHOWN + 1), data["x"], data["y"], *(data[key] for key in MODELS), strict=False
        )
    ]
    return table(columns, rows)


def _short(x: Sequence[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in x[:6])
    return shown + (", …" if len(x) > 6 else "")
