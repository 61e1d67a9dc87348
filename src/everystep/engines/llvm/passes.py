"""The programs of one step: forward, forward with everything kept, and backward."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import torch
from torch import Tensor

from everystep.compiler import backward as compiler
from everystep.compiler.ir import Graph, Leaf
from everystep.compiler.planner import plan
from everystep.engines.llvm.backward import Backward, Gradients, Left
from everystep.engines.llvm.compiling import remembered
from everystep.engines.llvm.forward import Forward, Given, Tensors
from everystep.engines.llvm.programs import Program, Span
from everystep.errors import EngineError


class Passes:
    """The programs of one step; each is compiled when it is first needed.

    Args:
        graph: A simplified graph; outputs ``state:PART``, ``y``, and what is recorded.
        dtype: float32 or float64.
        wanted: Leaves whose gradients may be asked for.
        wanted_roots: Parameters whose gradients may be asked for.
        who: Name of the cell.
    """

    def __init__(
        self,
        graph: Graph,
        dtype: torch.dtype,
        wanted: Collection[Leaf] = (),
        wanted_roots: Collection[str] = (),
        who: str = "step",
    ) -> None:
        self.graph, self.dtype, self.who = graph, dtype, who
        self.wanted, self.wanted_roots = frozenset(wanted), frozenset(wanted_roots)
        self._ready: dict[object, list[Program] | EngineError] = {}
        self.outputs = [name for name in graph.outputs if not name.startswith("state:")]
        self.parts = [name.removeprefix("state:") for name in graph.outputs if name.startswith("state:")]

    @cached_property
    def inference(self) -> Program:
        """Forward, nothing kept."""
        return Program(plan(self.graph), self.dtype, backward=False)

    @cached_property
    def training(self) -> Program:
        """Forward, with everything kept that the way back needs."""
        back = self._backward_step
        outputs = {**self.graph.outputs, **{f"kept:{name}": node for name, node in back.kept.items()}}
        return Program(plan(Graph(outputs), sequences=back.sequences), self.dtype, backward=False)

    @cached_property
    def backward(self) -> Program:
        """From the last step to the first."""
        back = self._backward_step
        return Program(plan(back.graph, sequences=None, deferred=back.deferred), self.dtype, backward=True)

    @cached_property
    def _backward_step(self) -> compiler.Backward:
        return compiler.backward_step(self.graph, self.wanted, self.wanted_roots)

    def ready(self, *, training: bool) -> None:
        """Compile what a call needs before anything of it is run.

        Raises:
            EngineError: It can't be compiled.
        """
        remembered(self._ready, training, lambda: [self.training, self.backward] if training else [self.inference])

    def forward(
        self, program: Program, span: Span, given: Given, into: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensors, Tensors]:
        """Run a forward program.

        Args:
            program: ``inference`` or ``training``.
            span: The steps.
            given: What they are given.
            into: Memory for what is given out, by output.

        Returns:
            Everything that was stored for every step, by output; and the last state, by part.
        """
        run = Forward(program, span, given, into)
        return run.stored, {part: run.last(part) for part in self.parts}

    def back(
        self,
        span: Span,
        given: Given,
        stored: Mapping[str, Tensor],
        gradients: Gradients,
        into: Mapping[str, Tensor] | None = None,
    ) -> Tensors:
        """Run the backward program.

        Args:
            span: The steps.
            given: What the training pass was given.
            stored: What it stored.
            gradients: Of what it gave.
            into: Memory for gradients of what has a value for every step, where the caller has it.

        Returns:
            Gradients by leaf (``state:PART``, ``row:NAME``, ``x:STREAM`` ...) and by parameter (``root:NAME``).
        """
        left = Left(stored, self.training.plan.sequences)
        return Backward(self.backward, span, given, left, gradients, into).found()
