"""What a training run is asked to do: a handful of numbers, checked when they are given."""

from __future__ import annotations

import math
from dataclasses import dataclass

from everystep.errors import ArgumentError, check_whole, unknown
from everystep.train.averaging import AVERAGED
from everystep.train.schedule import SCHEDULES


@dataclass(frozen=True)
class Settings:
    """The settings of a training run. A run goes on only with the settings it was started with.

    Args:
        epochs: Times through the batches, 1 or more.
        learning_rate: AdamW's step size, above 0; the highest one where the schedule changes it.
        weight_decay: AdamW's decoupled weight decay, 0 or more.
        clip_norm: Largest norm of the whole gradient, above 0; None leaves gradients as they are.
        schedule: How the learning rate goes on after warm-up: ``"constant"``; ``"cosine"`` down to 0;
            ``"inverse_sqrt"``, half of it after four times the warm-up; ``"plateau"``, halved whenever validation has
            not got better for ``plateau`` epochs.
        warmup_steps: Steps over which the learning rate rises in a straight line, 0 or more.
        plateau: Epochs without a better validation after which schedule ``"plateau"`` halves the learning rate, 1 or
            more; it belongs to that schedule alone.
        patience: Epochs without a better validation after which training stops, 1 or more; None never stops early.
        average: Epochs whose weights are averaged at the end, 1 or more; 1 takes those of the best epoch alone. With a
            validation the average is kept only where it is no worse than the best epoch.
        averaged: Which epochs: those of the ``"best"`` validation, or the ``"last"``.
        seed: Start of torch's, NumPy's and Python's random numbers (dropout, noise); 0 or more.

    Raises:
        ArgumentError: A number is out of its range, or ``plateau`` does not go with the schedule.
        UnknownNameError: There is no such schedule.

    Example:
        >>> from everystep.train import Settings
        >>> Settings(epochs=5, schedule="cosine", warmup_steps=10).learning_rate
        0.001

    Source:
        Loshchilov and Hutter, Decoupled weight decay regularization, 2019 (AdamW); Pascanu, Mikolov and Bengio,
        On the difficulty of training recurrent neural networks, 2013 (clipping the norm).
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float | None = 1.0
    schedule: str = "constant"
    warmup_steps: int = 0
    plateau: int | None = None
    patience: int | None = None
    average: int = 1
    averaged: str = "best"
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("Settings", "epochs", self.epochs, least=1)
        check_whole("Settings", "warmup_steps", self.warmup_steps, least=0)
        check_whole("Settings", "seed", self.seed, least=0)
        if self.patience is not None:
            check_whole("Settings", "patience", self.patience, least=1)
        check_whole("Settings", "average", self.average, least=1)
        if self.averaged not in AVERAGED:
            raise unknown("Settings", "averaged", self.averaged, AVERAGED)
        _positive("learning_rate", self.learning_rate)
        if self.clip_norm is not None:
            _positive("clip_norm", self.clip_norm)
        _positive("weight_decay", self.weight_decay, zero=True)
        if self.schedule not in SCHEDULES:
            raise unknown("Settings", "schedule", self.schedule, SCHEDULES)
        if (self.schedule == "plateau") != (self.plateau is not None):
            raise ArgumentError(
                f'Settings: schedule is "{self.schedule}" and plateau {self.plateau}; expected both, as in '
                'schedule="plateau", plateau=2, or neither.'
            )
        if self.plateau is not None:
            check_whole("Settings", "plateau", self.plateau, least=1)


def _positive(name: str, value: object, zero: bool = False) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        wanted = "0 or a finite number above it" if zero else "a finite number above 0"
        raise ArgumentError(f"Settings: {name} is {value!r}; expected {wanted}.")
