"""Say how a run comes along: a live bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from everystep.errors import unknown
from everystep.train.standing import Standing

LINE_EVERY = 5.0  # seconds between plain lines
DRAW_EVERY = 0.1  # seconds between two states of the live bar


class Progress(Protocol):
    """What the loop tells about itself."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self, standing: Standing) -> None:
        """Tell where the run starts or goes on."""
        ...

    def show(self, standing: Standing, loss: float) -> None:
        """Tell that a step was taken."""
        ...

    def say(self, text: str) -> None:
        """Say something once."""
        ...


class Quiet:
    """Says nothing."""

    def __init__(self, steps: int, epochs: int, tokens: float | None = None) -> None:
        self.steps, self.epochs, self.tokens = steps, epochs, tokens
        self._last = self._began = time.monotonic()
        self._began_at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def start(self, standing: Standing) -> None:
        """Note where the run starts, for its speed."""
        self._began, self._began_at = time.monotonic(), standing.step

    def show(self, standing: Standing, loss: float) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def _speed(self, standing: Standing) -> float:
        return (standing.step - self._began_at) / max(1e-9, time.monotonic() - self._began)

    def _is_time(self, every: float, standing: Standing) -> bool:
        now = time.monotonic()
        if now - self._last < every and not standing.finished:
            return False
        self._last = now
        return True

    def _figures(self, standing: Standing, loss: float) -> str:
        validation = [epoch.validation for epoch in standing.history[-1:] if epoch.validation is not None]
        shown = [f"loss {loss:.4g}", *(f"validation {value:.4g}" for value in validation)]
        steps = self._speed(standing)
        speed = f"{steps:.0f} steps/s" if self.tokens is None else f"{steps * self.tokens:,.0f} tokens/s"
        return "  ".join([*shown, speed])

    def _place(self, standing: Standing) -> str:
        return f"epoch {min(standing.epoch + 1, self.epochs)}/{self.epochs}"


class PlainLines(Quiet):
    """Prints a line every few seconds and at the end, for a file or a pipe."""

    def show(self, standing: Standing, loss: float) -> None:
        """Print a line, where it is time for one."""
        if self._is_time(LINE_EVERY, standing):
            seconds = (self.steps - standing.step) / max(1e-9, self._speed(standing))
            left = "finished" if standing.finished else f"{timedelta(seconds=round(seconds))} left"
            where = f"{self._place(standing)}  step {standing.step}/{self.steps}"
            self.say(f"{where}  {self._figures(standing, loss)}  {left}")

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)


class LiveBar(Quiet):
    """Draws a bar with loss, steps a second and time left on a terminal."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
        ]
        self._rich = RichProgress(*columns, TimeRemainingColumn(), TextColumn("left"), console=Console(stderr=True))
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()

    def start(self, standing: Standing) -> None:
        """Draw the bar where the run starts."""
        super().start(standing)
        if not standing.finished:
            self._task = self._rich.add_task(
                self._place(standing), total=self.steps, completed=standing.step, figures=""
            )

    def show(self, standing: Standing, loss: float) -> None:
        """Move the bar."""
        if self._is_time(DRAW_EVERY, standing):
            figures = self._figures(standing, loss)
            self._rich.update(self._task, completed=standing.step, description=self._place(standing), figures=figures)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._rich.console.print(text, highlight=False, markup=False)


def shown(progress: str, steps: int, epochs: int, tokens: float | None = None) -> Progress:
    """Choose how to tell of a run.

    Args:
        progress: ``"auto"`` (a live bar where standard error is a terminal, else plain lines), ``"plain"`` or
            ``"quiet"``.
        steps: Steps in the whole run.
        epochs: Epochs in the whole run.
        tokens: Tokens in a batch, on average, where data come in tokens: speed is then told in them.

    Returns:
        A context manager; everything goes to standard error.

    Raises:
        UnknownNameError: There is no such way.
    """
    ways = {"auto": LiveBar if sys.stderr.isatty() else PlainLines, "plain": PlainLines, "quiet": Quiet}
    if progress not in ways:
        raise unknown("train", "progress", progress, ways)
    return ways[progress](steps, epochs, tokens)
