"""N8: two variants, the bidirectional network and the encoder-decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everystep.pages import number
from everystep.tour import bidirectional, seq2seq
from everystep.tour.item import Item

CODE = """\
import torch, everystep as es

# two directions, joined at each step
x = torch.randn(20, 8, 4)
left, right = es.cells.GRU(4, 16), es.cells.GRU(4, 16)
forwards = es.unroll(left, x).y
backwards = es.unroll(right, x, reverse=True).y
y = torch.cat([forwards, backwards], dim=-1)

# a sequence of 20 in, one of 7 out
encoder, decoder = es.cells.GRU(4, 16), es.cells.GRU(16, 16)
memory = es.unroll(encoder, x).state
start = torch.zeros(8, 16)
said = es.generate(decoder, 7, start, lambda y: y, memory).y
"""


def compute() -> Item:
    """Fit one direction and two; train an encoder-decoder to reverse sequences."""
    two_ways, by_step = bidirectional.compute()
    reversed_, shown = seq2seq.compute()
    figures = {"bidirectional": two_ways, "seq2seq": reversed_}
    return Item("N8", "Other variants", figures, CODE, _prose(figures), {"bidirectional": by_step, "seq2seq": shown})


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    two_ways, reversed_ = figures["bidirectional"], figures["seq2seq"]
    return (
        "**Bidirectional.** One recurrence runs forward in time, one backward, and they are joined at each step. "
        "Take y(t) = x(t-1) + x(t+1) with independent x ~ N(0, 1). One direction can't know x(t+1), and no model "
        f"of the past alone gets below (T-1)/T = {two_ways['floor']:.2f}. Measured: "
        f"{two_ways['one_direction_mse']:.4f} (standard error {two_ways['one_direction_standard_error']:.4f}). Two "
        f"directions leave {number(two_ways['two_directions_mse'], 2)} of the variance of y.",
        "It is worth saying that one direction, read one step late, solves it as well "
        f"({number(two_ways['one_step_late_mse'], 2)}): then x(t+1) is past. Two directions are needed where what "
        "matters may lie anywhere ahead, as in translation.",
        "**Sequence to sequence.** An encoder reads a sequence into its state. A decoder starts from that state "
        "and says another sequence, of another length, symbol by symbol, until it says that it has finished. In "
        "training it is fed the right symbol before (teacher forcing), afterwards its own. Taught to say sequences "
        f"of 3 to 8 symbols, out of {reversed_['symbols']}, backwards, it says {100 * reversed_['accuracy']:.1f} % "
        f"of {reversed_['sequences_tested']:,} sequences that training never saw without one mistake. Of sequences "
        f"of 9 to 12, longer than any it was trained on, {100 * reversed_['accuracy_longer']:.0f} %: all that it "
        "knows of the input has to pass through one state of fixed size.",
    )
