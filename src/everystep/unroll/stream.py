"""``stream``: one step at a time, from Python, on NumPy arrays or tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.engines import NothingToRunError
from everystep.engines.choice import AUTO, default
from everystep.engines.job import Job
from everystep.engines.llvm.plainness import why_watched
from everystep.engines.looping import Looping
from everystep.engines.slower import warn_once
from everystep.engines.stepping import batched, dtype_name, name_of
from everystep.errors import ArgumentError, DTypeError, EngineError, ShapeError, check_whole
from everystep.unroll import arguments
from everystep.unroll.choosing import FASTEST, check_engine
from everystep.unroll.chosen_rows import a_row_each, some_rows
from everystep.unroll.intake import first_guess, seen, taken
from everystep.unroll.unroll import initial_of, prepare

S = TypeVar("S")


class Stream(Generic[S]):
    """What :func:`stream` returns: a cell that takes one step at each call, and the state in between.

    A copy, deep or pickled, goes on from the same state on its own; a deep or pickled one has its own cell too.

    Attributes:
        cell: What is streamed.
        batch_size: Rows of every input and output.
        engine: The engine that runs; ``"auto"`` as long as it takes a first step to choose one.
        why: Why this one.
    """

    def __init__(
        self,
        cell: Cell[Any] | Callable[..., Any],
        batch_size: int = 1,
        *,
        state: S | None = None,
        context: Any = None,
        dtype: torch.dtype | None = None,
        engine: str = AUTO,
    ) -> None:
        arguments.check_cell("stream", cell)
        check_engine("stream", engine)
        check_whole("stream", "batch_size", batch_size, least=0)
        if getattr(cell, "draws", False):
            raise ArgumentError(
                f"stream: {name_of(cell)} is being trained and draws at random for whole sequences; a stream draws "
                "nothing: call cell.eval() first."
            )
        self.cell, self.batch_size, self.engine, self.why = cell, batch_size, AUTO, "the first step decides"
        self._who, self._context = name_of(cell), context
        self._asked = default() if engine == AUTO else engine
        like = _like(self._who, cell, state, dtype)
        self._like, self._dtype = like, like.dtype
        self._expected = first_guess(cell, batch_size, like)
        job = self._job(state)
        self._assemble = job.step.assemble
        self._running: Any = Looping(job)
        if self._expected.known:
            self._choose(job)

    def step(self, x: Any) -> Any:
        """Take one step.

        Nothing is differentiated: gradients come from :func:`unroll`.

        Args:
            x: (batch, input) as a NumPy array or a tensor, or a NamedTuple of them, in the dtype of the cell.

        Returns:
            y, (batch, output), a new array if arrays came and a new tensor if tensors came.

        Raises:
            ShapeError, DTypeError, DeviceError: x does not fit.
            StepError: The step breaks its contract.
            EngineError: A transform of torch, or a tensor of a special kind, needs :func:`unroll`.
        """
        y = self._running.quick(x)
        return self._carefully(x) if y is None else y

    @property
    def state(self) -> S:
        """The state that the next step will find, in the cell's own type; a copy. Set it to go on from elsewhere."""
        return self._assemble(self._running.parts())

    @state.setter
    def state(self, state: S) -> None:
        if self._running.set_quickly(state):
            return
        job = self._job(state)
        for name, old, new in zip(job.step.part_names, self._running.parts(), job.state, strict=True):
            if old.shape != new.shape:
                raise ShapeError(f"{self._who}: state part {name} is {batched(new)}; this stream has {batched(old)}.")
        self._running.set(job.state)

    @property
    def context(self) -> Any:
        """What every step is handed besides x; set it to go on with another one, the state stays."""
        return self._context

    @context.setter
    def context(self, context: Any) -> None:
        before, self._context = self._context, context
        try:
            if not self._running.see_quickly(context):
                self.refresh()
        except Exception:
            self._context = before  # what was refused leaves the stream as it was
            raise

    def reset(self, rows: Any = None) -> None:
        """Put the state back to ``cell.initial_state``, not to ``state=``; zeros for a plain function.

        Args:
            rows: Which rows of the batch: their numbers, or (batch,) bool, true where a row is reset; all without it.

        Raises:
            ArgumentError: There are no such rows.

        Example:
            >>> import numpy as np, everystep as es
            >>> stream = es.stream(es.cells.GRU(2, 3), batch_size=4)
            >>> y = stream.step(np.ones((4, 2), "float32"))
            >>> stream.reset([1, 3])  # two episodes are over
            >>> stream.state.h.abs().sum(1) > 0
            tensor([ True, False,  True, False])
        """
        state = None if isinstance(self.cell, Cell) else self.state
        with torch.no_grad():
            start = initial_of(self.cell, self.batch_size, self._like, state, self._context)
        initial = (start,) if isinstance(start, Tensor) else tuple(start)
        if rows is not None:
            parts = self._running.parts()
            chosen = some_rows(self._who, rows, self.batch_size).to(self._like.device)
            for part, start in zip(parts, initial, strict=True):
                part[chosen] = start.detach()[chosen]
            initial = parts
        self._running.set(initial)

    def select(self, rows: Any) -> None:
        """Go on with other rows, each any number of times: hypotheses of a search that branch, episodes that end.

        Context stays as it is.

        Args:
            rows: (batch,) numbers of rows; row i goes on from the state of ``rows[i]``.

        Raises:
            ArgumentError: There are no such rows, or not as many as the batch has.

        Example:
            >>> import numpy as np, everystep as es
            >>> stream = es.stream(es.cells.GRU(2, 3), batch_size=3)
            >>> y = stream.step(np.eye(3, 2, dtype="float32"))
            >>> before = stream.state.h
            >>> stream.select([1, 1, 0])
            >>> bool((stream.state.h == before[[1, 1, 0]]).all())
            True
        """
        self._running.select(a_row_each(self._who, rows, self.batch_size))

    def refresh(self) -> None:
        """Read the cell's parameters, settings and context again; the state stays.

        Needed only where something has changed that a step does not look at: see :func:`stream`.
        """
        self._choose(self._job(self.state))

    def _carefully(self, x: Any) -> Any:
        """Take a step on anything: check it, and choose an engine if that has not been done for such an x."""
        watched = why_watched()
        if watched is not None:
            raise EngineError(
                f"{self._who}: {watched}; a stream keeps its state in plain memory: use unroll, which returns it."
            )
        own, arrays = taken(self._who, self.cell, x, self._expected)
        with torch.no_grad():
            if not self._expected.known:
                self._expected = seen(own)
                self._choose(self._job(self.state))
            elif self._running.stale():
                self.refresh()
            y = self._running.take(own)
        return y.numpy() if arrays else y

    def _choose(self, job: Job) -> None:
        """Find who takes the steps from here on."""
        asked = Looping(job), "reference", 'engine="reference" was asked for'
        self._running, self.engine, self.why = asked if self._asked == "reference" else self._compiled(job)

    def _compiled(self, job: Job) -> tuple[Any, str, str]:
        try:
            from everystep.engines.llvm.streaming import Streaming  # loads LLVM, which takes a while

            with torch.no_grad():
                return Streaming(job), FASTEST, "it is the fastest engine here"
        except NothingToRunError as nothing:
            return Looping(job), "reference", str(nothing)
        except (EngineError, ImportError) as error:
            if self._asked != AUTO:
                raise EngineError(f'{self._who}: engine "{self._asked}" can\'t serve this stream: {error}') from error
            warn_once(self._who, str(error), stacklevel=5)
            return Looping(job), "reference", str(error)

    def _job(self, state: Any) -> Job:
        """An unroll of one step, with everything checked."""
        own = _floating(self.cell)
        if own is not None and own.dtype != self._dtype:
            raise DTypeError(
                f"{self._who}: the parameters have {dtype_name(own)} and the stream {str(self._dtype)[6:]}: "
                "make another stream."
            )
        with torch.no_grad():
            return prepare(
                self.cell, self._expected.like, state, context=self._context, lengths=None, mask=None, resets=None,
                forced=None, reverse=False, record=(),
            )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        kept = {"cell": self.cell, "batch_size": self.batch_size, "context": self._context, "dtype": self._dtype}
        return kept | {"engine": self._asked, "state": self.state, "expected": self._expected}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        expected = kept.pop("expected")
        Stream.__init__(self, **kept)
        if expected.known and not self._expected.known:
            self._expected = expected
            self._choose(self._job(kept["state"]))

    def __repr__(self) -> str:
        return f"Stream({self._who}, batch {self.batch_size}, {str(self._dtype)[6:]}, engine {self.engine!r})"


