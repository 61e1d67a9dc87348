"""The pictures of docs/seq2seq.md, one for each idea. `python docs/seq2seq_pictures.py` writes them anew."""

import math
from pathlib import Path

import torch

from everystep.draw.canvas import Canvas
from everystep.pages.palette import colour
from everystep.seq2seq import Dot

HERE = Path(__file__).parent
INK, QUIET, RULE, WASH, PAPER, STATE, INPUT, OUTPUT = (
    colour(role) for role in ("ink", "quiet", "rule", "wash", "paper", "W", "U", "V")
)
WIDE, HIGH, PITCH = 64.0, 34.0, 96.0  # a box, and from one to the next
SOURCE, TARGET = ("le", "chat", "dort", "</s>"), ("the", "cat", "sleeps", "</s>")
FED = ("<s>", *TARGET[:-1])


def pictures():
    """Draw each, by the name of its file."""
    return {"seq2seq_bridge.svg": bridge(), "seq2seq_attention.svg": attention(), "seq2seq_feeding.svg": feeding()}


def bridge():
    canvas = Canvas()
    canvas.text((8, 22), "The bridge", size=15, anchor="start", weight="600", fill=INK)
    for n, word in enumerate(SOURCE):
        x = 50 + n * PITCH
        canvas.text((x, 208), word, size=13, fill=INK)
        _arrow(canvas, (x + 22, 194), (x + 22, 118), INPUT)  # behind the box of the other direction
        _arrow(canvas, (x, 194), (x, 176), INPUT)
        _box(canvas, (x, 158), "forward")
        _box(canvas, (x, 100), "reverse")
        if n:
            _arrow(canvas, (x - PITCH + WIDE / 2, 158), (x - WIDE / 2, 158), STATE)
            _arrow(canvas, (x - WIDE / 2, 100), (x - PITCH + WIDE / 2, 100), STATE)
    last, first, start = 50 + 3 * PITCH, 50.0, 50 + 4 * PITCH + 36
    _box(canvas, (start, 129), "bridge", fill=WASH, stroke=OUTPUT)
    _arrow(canvas, (last + WIDE / 2, 158), (start - WIDE / 2, 137), OUTPUT)
    canvas.curve([(first, 82), (first + 10, 30), (start - 60, 40), (start - 8, 106)], stroke=OUTPUT)
    canvas.head((start - 6, 112), math.pi / 2.4, fill=OUTPUT)
    for n, (word, before) in enumerate(zip(TARGET, FED, strict=True)):
        x = start + (n + 1) * PITCH
        _arrow(canvas, (x - PITCH + WIDE / 2, 129), (x - WIDE / 2, 129), OUTPUT if n == 0 else STATE)
        _box(canvas, (x, 129), "decoder")
        canvas.text((x, 208), before, size=13, fill=QUIET)
        _arrow(canvas, (x, 194), (x, 148), INPUT)
        _arrow(canvas, (x, 110), (x, 88), OUTPUT)
        canvas.text((x, 78), word, size=13, fill=INK)
    return canvas.svg(
        (start + 4 * PITCH + 44, 222),
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
    canvas.text((8, 22), "Attention", size=15, anchor="start", weight="600", fill=INK)
    query = (50 + 1.5 * PITCH, 66.0)
    _box(canvas, query, "query", stroke=STATE)
    canvas.text((query[0] - WIDE / 2 - 8, 70), "the decoder's state", anchor="end", fill=QUIET)
    for n, (word, weight) in enumerate(zip(SOURCE, weights[0].tolist(), strict=False)):
        x = 50 + n * PITCH
        canvas.curve([(query[0], query[1] + HIGH / 2), (x, 150.0)], stroke=STATE, width=0.7 + 9 * weight)
        _box(canvas, (x, 167), word)
        canvas.text((x, 204), f"{weight:.2f}", size=13, fill=INK)
    right = 50 + 4 * PITCH + 70
    _box(canvas, (right, 167), "vector", stroke=OUTPUT)
    _arrow(canvas, (50 + 3 * PITCH + WIDE / 2 + 6, 167), (right - WIDE / 2, 167), OUTPUT)
    canvas.text((right, 204), "their mean, so weighted", fill=QUIET)
    canvas.text((50 + 1.5 * PITCH, 228), "weights: a softmax over the positions that are there", fill=QUIET)
    return canvas.svg(
        (right + 92, 240),
        "Attention",
        "A query is compared with every position of the memory. Lines are as wide as the weights: "
        + ", ".join(f"{word} {weight:.2f}" for word, weight in zip(SOURCE, weights[0].tolist(), strict=False))
        + ". The weighted mean of the memory is the context vector.",
    )


def feeding():
    canvas = Canvas()
    canvas.text((8, 22), "Input feeding", size=15, anchor="start", weight="600", fill=INK)
    for n, (word, before) in enumerate(zip(TARGET, FED, strict=True)):
        x = 60 + n * 132.0
        canvas.text((x, 250), before, size=13, fill=QUIET)
        _arrow(canvas, (x, 236), (x, 216), INPUT)
        _box(canvas, (x, 198), "cell")
        _arrow(canvas, (x, 180), (x, 158), STATE)
        _box(canvas, (x, 140), "attends")
        _arrow(canvas, (x, 122), (x, 100), STATE)
        _box(canvas, (x, 82), "y", stroke=OUTPUT)
        _arrow(canvas, (x, 64), (x, 48), RULE)
        canvas.text((x, 40), word, size=13, fill=INK)
        if n < 3:
            _arrow(canvas, (x + WIDE / 2, 198), (x + 132 - WIDE / 2, 198), STATE)
            ends = (x + WIDE / 2, 82.0), (x + 62, 90.0), (x + 66, 170.0), (x + 132 - WIDE / 2 - 4, 187.0)
            canvas.curve(ends, stroke=OUTPUT, dash="5 4")
            canvas.head((x + 132 - WIDE / 2, 188), 0.3, fill=OUTPUT)
    return canvas.svg(
        (60 + 3 * 132 + 56, 264),
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
