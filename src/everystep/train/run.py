"""A run directory: the same command goes on, another one is refused, and a finished run is left alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import nn

from everystep.errors import ArgumentError, ModelFileError, RunError, TrainingError
from everystep.train import atomic
from everystep.train.batches import Batches, name_of
from everystep.train.checkpoint import Checkpoint, read_checkpoint, restore, write_checkpoint
from everystep.train.directory import (
    CONFIG_FILE,
    LOCK_FILE,
    MADE_HERE,
    RUN_FILE,
    RUN_KIND,
    check_ours,
    read_json,
    to_json,
)
from everystep.train.log import Log
from everystep.train.non_finite import check_parameters
from everystep.train.settings import Settings
from everystep.train.standing import Learning
from everystep.train.tensor_file import kind_of

FORMAT = 1
ASKED = ("settings", "about")  # sections of an identity that its user wrote


@dataclass(frozen=True)
class Run:
    """Where a training run is kept. How often it is saved changes no result.

    Args:
        directory: A directory that is missing, empty, or holds this same run.
        about: Whatever else has to be the same for the run to go on, as plain values (columns, horizon, ...).
        overwrite: Start anew where another run is; what everystep made there is deleted, nothing else.
        every_seconds: Longest time between two checkpoints, in seconds.
        every_steps: Most steps between two checkpoints, 1 or more; None goes by time alone.

    Raises:
        ArgumentError: ``every_steps`` is below 1.

    Example:
        >>> from everystep.train import Run
        >>> Run("runs/first", about={"horizon": 24}).every_seconds
        30.0
    """

    directory: str | Path
    about: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    every_seconds: float = 30.0
    every_steps: int | None = None

    def __post_init__(self) -> None:
        if self.every_steps is not None and self.every_steps < 1:
            raise ArgumentError(f"Run: every_steps is {self.every_steps}; expected 1 or more, or None.")


def identity(model: nn.Module, loss: Any, batches: Batches, settings: Settings, about: Mapping[str, Any]) -> Any:
    """Describe a run in plain values: two commands with equal descriptions are the same run."""
    described = {
        "settings": asdict(settings),
        "about": dict(about),
        "data": batches.facts(),
        "model": {name: kind_of(tensor) for name, tensor in model.state_dict().items()},
        "classes": {"model": name_of(type(model)), "batches": name_of(type(batches)), "loss": name_of(loss)},
    }
    return json.loads(to_json(described))  # as it will be read back: tuples are lists


class InMemory:
    """Keeps a run nowhere."""

    going_on = "Nothing was saved, because no run directory was given"

    def resume(self, learning: Learning) -> None:
        """Start from the beginning."""

    def record(self, line: Mapping[str, Any]) -> None:
        """Forget the line."""

    def save_if_due(self, learning: Learning) -> None:
        """Only look whether there is something to refuse at the end."""
        if learning.standing.finished:
            check_parameters(learning)

    def save(self, learning: Learning) -> None:
        """Save nothing."""


class InDirectory:
    """Keeps a run in a directory: ``run.json``, ``checkpoint.safetensors`` and ``log.jsonl``."""

    def __init__(self, run: Run) -> None:
        self.run, self.directory = run, Path(run.directory)
        self.checkpoint_path = self.directory / "checkpoint.safetensors"
        self.going_on = f"The same command goes on from there (saved in {self.directory})"
        self._log: Log | None = None
        self._saved_step, self._saved_at = 0, time.monotonic()

    def resume(self, learning: Learning) -> None:
        """Put the run back to its last checkpoint, or make the first one."""
        checkpoint = self.read()
        if checkpoint is not None:
            restore(learning, checkpoint)
            if checkpoint.standing.finished:
                return
        with self._told():
            self._log = Log(self.directory / "log.jsonl", checkpoint.log_size if checkpoint else 0)
        self._saved_step = learning.standing.step
        if checkpoint is None:
            self.save(learning)

    def read(self) -> Checkpoint | None:
        """Read the last checkpoint, where there is one."""
        return read_checkpoint(self.checkpoint_path) if self.checkpoint_path.exists() else None

    def record(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        assert self._log is not None  # resume opens it for every run that still takes steps
        with atomic.told(TrainingError, self._log.path, self._mend):
            self._log.write(line)

    def save_if_due(self, learning: Learning) -> None:
        """Save at the end, and where the last checkpoint is old enough."""
        steps = learning.standing.step - self._saved_step
        enough = self.run.every_steps is not None and steps >= self.run.every_steps
        if enough or learning.standing.finished or time.monotonic() - self._saved_at >= self.run.every_seconds:
            self.save(learning)

    def save(self, learning: Learning) -> None:
        """Save the run as it is now: the log first, then the checkpoint that counts on it."""
        assert self._log is not None  # as above
        check_parameters(learning)
        with self._told():
            self._log.sync()
            write_checkpoint(self.checkpoint_path, learning, self._log.size)
        self._saved_step, self._saved_at = learning.standing.step, time.monotonic()

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()

    _mend = "Free some space or mend the disk, then give the same command: it goes on from the last checkpoint."

    def _told(self) -> AbstractContextManager[None]:
        return atomic.told(TrainingError, self.checkpoint_path, self._mend)


@contextmanager
def opened(run: Run | None, described: Any) -> Iterator[InMemory | InDirectory]:
    """Open a run for training.

    Args:
        run: Where it is kept; None keeps it nowhere.
        described: Its ``identity``.

    Yields:
        What keeps the run. A finished run is not locked and nothing in it is written.

    Raises:
        RunError: The directory holds another run, something else, or is being written by another process.
        ModelFileError: A file in it is damaged.
        TrainingError: The directory can't be written.
    """
    if run is None:
        yield InMemory()
        return
    keeper = InDirectory(run)
    check_ours("train", keeper.directory)
    if not run.overwrite and _same_run(keeper.directory, described):
        checkpoint = keeper.read()
        if checkpoint is not None and checkpoint.standing.finished:
            yield keeper
            return
    with _locked(keeper.directory):
        _prepare(run, keeper.directory, described)
        try:
            yield keeper
        finally:
            keeper.close()


def _same_run(directory: Path, described: Any) -> bool:
    """Say whether the directory holds this run; False where it holds none yet, RunError where it is another one."""
    path = directory / RUN_FILE
    if not path.exists():
        if (directory / CONFIG_FILE).exists():
            raise RunError(
                f"train: {directory} holds a saved model. Pass overwrite=True to replace it, or name another directory."
            )
        return False
    there = read_json(path)
    if there.get("format", 0) > FORMAT:
        raise ModelFileError(f"{path} has format {there['format']}; this everystep reads formats up to {FORMAT}.")
    changed = differences(there.get("identity", {}), described)
    if changed:
        raise RunError(
            f"train: {directory} holds another run. {'; '.join(changed)}. Nothing in it was touched: "
            "give the same settings and data as there, name another directory, or pass overwrite=True to start anew."
        )
    return True


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Name each difference between two descriptions of runs.

    Where settings differ, they alone are named: the model and its windows differ because of them.

    Example:
        >>> from everystep.train.run import differences
        >>> differences({"settings": {"learning_rate": 0.001}}, {"settings": {"learning_rate": 0.01}})
        ['learning_rate: 0.001 there, 0.01 here']
    """
    asked, derived = ([_section(one, kind) for one in (there, here)] for kind in (True, False))
    return _changed(*asked) or _changed(*derived)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{name}: {_shown(old, name)} there, {_shown(new, name)} here"
        for name in names
        if old.get(name) != new.get(name)  # a setting that was not there yet was not given
    ]


