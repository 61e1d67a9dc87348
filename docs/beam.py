"""The picture of docs/searching.md: a beam of width 2 as a tree. `python docs/beam.py` writes it anew."""

from itertools import pairwise
from pathlib import Path

import torch

from everystep.draw.canvas import Canvas
from everystep.pages.palette import colour
from everystep.seq2seq.search import Scores, beam, greedy

PICTURE = Path(__file__).parent / "beam.svg"
COLUMN, ROW, WIDE, HIGH = 88, 86, 80, 44
LEFT, TOP, WIDTH = 4, 4, 356
INK, QUIET, WASH, RULE, BEST, FIRST = (colour(role) for role in ("ink", "quiet", "wash", "rule", "W", "U"))

WORDS = ["", "", "begin", "end", "the", "a", "cat", "dog", "kitten", "sleeps", "is", "now"]
FOLLOWING = {
    "begin": {"the": 0.5, "a": 0.4},
    "the": {"cat": 0.45, "dog": 0.35},
    "a": {"cat": 0.9, "kitten": 0.1},
    "cat": {"sleeps": 0.6, "is": 0.3},
    "sleeps": {"end": 0.9, "now": 0.1},
}


class Bigrams:
    """Says what follows a word, and writes down what it was asked: the hypotheses of the beam, step by step."""

    def __init__(self):
        self.table = torch.zeros(len(WORDS), len(WORDS), dtype=torch.float64)
        for word, following in FOLLOWING.items():
            for after, p in following.items():
                self.table[WORDS.index(word), WORDS.index(after)] = p
        self.asked = []

    def start(self, memory):  # noqa: ARG002 - the contract's
        return (torch.empty(1, 0, dtype=torch.long),)

    def advance(self, state, symbols, memory):  # noqa: ARG002 - the contract's
        said = torch.cat([state[0], symbols[:, None]], 1)
        self.asked.append([tuple(WORDS[symbol] for symbol in row) for row in said.tolist()])
        return Scores(self.table[symbols].log(), (said,))


def tree():
    """Draw it, from what the search does."""
    model, source = Bigrams(), torch.tensor([3])
    found = [words(hypothesis) for hypothesis in beam(model, None, source, width=2, n_best=2)[0]]
    likely = words(greedy(Bigrams(), None, source)[0])
    kept = {path for step in model.asked for path in step} | set(found)
    places = placed(kept)
    canvas = Canvas()
    for path in sorted(places, key=lambda path: (path == found[0][: len(path)], path == likely[: len(path)])):
        if len(path) > 1:
            _edge(canvas, places, path, found[0], likely)
    for path, place in places.items():
        _box(canvas, path, place, path in kept, path == found[0])
    _legend(canvas, TOP + 4 * ROW + HIGH + 20)
    return canvas.svg((WIDTH, TOP + 4 * ROW + HIGH + 84), "A beam of width 2", _DESCRIBED)


def words(hypothesis):
    """Give the words of a path, from begin to end."""
    return ("begin", *(WORDS[symbol] for symbol in hypothesis.symbols), "end")


def placed(kept):
    """Lay the tree out: the children of a kept node side by side, (x, y) of each node's middle."""
    places = {("begin",): (LEFT + 2 * COLUMN, TOP + HIGH / 2)}
    level = [("begin",)]
    while level:
        wide = 4 * COLUMN / len(level)
        children = []
        for number, path in enumerate(level):
            following = FOLLOWING.get(path[-1], {})
            for i, word in enumerate(following):
                x = LEFT + number * wide + (i + 0.5) * wide / len(following)
                places[(*path, word)] = (x, TOP + HIGH / 2 + len(path) * ROW)
                children.append((*path, word))
        level = [path for path in children if path in kept and path[-1] != "end"]
    return places


def probability(path):
    """Multiply along a path."""
    p = 1.0
    for before, after in pairwise(path):
        p *= FOLLOWING[before][after]
    return p


_DESCRIBED = (
    "A tree that grows downwards from begin. The: 0.5, a: 0.4. Of their four branches two are kept: the cat, 0.225, "
    "and a cat, 0.36. Both go on to sleeps and end: a cat sleeps, 0.194, is better than the cat sleeps, 0.122, which "
    "greedy search says."
)


def _edge(canvas, places, path, best, likely):
    (x1, y1), (x2, y2) = places[path[:-1]], places[path]
    on_best, on_likely = path == best[: len(path)], path == likely[: len(path)]
    stroke = BEST if on_best else FIRST if on_likely else RULE
    points = [(x1, y1 + HIGH / 2), (x1, y1 + ROW / 2), (x2, y2 - ROW / 2), (x2, y2 - HIGH / 2)]
    canvas.curve(points, stroke=stroke, width=3 if on_best or on_likely else 1.4)


def _box(canvas, path, place, kept, best):
    x, y = place
    inside = {"fill": WASH, "stroke": BEST if best else RULE} if kept else {"fill": "none", "stroke": RULE}
    dashes = {} if kept else {"stroke_dasharray": "4 4"}
    canvas.add(
        "rect", x=x - WIDE / 2, y=y - HIGH / 2, width=WIDE, height=HIGH, rx=6,
        stroke_width=3 if best else 1, **inside, **dashes,
    )  # fmt: skip
    ink = INK if kept else QUIET
    if len(path) == 1:
        canvas.text((x, y + 5), path[-1], size=15, fill=ink)
        return
    canvas.text((x, y - 3), path[-1], size=15, weight="600" if kept else "", fill=ink)
    canvas.text((x, y + 15), f"{probability(path):.3f}", size=13, fill=ink)


def _legend(canvas, top):
    for row, (stroke, told) in enumerate([(BEST, "the best that the beam finds"), (FIRST, "what greedy search says")]):
        y = top + 14 + 20 * row
        canvas.curve([(LEFT, y - 5), (LEFT + 26, y - 5)], stroke=stroke, width=3)
        canvas.text((LEFT + 34, y), told, size=13, anchor="start", fill=INK)
    canvas.add(
        "rect", x=LEFT + 1, y=top + 43, width=24, height=14, rx=3, fill="none", stroke=RULE, stroke_dasharray="4 4"
    )
    canvas.text((LEFT + 34, top + 55), "dropped: no place was left", size=13, anchor="start", fill=INK)


if __name__ == "__main__":
    PICTURE.write_text(tree(), encoding="utf-8", newline="\n")
