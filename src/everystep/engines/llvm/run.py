"""The compiled engine: a job in, an answer out, or the reason why it can't serve."""

from __future__ import annotations


import torch
from torch import Tensor

from everystep.compiler.ir import Leaf
from everystep.engines.job import Answer, Job, NothingToRunError
from everystep.engines.llvm.autograd import Call, Whole, launch
from everystep.engines.llvm.finding import Found, find
from everystep.engines.llvm.packed import Packed, pack
from everystep.engines.llvm.plainness import why_not_plain
from everystep.engines.llvm.programs import Span
from everystep.engines.llvm.quick import remember
from everystep.engines.llvm.recipes import Names
from everystep.engines.llvm.segments import Segmented
from everystep.engines.stepping import Parts, streams_of
from everystep.errors import EngineError

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
    streams = streams_of(job.x)
    steps, rows = next(iter(streams.values())).shape[:2]
    _check_plain(job, streams)
    if steps == 0 or rows == 0 or (job.used is not None and not job.used.any()):
        raise NothingToRunError("there is no step to take")
    found = find(job)
    return _Launch(job, found, streams, steps, rows).answer()


def _check_plain(job: Job, streams: dict[str, Tensor]) -> None:
    given = [*streams.values(), *job.state, *job.initial, *(value for pair in job.forced.values() for value in pair)]
    given += [value for value in (job.used, job.resets) if value is not None]
    _refuse(why_not_plain(given))


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise EngineError(reason)


class _Launch:
    """One call: tensors in the layout of compiled code, and back."""

    def __init__(self, job: Job, found: Found, streams: dict[str, Tensor], steps: int, rows: int) -> None:
        self.job, self.found = job, found
        self.steps, self.rows = steps, rows
        self.streams = streams
        self.lowered = found.lowered
        self.recorded = self.lowered.recorded(job.record)
        self.packed: Packed | None = None if job.used is None else pack(job.used, reverse=job.reverse)

    def answer(self) -> Answer:
        """Run it."""
        time, state, rows = self._time(), self._state(), self._of_rows()
        roots = self.found.roots
        tensors = (*time.values(), *state.values(), *rows.values(), *roots.values())
        _refuse(why_not_plain(roots.values()))
        training = torch.is_grad_enabled()
        wanted = [_leaf(name) for name, value in time.items() if training and value.requires_grad]
        wanted += [Leaf("row", name) for name, value in rows.items() if training and value.requires_grad]
        wanted_roots = [name for name, value in roots.items() if training and value.requires_grad]
        forced = tuple(self.job.forced)
        passes = self.lowered.passes(self.recorded, self.job.resets is not None, forced, wanted, wanted_roots)
        span = self.packed.span if self.packed else Span(self.steps, self.rows, self.job.reverse)
        call = Call(passes, span, tuple(time), tuple(state), tuple(rows), tuple(roots), OPERATIONS[self.job.recompute])
        remember(self.job, self.found.guard, self.lowered, Names(tuple(time), tuple(state), tuple(rows), tuple(roots)))
        outputs, last = launch(call, tensors)
        record = {name: self._output(name, outputs[f"record:{name}"]) for name in self.recorded}
        return Answer(self._output("y", outputs["y"]), self._last(last), record)

    def _time(self) -> dict[str, Tensor]:
        """Everything that has a value for every step, one row after another."""
        found = {f"x:{name}": value for name, value in self.streams.items()}
        if self.job.resets is not None:
            found["flag:reset"] = self.job.resets
        for name, (values, where) in self.job.forced.items():
            found[f"flag:forced {name}"] = where
            found[f"value:{name}"] = values
        return {name: self._flat(value) for name, value in found.items()}

    def _flat(self, value: Tensor) -> Tensor:
        value = value.reshape(self.steps * self.rows, -1)
        return value.contiguous() if self.packed is None else value.index_select(0, self.packed.places)

    def _state(self) -> dict[str, Tensor]:
        return self._named(self.job.state)

    def _named(self, parts: Parts) -> dict[str, Tensor]:
        return {name: self._sorted(part) for name, part in zip(self.job.step.part_names, parts, strict=True)}

    def _sorted(self, part: Tensor) -> Tensor:
        part = part.reshape(self.rows, -1)
        return part.contiguous() if self.packed is None else part.index_select(0, self.packed.order)

    def _of_rows(self) -> dict[str, Tensor]:
        found = {name: self._sorted(value) for name, value in self.found.context.items()}
        if self.job.resets is not None:
            found |= {f"initial {name}": part for name, part in self._named(self.job.initial).items()}
        return found

    def _output(self, name: str, value: Tensor) -> Tensor:
        shape = self.lowered.shape(name)
        if self.packed is not None:
            zeros = value.new_zeros(self.steps * self.rows, value.shape[1])
            value = zeros.index_copy(0, self.packed.places, value)
        value = value.view(self.steps, self.rows, *shape)
        return value != 0 if self.lowered.truth(name) else value

    def _last(self, last: dict[str, Tensor]) -> Parts:
        if self.packed is not None:
            last = {name: part.index_select(0, self.packed.back) for name, part in last.items()}
        return tuple(
            last[name].view(part.shape) for name, part in zip(self.job.step.part_names, self.job.state, strict=True)
        )


def _leaf(name: str) -> Leaf:
    kind, _, rest = name.partition(":")
    return Leaf(kind, rest)


