"""The notes' Models 1 and 2 as judges, direct to every horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from everystep.baselines import FeedForward
from everystep.forecast.batches import WindowBatches, batch_size_for
from everystep.forecast.fitted import in_batches
from everystep.forecast.start import Start, predict_start
from everystep.forecast.task import Clock, Task, with_band
from everystep.forecast.windows import Window, Windows
from everystep.train import Settings, train

Array = NDArray[Any]

EPOCHS = 15


def model1(task: Task, clock: Clock) -> Array:
    """Forecast by a feed-forward network on the last value alone: no memory."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        network = FeedForward(1, task.horizon)
    level = _level_at_origin(task.train)
    mean, spread = float(level.mean()), float(level.std()) or 1.0

    def forward(module: nn.Module, window: Window, seen: Tensor) -> Tensor:
        return window.values[:, -1:] + module((seen - mean) / spread)

    batches = _WithLevel(WindowBatches(task.train, batch_size_for(len(task.train)), task.seed), level)

    def loss(module: nn.Module, batch: tuple[Window, Tensor]) -> Tensor:
        clock.check()
        return nn.functional.smooth_l1_loss(forward(module, *batch), batch[0].target)

    settings = Settings(epochs=EPOCHS, learning_rate=1e-2, schedule="cosine", seed=task.seed)
    train(network, loss, batches, settings, progress="quiet")
    points = [_in_parts(w, lambda b, s: forward(network, b, s)) for w in (task.test, task.valid)]
    return with_band(points[0], points[1], task)


def model2(start: Start) -> Any:
    """Give the judge that forecasts by a linear function of the window, already solved."""

    def judge(task: Task, _: Clock) -> Array:
        points = [w.restore(predict_start(start, w)) for w in (task.test, task.valid)]
        return with_band(points[0], points[1], task)

    return judge


def _level_at_origin(windows: Windows) -> Array:
    """Give the last value against the mean of its row, in units of the row's scale, (n, 1)."""
    values = windows.rows.values[windows.rows.first[windows.row] + windows.last]
    return ((values - windows.scaling.mean[windows.row]) / windows.unit)[:, None].astype(np.float32)


def _in_parts(windows: Windows, forward: Any) -> Array:
    level = torch.from_numpy(_level_at_origin(windows))
    with torch.no_grad():
        parts = [forward(windows.read(which), level[which]).double().numpy() for which in in_batches(len(windows))]
    return windows.restore(np.concatenate(parts))


class _WithLevel:
    """Window batches beside what Model 1 sees of them."""

    def __init__(self, batches: WindowBatches, level: Array) -> None:
        self.batches, self.level = batches, torch.from_numpy(level)
        self.name, self.facts = batches.name, batches.facts

    def __len__(self) -> int:
        return len(self.batches)

    def batch(self, epoch: int, index: int) -> tuple[Window, Tensor]:
        return self.batches.batch(epoch, index), self.level[self.batches.which(epoch, index)]
