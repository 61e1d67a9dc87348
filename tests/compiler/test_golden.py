"""What the compiler makes of five cells, as text: a change of a pass shows as a difference of these files."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import torch

from compiler.attention import Decoder, Memory
from compiler.layernorm_lstm import LayerNormLSTM
from everystep.cells import CELLS
from everystep.unroll import explain
from renewing import held

GOLDEN = Path(__file__).parent / "golden"
# The x of gru is wide enough for its products to be hoisted.
CELLS_AND_SIZES = {
    "lstm": (CELLS["lstm"], 3, 5),
    "gru": (CELLS["gru"], 131, 7),
    "jordan": (CELLS["jordan"], 3, 5),
    "layernorm_lstm": (LayerNormLSTM, 3, 5),
    "attention": (partial(Decoder, size=8), 3, 5),
}
CONTEXTS = {"attention": Memory(torch.zeros(1, 6, 8, requires_grad=True), torch.ones(1, 6, dtype=torch.bool))}
LINE = re.compile(r"(\w+\.py):\d+")  # lines of a cell move with its docstring


def told(name):
    make, input_size, hidden_size = CELLS_AND_SIZES[name]
    found = explain(make(input_size, hidden_size), context=CONTEXTS.get(name))
    texts = {
        "The graph of the trace": found.graphs["trace"],
        "The graph, simplified": found.graphs["simplified"],
        "The graph of the backward step": found.graphs["backward"],
        "The step": found.step,
        **{f"The plan for {name}": loop for name, loop in found.loops.items()},
    }
    return LINE.sub(r"\1", "\n\n".join(f"# {title}\n{text}" for title, text in texts.items())) + "\n"


@pytest.mark.parametrize("name", CELLS_AND_SIZES)
def test_graphs_and_plans_are_those_of_the_file(name):
    held(told(name), GOLDEN / f"{name}.txt")
