"""The picture of docs/compiler.md: the road from a step to machine code. `python docs/road.py` writes it anew."""

import math
from pathlib import Path

from everystep.draw.canvas import Canvas
from everystep.pages.palette import colour

PICTURE = Path(__file__).parent / "road.svg"
WIDTH, HIGH, GAP = 350, 50, 42
INK, QUIET, WASH, RULE = (colour(role) for role in ("ink", "quiet", "wash", "rule"))
LEFT, RIGHT, WHOLE = (5, 165), (180, 165), (5, 340)

BOXES = [
    # row, place, name, what it is
    (0, WHOLE, "your step", "a few lines of PyTorch"),
    (1, WHOLE, "trace", "what it does to one row, line by line"),
    (2, WHOLE, "simplified graph", "nothing twice, sums of products joined"),
    (3, RIGHT, "backward step", "a rule per operation"),
    (4, LEFT, "forward plan", "moved out, kept"),
    (4, RIGHT, "backward plan", "redone, deferred"),
    (5, WHOLE, "LLVM text", "vectors and loops, for any time and batch"),
    (6, WHOLE, "machine code", "kept in memory and on the disk"),
]
ARROWS = [
    # from row, to row, where, what is done
    (0, 1, 175, "run on a few rows"),
    (1, 2, 175, "share, fold, split, gather"),
    (2, 4, 87, "plan"),
    (2, 3, 262, "differentiate"),
    (3, 4, 262, "plan"),
    (4, 5, 87, "write"),
    (4, 5, 262, "write"),
    (5, 6, 175, "compile, once"),
]


def road():
    """Draw it."""
    canvas = Canvas()
    for start, end, x, done in ARROWS:
        top, tip = _top(start) + HIGH, _top(end) - 2
        canvas.curve([(x, top), (x, tip - 6)], stroke=QUIET, width=1.6)
        canvas.head((x, tip), math.pi / 2, fill=QUIET)
        beside, anchor = (x - 10, "end") if x > WIDTH / 2 else (x + 10, "start")
        canvas.text((beside, _top(end) - GAP / 2 + 2), done, anchor=anchor, fill=QUIET)
    for row, (x, wide), name, told in BOXES:
        y = _top(row)
        canvas.add("rect", x=x, y=y, width=wide, height=HIGH, rx=6, fill=WASH, stroke=RULE)
        canvas.text((x + wide / 2, y + 21), name, size=15, weight="600")
        canvas.text((x + wide / 2, y + 40), told, fill=QUIET)
    described = "; ".join(f"{name}: {told}" for _, _, name, told in BOXES)
    return canvas.svg((WIDTH, _top(6) + HIGH + 5), "The road from a step to machine code", described)


def _top(row):
    return 5 + row * (HIGH + GAP)


if __name__ == "__main__":
    PICTURE.write_text(road(), encoding="utf-8", newline="\n")
