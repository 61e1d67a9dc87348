"""The pictures of docs/seq2seq.md, one for each idea. `python docs/seq2seq_pictures.py` writes them anew."""

import math
from itertools import pairwise
from pathlib import Path

import torch

from everystep.draw.canvas import Canvas
from everystep.pages.palette import colour
from everystep.seq2seq import Dot

HERE = Path(__file__).parent
INK, QUIET, RULE, WASH, PAPER, STATE, INPUT, OUTPUT = (
    colour(role) for role in ("ink", "quiet", "rule", "wash", "paper", "W", "U", "V")
)
WIDE, HIGH, PITCH, LEFT = 64.0, 34.0, 84.0, 52.0  # a box, from one to the next, the middle of the first
WIDTH = 356  # of a page on a phone
SOURCE, TARGET = ("le", "chat", "dort", "</s>"), ("the", "cat", "sleeps", "</s>")
FED = ("<s>", *TARGET[:-1])
PLACES = [LEFT + n * PITCH for n in range(len(SOURCE))]
MIDDLE = sum(PLACES) / len(PLACES)
FEEDING = {"stroke": OUTPUT, "dash": "5 4"}


def pictures():
    """Draw each, by the name of its file."""
    return {"seq2seq_bridge.svg": bridge(), "seq2seq_attention.svg": attention(), "seq2seq_feeding.svg": feeding()}


def bridge():
    canvas = Canvas()
    forward, reverse, over, decoder = 62.0, 118.0, 186.0, 280.0
    for x, word in zip(PLACES, SOURCE, strict=True):
        canvas.text((x, 18), word, size=13, fill=INK)
        _arrow(canvas, (x + 22, 25), (x + 22, reverse - HIGH / 2), INPUT)  # behind the box of the other direction
        _arrow(canvas, (x, 25), (x, forward - HIGH / 2), INPUT)
        _box(canvas, (x, forward), "forward")
        _box(canvas, (x, reverse), "reverse")
    for x, after in pairwise(PLACES):
        _arrow(canvas, (x + WIDE / 2, forward), (after - WIDE / 2, forward), STATE)
        _arrow(canvas, (after - WIDE / 2, reverse), (x + WIDE / 2, reverse), STATE)
        _arrow(canvas, (x + WIDE / 2, decoder), (after - WIDE / 2, decoder), STATE)
    end, turn = PLACES[-1] + WIDE / 2, PLACES[-1] + WIDE / 2 + 26
    canvas.curve([(end, forward), (turn, forward), (turn, over), (end - 24, over)], stroke=OUTPUT)
    _arrow(canvas, (end - 22, over), (LEFT + WIDE / 2, over), OUTPUT)
    _arrow(canvas, (LEFT, reverse + HIGH / 2), (LEFT, over - HIGH / 2), OUTPUT)
    _box(canvas, (LEFT, over), "bridge", fill=WASH, stroke=OUTPUT)
    _arrow(canvas, (LEFT - 20, over + HIGH / 2), (LEFT - 20, decoder - HIGH / 2), OUTPUT)
    for x, before, word in zip(PLACES, FED, TARGET, strict=True):
        canvas.text((x + 8, decoder - 47), before, size=13, fill=QUIET)
        _arrow(canvas, (x + 8, decoder - 40), (x + 8, decoder - HIGH / 2), INPUT)
        _box(canvas, (x, decoder), "decoder")
        _arrow(canvas, (x, decoder + HIGH / 2), (x, decoder + 40), OUTPUT)
        canvas.text((x, decoder + 55), word, size=13, fill=INK)
    return canvas.svg(
        (WIDTH, decoder + 66),
        "The bridge from encoder to decoder",
        "The encoder reads le chat dort in both directions. What each direction ended with goes over a bridge into the "
        "decoder's first state, and the decoder says the cat sleeps; each symbol it said enters its next step.",
    )


