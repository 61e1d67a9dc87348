"""Which engine runs: the one that was named, or the fastest that can serve."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple

from everystep.engines import Answer, Job, NothingToRunError, reference
from everystep.engines.choice import AUTO, by_default, default
from everystep.errors import EngineError, FallbackWarning, unknown


class Ran(NamedTuple):
    """What an engine answered, which one it was, and why not a faster one."""

    answer: Answer
    engine: str
    why: str


def _llvm(job: Job) -> Answer:
    from everystep.engines.llvm.run import run  # loads LLVM, which takes a while

    return run(job)


ENGINES: dict[str, Callable[[Job], Answer]] = {"reference": reference.run, "llvm": _llvm}
FASTEST = "llvm"
COST = "the reference loop runs it, 3 to 30 times slower"

_warned: set[tuple[str, str]] = set()


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


def _state_of_llvm() -> str:
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed: pip install llvmlite"
    from everystep.engines.llvm.target import host

    try:
        return f"ready ({host().name})"
    except EngineError as error:
        return str(error)


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
        return Ran(_named(engine, job), engine, f'engine="{engine}" was asked for')
    try:
        return Ran(ENGINES[FASTEST](job), FASTEST, "it is the fastest engine here")
    except NothingToRunError as nothing:
        return Ran(reference.run(job), "reference", str(nothing))
    except (EngineError, ImportError) as error:
        ran = Ran(reference.run(job), "reference", str(error))  # a step that is wrong is refused here, in its own words
        _warn_once(job.step.who, ran.why)
        return ran


def _named(engine: str, job: Job) -> Answer:
    try:
        return ENGINES[engine](job)
    except NothingToRunError:
        return reference.run(job)
    except EngineError as error:
        raise EngineError(f'{job.step.who}: engine "{engine}" can\'t serve this call: {error}') from error


def _warn_once(who: str, why: str) -> None:
    if (who, why) not in _warned:
        _warned.add((who, why))
        warnings.warn(f"{who}: {why.rstrip('.')}; {COST}.", FallbackWarning, stacklevel=5)