def stream(
    cell: Cell[Any] | Callable[..., Any],
    batch_size: int = 1,
    *,
    state: Any = None,
    context: Any = None,
    dtype: torch.dtype | None = None,
    engine: str = AUTO,
) -> Stream[Any]:
    """Run a cell one step at a time, where inputs arrive one by one: a sensor, a game, a text as it is written.

    A step is one call of compiled code, a few microseconds for a small cell, and gives what :func:`unroll` gives
    over the same inputs, bit for bit. Nothing is differentiated.

    Parameters are packed when the stream is made, and again before a step that finds them written to by torch or
    replaced: after ``optimizer.step()`` or ``load_state_dict``. What else is written into ``parameter.data``, or
    through NumPy, is not seen, nor are settings such as ``cell.eval()``: call :meth:`Stream.refresh`. Context is read
    when the stream is made and at ``refresh``.

    Args:
        cell: A :class:`~everystep.Cell`, or a plain function ``(state, x) -> (state, y)``.
        batch_size: Rows that are stepped together, 0 or more.
        state: The state before the first step, as for :func:`unroll`; a plain function needs one.
        context: A NamedTuple of per-sequence values, handed to every step.
        dtype: Of x where neither parameters nor a state tell; torch's default dtype without it.
        engine: ``"auto"``, or an engine by name: ``"llvm"`` (compiled) or ``"reference"`` (the plain loop).

    Returns:
        An object with ``step(x)``, ``state``, ``reset()`` and ``refresh()``: :class:`Stream`. It is not for two
        threads at once, which would mix their steps; two streams of one cell have nothing in common but the cell.

    Raises:
        ShapeError, DTypeError, DeviceError, StateError: The state does not fit the cell.
        ArgumentError: ``batch_size`` is negative.
        EngineError: The engine that was named can't serve this stream.

    Example:
        >>> import numpy as np, everystep as es
        >>> stream = es.stream(es.cells.LSTM(input_size=3, hidden_size=8))
        >>> for x in np.zeros((5, 1, 3), dtype="float32"):
        ...     y = stream.step(x)
        >>> y.shape, stream.state.c.shape
        ((1, 8), torch.Size([1, 8]))
        >>> stream.reset()
    """
    return Stream(cell, batch_size, state=state, context=context, dtype=dtype, engine=engine)


def _floating(cell: Any) -> Tensor | None:
    parameters = cell.parameters() if isinstance(cell, Cell) else ()
    return next((value for value in parameters if value.is_floating_point()), None)


def _like(who: str, cell: Any, state: Any, dtype: torch.dtype | None) -> Tensor:
    """An empty tensor that tells dtype and device."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise DTypeError(f"stream: dtype is {dtype!r}; expected a floating dtype such as torch.float32.")
    parts = (state,) if isinstance(state, Tensor) else tuple(state or ())
    given = next((part for part in parts if isinstance(part, Tensor) and part.is_floating_point()), None)
    own = _floating(cell)
    like = own if own is not None else given
    if own is not None and dtype not in (None, own.dtype):
        raise DTypeError(f"{who}: dtype is {dtype}; the parameters have {dtype_name(own)}: pass cell.to({dtype}).")
    if like is None:
        return torch.empty(0, dtype=dtype)
    return like.detach().new_empty(0, dtype=dtype)
