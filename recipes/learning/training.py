"""One run: a task, a cell, a side and a seed, trained in pieces that end at the same bits as the whole."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from everystep.train import atomic
from recipes.learning.models import network
from recipes.learning.task import Task

SAVE_EVERY = 15.0  # seconds between two saves


class Key(NamedTuple):
    """What one run is called."""

    task: str
    cell: str
    side: str
    seed: int

    @property
    def file(self) -> str:
        """Give its name as a file."""
        return "-".join(map(str, self)).replace(".", "")


class OutOfTimeError(Exception):
    """The time is up; what was done so far is saved."""


class Training:
    """The state of a run, on the disk and off.

    Args:
        task: What to learn.
        key: The run.
        folder: Where the run is kept between two pieces.
    """

    def __init__(self, task: Task, key: Key, folder: Path) -> None:
        self.task, self.key, self.path = task, key, folder / f"{key.file}.pt"
        torch.manual_seed(key.seed)
        self.model = network(task, key.cell, key.side)
        settings = task.settings
        self.mean = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.standing: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": None, "goal_step": None, "broken": False}
        self.best = self._weights()
        if self.path.exists():
            self._resume()

    def run(self, until: float, tell: Callable[[int, float], None]) -> dict[str, Any]:
        """Train to the end, and give the row of the table.

        Args:
            until: The ``time.monotonic()`` to stop at.
            tell: Called as ``tell(step, score)`` after each validation.

        Raises:
            OutOfTimeError: The time is up.
        """
        saved = time.monotonic()
        while not self._finished():
            self._piece()
            tell(self.standing["step"], self.standing["best"])
            if time.monotonic() > min(until, saved + SAVE_EVERY):
                self._save()
                saved = time.monotonic()
            if time.monotonic() > until and not self._finished():
                raise OutOfTimeError
        return self._row()

    def done(self) -> None:
        """Remove what was kept of the run."""
        self.path.unlink(missing_ok=True)

    def _finished(self) -> bool:
        best, settings = self.standing["best"], self.task.settings
        enough = best is not None and settings.enough is not None and self.task.as_good(best, settings.enough)
        return enough or self.standing["broken"] or self.standing["step"] >= settings.steps

    def _piece(self) -> None:
        """Train to the next validation, and validate."""
        began, standing = time.process_time(), self.standing
        self.model.train()
        for step in range(standing["step"], standing["step"] + self.task.settings.check_every):
            standing["broken"] = not self._step(step)
            standing["step"] = step + 1
            if standing["broken"]:
                break
        score = self._scored(self.task.validation)
        if math.isfinite(score) and (standing["best"] is None or self.task.as_good(score, standing["best"])):
            standing["best"], self.best = score, self._weights()
        if math.isfinite(score) and self.task.as_good(score, self.task.goal) and standing["goal_step"] is None:
            standing["goal_step"] = standing["step"]
        standing["seconds"] += time.process_time() - began

    def _step(self, step: int) -> bool:
        """Take one step; says whether the loss was finite. All that is random hangs on the seed and the step alone."""
        settings = self.task.settings
        batch = self.task.batch(np.random.default_rng((self.key.seed, step)))
        torch.manual_seed(self.key.seed * settings.steps + step)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate(step)
        self.optimizer.zero_grad()
        loss = self.task.loss(self.model, batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        if not (loss.isfinite() and norm.isfinite()):
            return False
        self.optimizer.step()
        self.mean.update_parameters(self.model)
        return True

    def _scored(self, score: Callable[[nn.Module], float]) -> float:
        self.mean.eval()
        with torch.no_grad():
            return score(self.mean)

    def _row(self) -> dict[str, Any]:
        """Test the weights that were best on validation."""
        self.mean.load_state_dict(self.best)
        score = self._scored(self.task.test)
        return {
            **self.key._asdict(),
            "settings": self.task.settings._asdict(),
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "score": score if math.isfinite(score) else None,
            "reached": math.isfinite(score) and self.task.as_good(score, self.task.goal),
            "validation": self.standing["best"],
            "steps": self.standing["step"],
            "goal_step": self.standing["goal_step"],
            "seconds": round(self.standing["seconds"], 1),
            "broken": self.standing["broken"],
        }

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.mean.state_dict().items()}

    def _save(self) -> None:
        buffer = io.BytesIO()
        kept = {
            "settings": self.task.settings._asdict(),
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "standing": self.standing,
            "best": self.best,
        }
        torch.save(kept, buffer)
        atomic.write(self.path, buffer.getvalue())

    def _resume(self) -> None:
        kept = torch.load(self.path, weights_only=True)
        if kept["settings"] != self.task.settings._asdict():
            return  # another budget: begin anew
        self.model.load_state_dict(kept["model"])
        self.mean.load_state_dict(kept["mean"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.standing, self.best = kept["standing"], kept["best"]
