"""The compiled engine against the plain loop: every registered cell, everything that can be asked of it."""

from typing import NamedTuple

import pytest
import torch

import everystep as es
from agreement import REPRESENTATIVE, check_same, gradients, outcome, random_state
from cells.wrong import WRONG_CELLS
from everystep.cells import CELLS

STEPS, ROWS, INPUTS, HIDDEN = 7, 5, 3, 6
LENGTHS = [7, 0, 3, 7, 1]

# A float64 product is rounded to 1e-16, a float32 one to 6e-8; seven steps and gradients through them add some hundred.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}


def chances(probability, seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < probability


def forced(cell, dtype, seed=3):
    generator = torch.Generator().manual_seed(seed)
    sizes = {part: cell.part_sizes[part] for part in list(cell.State._fields)[:1]}
    return {
        part: (
            torch.randn(STEPS, ROWS, size, generator=generator, dtype=torch.float64).to(dtype),
            chances(0.4, seed, STEPS, ROWS),
        )
        for part, size in sizes.items()
    }


def used():
    mask = chances(0.6, 1, STEPS, ROWS)
    mask[:, 2] = False
    return mask


RESETS = chances(0.3, 2, STEPS, ROWS)
ASKED = {
    "plain": lambda cell, dtype: {},
    "reverse": lambda cell, dtype: {"reverse": True},
    "lengths": lambda cell, dtype: {"lengths": LENGTHS},
    "lengths reversed": lambda cell, dtype: {"lengths": LENGTHS, "reverse": True},
    "mask": lambda cell, dtype: {"mask": used()},
    "mask reversed": lambda cell, dtype: {"mask": used(), "reverse": True},
    "segments": lambda cell, dtype: {"recompute": "segments"},
    "segments of lengths": lambda cell, dtype: {"recompute": "segments", "lengths": LENGTHS},
    "segments reversed": lambda cell, dtype: {"recompute": "segments", "reverse": True},
    "resets": lambda cell, dtype: {"resets": RESETS},
    "forced": lambda cell, dtype: {"forced": forced(cell, dtype)},
    "record": lambda cell, dtype: {"record": "all"},
    "all": lambda cell, dtype: {"resets": RESETS, "forced": forced(cell, dtype), "record": "all"},
    "all of a mask": lambda cell, dtype: {
        "resets": RESETS, "forced": forced(cell, dtype), "record": "all", "mask": used(), "reverse": True,
    },
    "all by segments": lambda cell, dtype: {
        "resets": RESETS, "forced": forced(cell, dtype), "record": "all", "mask": used(), "recompute": "segments",
    },
}  # fmt: skip


def made(name, dtype, **sizes):
    torch.manual_seed(0)
    cell = CELLS[name](sizes.get("inputs", INPUTS), sizes.get("hidden", HIDDEN)).to(dtype)
    x = torch.randn(STEPS, ROWS, sizes.get("inputs", INPUTS), dtype=torch.float64).to(dtype)
    return cell, x, random_state(cell, ROWS, dtype)


def check(name, asked, dtype, **sizes):
    cell, x, state = made(name, dtype, **sizes)
    arguments = ASKED[asked](cell, dtype)
    expected = outcome(cell, x, state, engine="reference", **arguments)
    for _ in range(2):  # the second call may go a shorter way
        check_same(outcome(cell, x, state, engine="llvm", **arguments), expected, TOLERANCE[dtype])


def of_every_cell(*asked, more):
    """What is asked of every cell, and what more of the representative ones."""
    return [*((n, a) for n in sorted(CELLS) for a in asked), *((n, a) for n in REPRESENTATIVE for a in more)]


@pytest.mark.parametrize(
    ("name", "asked"),
    of_every_cell("plain", "all by segments", more=[a for a in ASKED if a not in {"plain", "all by segments"}]),
)
def test_compiled_code_agrees_with_the_plain_loop(name, asked):
    check(name, asked, torch.float64)


@pytest.mark.parametrize(("name", "asked"), of_every_cell("plain", more=["mask reversed"]))
def test_compiled_code_agrees_with_the_plain_loop_in_float32(name, asked):
    check(name, asked, torch.float32)


@pytest.mark.parametrize("sizes", [{"inputs": 0}, {"hidden": 0}, {"hidden": 17, "inputs": 70}], ids=str)
@pytest.mark.parametrize("name", ["jordan", "lstm", "gru_before"])
def test_sizes_may_be_zero_or_no_multiple_of_a_vector(name, sizes):
    check(name, "plain", torch.float64, **sizes)


def test_a_learned_start_gets_its_gradient():
    class Learned(es.cells.LSTM):
        def __init__(self, inputs, hidden):
            super().__init__(inputs, hidden)
            self.start = torch.nn.Parameter(torch.randn(2, hidden))

        def initial_state(self, batch_size, like, context=None):
            return type(self).State(*(part.expand(batch_size, -1) for part in self.start))

    torch.manual_seed(0)
    cell, x = Learned(INPUTS, HIDDEN).double(), torch.randn(STEPS, ROWS, INPUTS, dtype=torch.float64)
    given = random_state(es.cells.LSTM(INPUTS, HIDDEN), ROWS)
    for state in (given, None):
        found = []
        for engine in ("reference", "llvm"):
            out = es.unroll(cell, x, state, resets=RESETS, engine=engine)
            values = {"y": out.y, **out.state._asdict()}
            found.append(values | gradients(values, dict(cell.named_parameters())))
        check_same(found[1], found[0], TOLERANCE[torch.float64])


class Memory(NamedTuple):
    key: torch.Tensor  # (batch, size)
    gate: torch.Tensor  # (batch, 1)


class Told(es.cells.Elman):
    """A step that looks at values which belong to a whole sequence."""

    def step(self, state, x, context):
        after, y = super().step(state, x)
        return type(state)(after.s * context.gate + context.key), y


@pytest.mark.parametrize("asked", ["plain", "lengths reversed", "all by segments"])
def test_context_and_its_gradients(asked):
    torch.manual_seed(0)
    cell, x = Told(INPUTS, HIDDEN).double(), torch.randn(STEPS, ROWS, INPUTS, dtype=torch.float64)
    context = Memory(torch.randn(ROWS, HIDDEN, dtype=torch.float64), torch.randn(ROWS, 1, dtype=torch.float64))
    arguments = ASKED[asked](cell, torch.float64) | {"context": context}
    state = random_state(cell, ROWS)
    expected = outcome(cell, x, state, engine="reference", **dict(arguments))
    check_same(outcome(cell, x, state, engine="llvm", **dict(arguments)), expected, TOLERANCE[torch.float64])


@pytest.mark.parametrize("wrong", WRONG_CELLS, ids=lambda cell: cell.__name__)
def test_a_wrong_cell_is_told_from_the_right_one(wrong):
    cell, x, state = made("lstm", torch.float64)
    other = wrong(INPUTS, HIDDEN).double()
    other.load_state_dict(cell.state_dict())
    expected = outcome(cell, x, state, engine="llvm")
    with pytest.raises(AssertionError):
        check_same(outcome(other, x, state), expected, TOLERANCE[torch.float64])
