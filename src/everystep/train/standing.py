"""How far a run has come, and everything that a step of it changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Epoch(NamedTuple):
    """One time through the batches, as it went."""

    number: int  # 1, 2, ...
    loss: float  # mean over the epoch's batches
    validation: float | None
    learning_rate: float  # of its last step


@dataclass
class Standing:
    """How far a run has come: plain values only."""

    step: int = 0  # steps taken
    epoch: int = 0  # epochs done
    index: int = 0  # batches done in the epoch under way
    loss_sum: float = 0.0  # over those batches
    seconds: float = 0.0  # over every part of the run
    best_validation: float | None = None
    best_epoch: int | None = None
    finished: bool = False
    stopped_early: bool = False
    history: list[Epoch] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give every field as JSON can hold it."""
        return asdict(self) | {"history": [list(epoch) for epoch in self.history]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Standing:
        """Read back what ``to_json`` gave."""
        history = [Epoch(*epoch) for epoch in values["history"]]
        return cls(**{**values, "history": history})


@dataclass
class Learning:
    """Everything that a step changes, besides the random states."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Any  # called as loss(model, batch); may carry a state from batch to batch
    standing: Standing = field(default_factory=Standing)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights at the best validation
    kept: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # weights after the epochs to be averaged

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Give the parameters that the optimiser changes, by name, in the optimiser's order."""
        return {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}

    def remember_best(self) -> None:
        """Keep a copy of the weights as they are now."""
        self.best = self._weights()

    def keep(self, epochs: list[int]) -> None:
        """Keep the weights of these epochs and no others; the epoch that has just ended has those of now."""
        now = {self.standing.epoch: self._weights()}
        self.kept = {epoch: (self.kept | now)[epoch] for epoch in epochs}

    def restore_best(self) -> None:
        """Put the best weights back into the model, where validation chose some."""
        if self.best:
            self.model.load_state_dict(self.best)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}
