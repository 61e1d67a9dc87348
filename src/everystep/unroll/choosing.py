"""Which engine runs: the one that was named, or the fastest that can serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from everystep.engines import Answer, Job, NothingToRunError, reference
from everystep.engines.choice import AUTO, by_default, default
from everystep.engines.slower import warn_once
from everystep.errors import EngineError, unknown


class Ran(NamedTuple):
    """What an engine answered, which one it was, and why not a faster one."""

    answer: Answer
    engine: str
    why: str


class _Quickly(NamedTuple):
    """The short ways of the compiled engine."""

    padded: Callable[..., tuple[Tensor, Any] | None]
    packed: Callable[..., tuple[Tensor, Any] | None]


_quickly: _Quickly | None = None  # known once the compiled engine has run


def _llvm(job: Job) -> Answer:
    global _quickly  # noqa: PLW0603
    if is_dynamo_compiling():
        from everystep.engines.llvm.in_graph import run_in_graph  # loads torch's compiler, which is at work already

        return run_in_graph(job)
    from everystep.engines.llvm.quick import quickly  # loads LLVM, which takes a while
    from everystep.engines.llvm.quick_packed import quickly_packed
    from everystep.engines.llvm.run import run

    _quickly = _Quickly(quickly, quickly_packed)
    return run(job)


ENGINES: dict[str, Callable[[Job], Answer]] = {"reference": reference.run, "llvm": _llvm}
FASTEST = "llvm"
_WHY = "it is the fastest engine here"
_ASKED = 'engine="{}" was asked for'


@contextmanager
def use_engine(name: str) -> Iterator[None]:
    """Run every :func:`~everystep.unroll` inside the block that does not name an engine on this one.

    Args:
        name: ``"reference"``, ``"llvm"`` or ``"auto"``.

    Raises:
        UnknownNameError: There is no such engine.

    Example:
        >>> import torch, everystep as es
        >>> with es.use_engine("reference"):
        ...     es.unroll(es.cells.Elman(1, 2), torch.zeros(3, 1, 1)).engine
        'reference'
    """
    check_engine("use_engine", name)
    with by_default(name):
        yield


def engines() -> dict[str, str]:
    """List the engines, and for each whether it can serve on this machine.

    Returns:
        ``{name: "ready"}``, or what is missing.

    Example:
        >>> import everystep as es
        >>> es.engines()["reference"]
        'ready'
    """
    return {"reference": "ready", "llvm": _state_of_llvm()}


@cache
def _state_of_llvm() -> str:
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed: pip install llvmlite"
    from everystep.engines.llvm.target import host

    try:
        return f"ready ({host().name})"
    except EngineError as error:
        return str(error)


def serves(device: torch.device) -> bool:
    """Whether a compiled engine computes on a device; where none does, the plain loop is all there is."""
    if is_dynamo_compiling():  # which can't look into LLVM; what it makes of a layer runs on any CPU
        return device.type == "cpu"
    return device.type == "cpu" and _state_of_llvm().startswith("ready")


def check_engine(who: str, name: str) -> None:
    """Refuse an engine that there is not."""
    if name != AUTO and name not in ENGINES:
        raise unknown(who, "engine", name, [*ENGINES, AUTO])


def run_on(engine: str, job: Job) -> Ran:
    """Run a job on an engine; on the fastest that can serve it for ``auto``.

    Raises:
        EngineError: The engine that was named can't serve this job.
    """
    engine = default() if engine == AUTO else engine
    if engine != AUTO:
        return Ran(_named(engine, job), engine, _ASKED.format(engine))
    try:
        return Ran(ENGINES[FASTEST](job), FASTEST, _WHY)
    except NothingToRunError as nothing:
        return Ran(reference.run(job), "reference", str(nothing))
    except (EngineError, ImportError) as error:
        ran = Ran(reference.run(job), "reference", str(error))  # a step that is wrong is refused here, in its own words
        warn_once(job.step.who, ran.why, stacklevel=3)
        return ran


def chosen(engine: str, job: Job) -> tuple[str, str]:
    """Name the engine that runs a job, and why; a slower one is told here and not warned of."""
    engine = default() if engine == AUTO else engine
    try:
        ENGINES[FASTEST](job) if engine == AUTO else _named(engine, job)
    except (EngineError, ImportError) as error:
        if engine != AUTO:
            raise
        reference.run(job)  # a step that is wrong is refused here, in its own words
        return "reference", str(error)
    return (FASTEST, _WHY) if engine == AUTO else (engine, _ASKED.format(engine))


def run_quickly(
    engine: str, cell: Any, x: Any, state: Any, *, reverse: bool, lengths: Any = None, mask: Any = None
) -> tuple[Tensor, Any, str] | None:
    """Run a cell by the compiled engine if it has served a call of this kind, for which all was checked.

    Returns:
        y, the last state and why this engine; None if the call must go the long way.
    """
    if is_dynamo_compiling():
        return None
    asked = default() if engine == AUTO else engine
    if _quickly is None or asked not in {AUTO, FASTEST}:
        return None
    found = _quickly.padded(cell, x, state, reverse, lengths, mask)
    return None if found is None else (*found, _why(asked))


def run_packed(
    cell: Any, data: Tensor, batch_sizes: Tensor, state: Any, *, reverse: bool
) -> tuple[Tensor, Any, str] | None:
    """The same for data that is packed already, as y then is too."""
    if is_dynamo_compiling() or _quickly is None or default() not in {AUTO, FASTEST}:
        return None
    found = _quickly.packed(cell, data, batch_sizes, state, reverse)
    return None if found is None else (*found, _why(default()))


def _why(asked: str) -> str:
    return _WHY if asked == AUTO else _ASKED.format(FASTEST)


def _named(engine: str, job: Job) -> Answer:
    try:
        return ENGINES[engine](job)
    except NothingToRunError:
        return reference.run(job)
    except EngineError as error:
        raise EngineError(f'{job.step.who}: engine "{engine}" can\'t serve this call: {error}') from error