def _shown(facts: Mapping[str, Any], name: str) -> str:
    return "not given" if facts.get(name) is None else str(facts[name])


def _section(described: Mapping[str, Any], asked: bool) -> dict[str, Any]:
    """Put the facts that were asked for, or those that follow from them, under one name each."""
    return {
        name if asked else f"{section} {name}": value
        for section, facts in described.items()
        if (section in ASKED) is asked
        for name, value in facts.items()
    }


def _prepare(run: Run, directory: Path, described: Any) -> None:
    """Write ``run.json`` where it is missing, and clear the way for it where a run is overwritten."""
    path = directory / RUN_FILE
    if path.exists() and not run.overwrite:
        return
    with atomic.told(TrainingError, path, "Free some space, then give the same command."):
        for name in MADE_HERE:  # the checkpoint first: a kill in between leaves nothing to go on from
            (directory / name).unlink(missing_ok=True)
        atomic.write(path, to_json({"kind": RUN_KIND, "format": FORMAT, "identity": described}))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory against a second process; a killed process lets go by itself."""
    with atomic.told(TrainingError, directory, "Name a directory that can be written."):
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / LOCK_FILE, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(
                f"train: another process is training in {directory}. Wait for it, or stop it first."
            ) from None
    try:
        yield
    finally:
        lock.release()