def attention():
    canvas = Canvas()
    memory = torch.tensor([[0.3, 0.0], [1.6, 0.4], [0.2, 0.9], [-0.6, -0.4]]).unsqueeze(1)  # (positions, 1, 2)
    look = Dot(2, 2)
    vector, weights = look(torch.tensor([[1.2, 0.3]]), *look.look(memory, torch.tensor([4])))
    assert vector.shape == (1, 2)
    shares = weights[0, : len(SOURCE)].tolist()
    query, words, mean = (MIDDLE, 22.0), 128.0, (MIDDLE, 248.0)
    for x, weight in zip(PLACES, shares, strict=True):
        canvas.curve([(query[0], query[1] + HIGH / 2), (x, words - HIGH / 2)], stroke=STATE, width=0.7 + 9 * weight)
        canvas.curve([(x, words + 42), (mean[0], mean[1] - HIGH / 2)], stroke=OUTPUT, width=0.7 + 9 * weight)
    for x, word, weight in zip(PLACES, SOURCE, shares, strict=True):
        _box(canvas, (x, words), word)
        canvas.text((x, words + 35), f"{weight:.2f}", size=13, fill=INK)
    _box(canvas, query, "query", stroke=STATE)
    canvas.text((query[0] - WIDE / 2 - 8, query[1] + 5), "the decoder's state", size=13, anchor="end", fill=QUIET)
    _box(canvas, mean, "vector", stroke=OUTPUT)
    canvas.text((mean[0] + WIDE / 2 + 8, mean[1] - 1), "the mean of the", size=13, anchor="start", fill=QUIET)
    canvas.text((mean[0] + WIDE / 2 + 8, mean[1] + 15), "memory, by them", size=13, anchor="start", fill=QUIET)
    canvas.text((mean[0] - WIDE / 2 - 8, mean[1] - 1), "weights: a softmax", size=13, anchor="end", fill=QUIET)
    canvas.text((mean[0] - WIDE / 2 - 8, mean[1] + 15), "over the positions", size=13, anchor="end", fill=QUIET)
    return canvas.svg(
        (WIDTH, mean[1] + HIGH / 2 + 5),
        "Attention",
        "A query is compared with every position of the memory. Lines are as wide as the weights: "
        + ", ".join(f"{word} {weight:.2f}" for word, weight in zip(SOURCE, shares, strict=True))
        + ". The weighted mean of the memory is the context vector.",
    )


def feeding():
    canvas = Canvas()
    said, attends, cell = 62.0, 120.0, 178.0
    for x, word, before in zip(PLACES, TARGET, FED, strict=True):
        canvas.text((x, 18), word, size=13, fill=INK)
        _arrow(canvas, (x, said - HIGH / 2), (x, 25), OUTPUT)
        _box(canvas, (x, said), "y", stroke=OUTPUT)
        _arrow(canvas, (x, attends - HIGH / 2), (x, said + HIGH / 2), STATE)
        _box(canvas, (x, attends), "attends")
        _arrow(canvas, (x, cell - HIGH / 2), (x, attends + HIGH / 2), STATE)
        _box(canvas, (x, cell), "cell")
        _arrow(canvas, (x, 222), (x, cell + HIGH / 2), INPUT)
        canvas.text((x, 236), before, size=13, fill=QUIET)
    for x, after in pairwise(PLACES):
        side, other, between = x + WIDE / 2, after - WIDE / 2, (x + after) / 2
        _arrow(canvas, (side, cell + 7), (other, cell + 7), STATE)
        canvas.curve([(side, said), (between + 4, said), (between - 4, cell - 9), (other - 8, cell - 9)], **FEEDING)
        canvas.head((other, cell - 9), 0.0, fill=OUTPUT)
    return canvas.svg(
        (WIDTH, 248),
        "Input feeding",
        "At each step the cell takes the symbol before and its own state, attends, and joins both to y. A dashed arrow "
        "leads from y into the cell's next step: without it, attention is no part of the recurrence.",
    )


def _box(canvas, centre, word, *, fill=PAPER, stroke=INK):
    x, y = centre
    canvas.add(
        "rect",
        x=x - WIDE / 2,
        y=y - HIGH / 2,
        width=WIDE,
        height=HIGH,
        rx=6,
        fill=fill,
        stroke=stroke,
        stroke_width=1.5,
    )
    canvas.text((x, y + 5), word, size=13, fill=INK)


def _arrow(canvas, start, end, stroke):
    towards = math.atan2(end[1] - start[1], end[0] - start[0])
    before = (end[0] - 8 * math.cos(towards), end[1] - 8 * math.sin(towards))
    canvas.curve([start, before], stroke=stroke)
    canvas.head(end, towards, fill=stroke)


if __name__ == "__main__":
    for name, picture in pictures().items():
        (HERE / name).write_text(picture, encoding="utf-8", newline="\n")
