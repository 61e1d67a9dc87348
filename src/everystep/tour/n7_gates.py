"""N7: three questions about memory, and the gates that answer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from everystep.cell import Cell
from everystep.cells import GRU, LSTM
from everystep.tour.item import Item
from everystep.tour.latch import READ, VALUE, WRITE, held_value, random_latch, target_of, written_latch
from everystep.tour.seeds import best_of, train_seeds
from everystep.unroll import unroll

SEEDS = 8
SOLVED = 0.01  # a validation error that only a network which holds the value can have
STEPS = {"lstm": 600, "gru_one": 300, "gru_two": 1200}

CODE = """\
import torch, everystep as es

cell = es.cells.LSTM(input_size=3, hidden_size=1)
x = torch.randn(20, 64, 3)  # value, write mark, read mark
out = es.unroll(cell, x, record=["forget", "input", "output"])
out.record["forget"]  # (time, batch, hidden): at every step
"""


class Reader(nn.Module):
    """A cell and a linear readout of its output: ``ŷ(t) = V h(t) + c``."""

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__()
        self.cell = cell
        self.readout = nn.Linear(cell.output_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give ŷ, (time, batch, 1)."""
        return self.readout(unroll(self.cell, x).y)


def compute() -> Item:
    """Train an LSTM of one unit, and GRUs of one and of two, to hold a value; read off what their gates do."""
    validation, test = (random_latch(40, 500, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    lstm, lstm_losses = _trained(lambda: Reader(LSTM(3, 1)), STEPS["lstm"], validation)
    one, _ = _trained(lambda: Reader(GRU(3, 1)), STEPS["gru_one"], validation)
    two, _ = _trained(lambda: Reader(GRU(3, 2)), STEPS["gru_two"], validation)
    figures = {
        "lstm": lstm_figures(_record(lstm, test), test) | {"mse": _mse(lstm, test)},
        "lstm_seeds": {"tried": SEEDS, "solved": sum(loss < SOLVED for loss in lstm_losses), "mse": lstm_losses},
        "gru": {
            "one_unit": update_figures(_record(one, test), test) | {"mse": _mse(one, test), "mse_floor": _floor(test)},
            "two_units": gru_figures(_record(two, test), test) | {"mse": _mse(two, test)},
        },
        "mse_of_silence": target_of(test).square().mean().item(),
    }
    return Item("N7", "Gates", figures, CODE, _prose(figures), {"lstm": _shown(lstm), "gru": _shown(two)})


def lstm_figures(record: Mapping[str, Tensor], x: Tensor) -> dict[str, float]:
    """Average an LSTM's gates over the steps at which the notes' three questions have an answer.

    Args:
        record: The taps ``forget``, ``input`` and ``output``, each (time, batch, hidden).
        x: The inputs they were recorded on.

    Returns:
        ``forget_holding``: mean forget gate where something is held and nothing is written.
        ``forget_on_write``: mean forget gate where something new is written.
        ``input_on_minus_off``: mean input gate on writes, less its mean everywhere else.
        ``output_read_minus_not``: mean output gate on reads, less its mean everywhere else.
    """
    write, read, holding = _moments(x)
    return {
        "forget_holding": _mean(record["forget"], holding),
        "forget_on_write": _mean(record["forget"], write),
        "input_on_minus_off": _mean(record["input"], write) - _mean(record["input"], ~write),
        "output_read_minus_not": _mean(record["output"], read) - _mean(record["output"], ~read),
    }


def update_figures(record: Mapping[str, Tensor], x: Tensor) -> dict[str, float]:
    """Average a GRU's update gate z, which keeps: ``update_holding``, ``update_on_write``, as for the forget gate."""
    write, _, holding = _moments(x)
    return {
        "update_holding": _mean(record["update"], holding),
        "update_on_write": _mean(record["update"], write),
    }


def gru_figures(record: Mapping[str, Tensor], x: Tensor) -> dict[str, float]:
    """Average the gates of a GRU of two units, one of which keeps the memory while the other one speaks.

    Returns:
        ``update_holding`` and ``update_on_write`` of the unit that keeps most, and ``reset_read_minus_not`` of the
        other: its mean reset gate on reads, less its mean everywhere else.
    """
    _, read, holding = _moments(x)
    keeps = _keeper(record, holding)
    reset = record["reset"][..., 1 - keeps]
    kept = {"update": record["update"][..., keeps]}
    return update_figures(kept, x) | {"reset_read_minus_not": _mean(reset, read) - _mean(reset, ~read)}


def _keeper(record: Mapping[str, Tensor], holding: Tensor) -> int:
    """Find the unit whose update gate keeps most while something is held."""
    return int(record["update"][holding].mean(0).argmax())


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tell where something is written, read, and held without being written: each (time, batch)."""
    write, read = x[..., WRITE] > 0, x[..., READ] > 0
    return write, read, (held_value(x) != 0) & ~write


def _mean(gate: Tensor, where: Tensor) -> float:
    return gate[where].mean().item()


def _trained(make: Any, steps: int, validation: Tensor) -> tuple[Reader, list[float]]:
    networks = train_seeds(make, _batch, seeds=SEEDS, steps=steps, rate=0.05)
    place, losses = best_of(networks, validation, target_of(validation))
    return networks[place], losses  # type: ignore[return-value]


def _batch(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = random_latch(16, 64, generator)
    return x, target_of(x)


def _record(network: Reader, x: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        return unroll(network.cell, x, record="all").record


def _mse(network: Reader, x: Tensor) -> float:
    with torch.no_grad():
        return (network(x) - target_of(x)).square().mean().item()


def _floor(x: Tensor) -> float:
    """Give the error of the best answer that can't be silent: the held value times one constant, at every step.

    A GRU's output is its state: one unit that holds the value says it, through a linear readout, at every step alike.
    """
    held, target = held_value(x), target_of(x)[..., 0]
    constant = (held * target).sum() / held.square().sum()
    return (constant * held - target).square().mean().item()


# A story in 18 steps: nothing held, +1 written, kept through distractors, read twice, overwritten by -1, read.
STORY = written_latch(
    values=[-1, 1, 1, -1, -1, 1, -1, -1, 1, -1, 1, -1, 1, 1, -1, 1, 1, -1], writes=[3, 12], reads=[7, 10, 16]
)


def _shown(network: Reader) -> dict[str, Any]:
    """Take the story through a network: what the picture shows, step by step."""
    record = _record(network, STORY)
    if "reset" in record:
        keeps = _keeper(record, _moments(STORY)[2])
        gates = {"update": record["update"][..., keeps], "reset": record["reset"][..., 1 - keeps]}
    else:
        gates = {name: record[name] for name in ("forget", "input", "output")}
    with torch.no_grad():
        said = network(STORY)
    return {
        "value": STORY[:, 0, VALUE].tolist(),
        "write": STORY[:, 0, WRITE].tolist(),
        "read": STORY[:, 0, READ].tolist(),
        "target": target_of(STORY).flatten().tolist(),
        "y": said.flatten().tolist(),
        **{name: gate.flatten().tolist() for name, gate in gates.items()},
    }


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    lstm, gru = figures["lstm"], figures["gru"]
    one, two, seeds = gru["one_unit"], gru["two_units"], figures["lstm_seeds"]
    return (
        "A gate is a small network on {h(t-1), x(t)} with values in (0, 1). It learns how much of the memory is "
        "left, how much of it is updated, and how much of the hidden unit is let out. An LSTM has one gate for "
        "each question.",
        "**The task.** At every step comes a value, +1 or -1, and sometimes a write mark or a read mark. The "
        "target is the value that was last written, at reads, and 0 at all other steps. A value without a write "
        "mark is a distractor.",
        f"**One LSTM unit,** the best of {seeds['tried']} starts by validation loss ({seeds['solved']} of them solve "
        f"the task). On sequences it never saw, its forget gate is at {lstm['forget_holding']:.2f} while it holds "
        f"something and at {lstm['forget_on_write']:.2f} on a write; its input gate opens by "
        f"{lstm['input_on_minus_off']:.2f} for a write, its output gate by {lstm['output_read_minus_not']:.2f} for a "
        "read. Nobody told it what the gates are for.",
        "**A GRU merges the three gates into two.** Its update gate keeps and writes at once, and its output is "
        f"its state, so that one unit can't hold a value without saying it. Its error is {one['mse']:.3f}; an "
        f"answer that is never silent can't do better than {one['mse_floor']:.3f}. With two units, one keeps "
        f"(update gate {two['update_holding']:.2f}, on writes {two['update_on_write']:.2f}) and the other speaks: "
        f"its reset gate opens by {two['reset_read_minus_not']:.2f} for a read. The error falls to {two['mse']:.4f}.",
    )
