"""EVERYSTEP_SHOW prints what it names, and nothing else."""

from __future__ import annotations

import pytest
import torch

from everystep.cells import CELLS
from everystep.compiler import show
from everystep.engines.llvm import finding
from everystep.errors import UnknownNameError
from everystep.unroll import unroll


def compile_anew(monkeypatch):
    """Train a cell that no other test has compiled."""
    monkeypatch.setattr(finding, "_lowered", type(finding._lowered)())
    cell = CELLS["jordan"](3, 5)
    unroll(cell, torch.ones(4, 2, 3), engine="llvm").y.sum().backward()


def test_nothing_is_shown_unless_it_is_asked_for(monkeypatch, capfd):
    monkeypatch.delenv(show.VARIABLE, raising=False)
    compile_anew(monkeypatch)
    assert capfd.readouterr().err == ""


def test_every_stage_is_shown_when_asked_for(monkeypatch, capfd):
    monkeypatch.setenv(show.VARIABLE, "trace, plan")
    compile_anew(monkeypatch)
    shown = capfd.readouterr().err
    assert "# trace: Jordan" in shown
    assert "out tap:s" in shown
    assert "# plan: forward" in shown
    assert "# plan: backward" in shown
    assert "weight gradients" in shown
    assert "define" not in shown  # of llvm, for which nobody asked


def test_a_stage_that_there_is_not_is_refused_by_name(monkeypatch):
    monkeypatch.setenv(show.VARIABLE, "trace,plam")
    with pytest.raises(UnknownNameError, match=r'EVERYSTEP_SHOW: stage "plam" is unknown; did you mean "plan"'):
        compile_anew(monkeypatch)
