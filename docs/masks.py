"""The picture of docs/layers.md: what is random about a cell, over time. `python docs/masks.py` writes it anew."""

from pathlib import Path

import torch

import everystep as es
from everystep.draw.canvas import Canvas
from everystep.pages.palette import colour

PICTURE = Path(__file__).parent / "masks.svg"
STEPS, UNITS, SIDE, GAP = 20, 6, 15, 2
PITCH = SIDE + GAP
LEFT, TOP, PANEL = 6, 6, 176
WIDTH = 2 * LEFT + STEPS * PITCH
INK, QUIET = colour("ink"), colour("quiet")
INSIDE = {
    "there": {"fill": colour("W")},
    "gone": {"fill": "none", "stroke": colour("rule")},
    "stays as it was": {"fill": colour("U")},
}


def masks():
    """Draw it, from what the wrappers draw."""
    canvas = Canvas()
    torch.manual_seed(0)
    for number, (name, told, away) in enumerate(panels()):
        _panel(canvas, TOP + number * PANEL, name, told, away)
    return canvas.svg((WIDTH, TOP + 4 * PANEL - 14), "What is random, over time", _DESCRIBED)


def panels():
    """Name, what is drawn, and where it is gone: (units, steps), or (units, units) for weights."""
    x, cell = torch.zeros(STEPS, 1, 1), es.cells.GRU(1, UNITS)
    every = torch.nn.functional.dropout(torch.ones(STEPS, UNITS), 0.3) == 0
    yield "Dropout", "drawn anew at every step, between layers", every.T
    once = es.layers.VariationalDropout(cell, h=0.3).noised(x)[1][0] == 0
    yield "Variational dropout", "drawn once for a sequence: what is gone stays gone", once.T.expand(UNITS, STEPS)
    stay = es.layers.Zoneout(cell, h=0.3).noised(x)[0][1][:, 0]
    yield "Zoneout", "at these steps a unit stays as it was", stay.T
    weights = es.layers.WeightDrop(es.cells.Elman(1, UNITS), W=0.3)
    weights.noised(x)
    yield "Weight drop", "weights are gone, for all steps and all sequences", weights.cell.W == 0


_DESCRIBED = (
    "Four grids of squares. Dropout: single squares are gone, others at every step. Variational dropout: whole rows "
    "are gone. Zoneout: single squares stay as they were. Weight drop: a matrix of weights, some of which are gone."
)


def _panel(canvas, top, name, told, away):
    canvas.text((LEFT, top + 14), name, size=15, anchor="start", weight="600", fill=INK)
    canvas.text((LEFT, top + 33), told, anchor="start", fill=QUIET)
    for unit, row in enumerate(away.tolist()):
        for step, gone in enumerate(row):
            x, y = LEFT + step * PITCH, top + 42 + unit * PITCH
            _square(canvas, (x, y), "there" if not gone else "stays as it was" if name == "Zoneout" else "gone")
    if len(away[0]) == STEPS:
        return
    for number, what in enumerate(INSIDE):
        x, y = LEFT + UNITS * PITCH + 18, top + 42 + number * 2 * PITCH
        _square(canvas, (x, y), what)
        canvas.text((x + 24, y + 12), what, anchor="start", fill=INK)


def _square(canvas, at, what):
    canvas.add("rect", x=at[0], y=at[1], width=SIDE, height=SIDE, rx=3, **INSIDE[what])


if __name__ == "__main__":
    PICTURE.write_text(masks(), encoding="utf-8", newline="\n")
