"""Whole programs are written for every kind of processor; on this one, the narrower kinds run too and agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import everystep as es
from engines.test_llvm_lookup import Tied
from everystep.compiler.ir import Graph
from everystep.compiler.simplify import simplify
from everystep.compiler.trace import Asked, trace
from everystep.engines.llvm.build import emit
from everystep.engines.llvm.elf import symbols
from everystep.engines.llvm.layout import Layout
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.program import emit_program
from everystep.engines.llvm.target import named, runs
from everystep.engines.stepping import Stepper

TARGETS = ("avx512", "avx2", "portable", "neon")


def passes_of(cell):
    roots = dict(cell.named_parameters())
    asked = Asked(
        {part: (size,) for part, size in cell.part_sizes.items()},
        {"x": ((cell.input_size,), torch.float32)},
        {},
        torch.float32,
    )

    def call(parts, streams, _context, _rows):
        return Stepper(cell, cell.State(*parts)).heard(parts, streams["x"])

    traced = trace(call, asked, roots)
    wanted = {name: node for name, node in traced.graph.outputs.items() if not name.startswith("tap:")}
    return Passes(simplify(Graph(wanted)), torch.float32, (), tuple(roots))


@pytest.mark.parametrize("cell", [es.cells.GRU(3, 20), Tied()], ids=lambda cell: type(cell).__name__)
@pytest.mark.parametrize("name", TARGETS)
def test_a_whole_cell_is_written_for_every_target_and_needs_nothing_from_outside(name, cell):
    passes = passes_of(cell)
    target = named(name)
    for program in (passes.inference, passes.training, passes.backward):
        layout = Layout(program.plan, target, "float32", backward=program.backward)
        code = emit(emit_program(program.plan, layout, "float32", target, backward=program.backward), target)
        assert not symbols(code).undefined


@pytest.mark.parametrize("name", [name for name in TARGETS if runs(named(name))])
def test_every_target_that_runs_here_agrees_with_the_plain_loop(name):
    code = """
import torch, everystep as es
from engines.test_llvm_lookup import Tied, Twice
torch.manual_seed(0)
for cell in (es.cells.LSTM(3, 20), es.cells.GRU(5, 17, reset="before"), es.cells.Jordan(2, 9, 4), Tied(), Twice()):
    cell = cell.double()
    x = torch.randn(7, 9, cell.input_size, dtype=torch.float64, requires_grad=True)
    found = []
    for engine in ("reference", "llvm"):
        out = es.unroll(cell, x, lengths=[7, 3, 0, 1, 7, 5, 2, 7, 6], engine=engine)
        loss = out.y.square().sum() + sum(part.sum() for part in out.state)
        found.append([out.y, *torch.autograd.grad(loss, [x, *cell.parameters()], materialize_grads=True)])
    for plain, compiled in zip(*found):
        assert (plain - compiled).abs().max() <= 1e-12 * plain.abs().max(), type(cell)  # rounding of float64
"""
    environment = {**os.environ, "EVERYSTEP_TARGET": name, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
