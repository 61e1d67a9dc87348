"""The compiled engine: a job in, an answer out, or the reason why it can't serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from everystep.compiler.ir import Leaf
from everystep.engines.job import Answer, Job, NothingToRunError
from everystep.engines.llvm import flat
from everystep.engines.llvm.autograd import Call, Whole, launch
from everystep.engines.llvm.door import Results, results_of
from everystep.engines.llvm.finding import Found, find
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.packed import Packed, pack
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.plainness import why_not_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.quick import quickly, remember
from everystep.engines.llvm.segments import Segmented
from everystep.engines.llvm.slots import Names
from everystep.engines.stepping import Parts, streams_of
from everystep.errors import EngineError

K = TypeVar("K")
OPERATIONS = {None: Whole, "segments": Segmented}


def run(job: Job) -> Answer:
    """Unroll a step by compiled code.

    Args:
        job: The unroll, checked.

    Returns:
        As the reference engine does.

    Raises:
        EngineError: Compiled code can't serve this call.
    """
    steps, rows = next(iter(streams_of(job.x).values())).shape[:2]
    _check_plain(job)
    if steps == 0 or rows == 0 or (job.used is not None and not job.used.any()):
        raise NothingToRunError("there is no step to take")
    if job.used is not None and job.used.all():
        return run(replace(job, used=None))
    quick = _quickly(job)
    if quick is not None:
        return quick
    results = results_of(job)
    with torch.autocast("cpu", enabled=False):
        found = find(job)
        _refuse(why_not_plain(found.roots.values()))
        answer = _Launch(job, found, steps, rows).answer(storing=results is None)
    return answer if results is None else _cast(answer, results)


def _quickly(job: Job) -> Answer | None:
    """The short way, for calls that ask for nothing besides and that are known."""
    asked = job.resets is not None or job.forced or job.recompute or job.record
    if asked or job.step.context is not None:
        return None
    found = quickly(job.step.cell, job.x, job.step.assemble(job.state), job.reverse, mask=job.used)
    return None if found is None else Answer(found[0], tuple(found[1]), {})


def _check_plain(job: Job) -> None:
    given = [*streams_of(job.x).values(), *job.state, *job.initial]
    given += [value for pair in job.forced.values() for value in pair]
    given += [value for value in (job.used, job.resets) if value is not None]
    _refuse(why_not_plain(given))


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise EngineError(reason)


def _cast(answer: Answer, results: Results) -> Answer:
    """Round to the dtypes that the plain loop's results have."""
    state = tuple(part.to(dtype) for part, dtype in zip(answer.state, results.state, strict=True))
    record = {name: value.to(results.record[name]) for name, value in answer.record.items()}
    return Answer(answer.y.to(results.y), state, record)


class _Launch:
    """One call: tensors in the layout of compiled code, and back."""

    def __init__(self, job: Job, found: Found, steps: int, rows: int) -> None:
        self.job, self.found = job, found
        self.steps, self.rows = steps, rows
        self.lowered = found.lowered
        self.recorded = self.lowered.recorded(job.record)
        self.packed: Packed | None = None if job.used is None else pack(job.used, reverse=job.reverse)

    def answer(self, *, storing: bool) -> Answer:
        """Run it; let calls like it go the short way if ``storing``."""
        job, dtype = self.job, self.lowered.dtype
        rows = flat.in_rows(job, self.found.context, dtype)
        given = Given(flat.in_time(job, dtype), flat.in_state(job, dtype), rows, self.found.roots)
        passes = self._passes(given)
        span = self.packed.span if self.packed else Span(self.steps, self.rows, self.job.reverse)
        names = Names(*map(tuple, given))
        if storing:
            remember(self.job, self.found.guard, self.lowered, names, tuple(self.found.roots.values()))
            quick = _quickly(self.job)
            if quick is not None:  # as later calls will: what is saved for the way back is the same for all
                return quick
        tensors = tuple(value for group in given for value in group.values())
        outputs, last = launch(Call(passes, span, *names, OPERATIONS[self.job.recompute], self.packed), tensors)
        record = {name: self._output(f"record:{name}", outputs) for name in self.recorded}
        return Answer(self._output("y", outputs), self._last(last), record)

    def _passes(self, given: Given) -> Passes:
        """The passes for this kind of call, compiled."""
        leaves = {_leaf(name): value for name, value in given.time.items()}
        leaves |= {Leaf("row", name): value for name, value in given.rows.items()}
        wanted, roots = _needing_gradients(leaves), _needing_gradients(given.roots)
        asked = self.recorded, self.job.resets is not None, tuple(self.job.forced)
        passes = self.lowered.passes(*asked, wanted, roots)
        state = _needing_gradients(given.state)
        passes.ready(training=bool(wanted or roots or state))
        return passes

    def _output(self, name: str, outputs: Tensors) -> Tensor:
        kind = self.lowered.kind(name)
        return flat.out(outputs[name], self.steps, self.rows, self.lowered.shape(name), kind)

    def _last(self, last: Tensors) -> Parts:
        parts = [last[name] for name in self.job.step.part_names]
        return flat.last(self.job, parts, [self.lowered.dtype] * len(parts))


def _needing_gradients(values: Mapping[K, Tensor]) -> list[K]:
    return [key for key, value in values.items() if value.requires_grad] if torch.is_grad_enabled() else []


def _leaf(name: str) -> Leaf:
    kind, _, rest = name.partition(":")
    return Leaf(kind, rest)
