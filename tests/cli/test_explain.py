"""``everystep explain``."""

from __future__ import annotations

import pytest

from everystep.cells import CELLS
from everystep.cli import main as run
from everystep.unroll import explain

OWN = """
from typing import NamedTuple
import torch, everystep as es

class State(NamedTuple):
    m: torch.Tensor

class Leaky(es.Cell[State]):
    State = State
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, m=hidden_size)
        self.U = torch.nn.Linear(input_size, hidden_size)
    def step(self, state, x):
        fresh = self.U(x)
        m = 0.9 * state.m + torch.tanh(fresh)
        return State(m), m

class Sized(Leaky):
    def __init__(self, size):
        super().__init__(size, size)

class Other:
    pass
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "leaky.py"
    file.write_text(OWN, encoding="utf-8")
    return file


def refused(capsys, *typed):
    with pytest.raises(SystemExit) as left:
        run(["explain", *typed])
    assert left.value.code == 2
    return capsys.readouterr().err


def printed(capsys, *typed):
    with pytest.raises(SystemExit) as left:
        run(["explain", *typed])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_a_cell_of_the_library_is_explained_as_in_python(capsys):
    assert printed(capsys, "gru", "--input", "5", "--hidden", "6") == f"{explain(CELLS['gru'](5, 6))}\n"


def test_a_cell_of_ones_own_is_explained_with_its_lines(capsys, own):
    out = printed(capsys, "--cell", f"{own}:Leaky")
    assert "fresh = U.bias + x @ U.weight.T" in out
    assert "leaky.py:15" in out
    assert "Leaky(input=3, output=8, state: m=8), float32" in out


def test_an_unknown_cell_is_refused_with_the_nearest(capsys):
    assert 'explain: cell "lstn" is unknown; did you mean "lstm"?' in refused(capsys, "lstn")


def test_what_is_no_cell_is_refused(capsys, own):
    assert 'class "Leeky" is unknown; did you mean "Leaky"?' in refused(capsys, "--cell", f"{own}:Leeky")
    assert "Other of" in refused(capsys, "--cell", f"{own}:Other")
    assert "Sized is not built as Sized(input_size, hidden_size)" in refused(capsys, "--cell", f"{own}:Sized")
    assert "expected FILE.py:CLASS with a file that is there" in refused(capsys, "--cell", "nowhere.py:Leaky")


def test_a_name_or_a_file_is_expected(capsys, own):
    assert "expected a NAME or --cell FILE.py:CLASS" in refused(capsys)
    assert "expected a NAME or --cell FILE.py:CLASS" in refused(capsys, "lstm", "--cell", f"{own}:Leaky")
