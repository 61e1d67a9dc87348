"""The constructor of ``Forecaster``: it stores its arguments and does nothing else."""

from __future__ import annotations

import inspect
from typing import Any, Self

from everystep.errors import unknown
from everystep.forecast.settings import ForecastSettings

READING = ("horizon", "season", "freq", "gaps", "nonfinite", "duplicates", "unsorted", "constant", "timezone")


class Arguments:
    """What a forecaster was asked for; None means: chosen from the data.

    ``Forecaster`` describes each of them.
    """

    def __init__(  # noqa: PLR0913, PLR0917  one argument for each thing that can be chosen
        self,
        horizon: int | None = None,
        season: int | None = None,
        cell: str = "lstm",
        hidden: int | None = None,
        window: int | None = None,
        segment: int | None = None,
        centre: str | None = None,
        epochs: int = 40,
        patience: int = 10,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.01,
        batch_size: int | None = None,
        seed: int = 0,
        freq: str | int | None = None,
        gaps: str = "refuse",
        nonfinite: str = "refuse",
        duplicates: str = "refuse",
        unsorted: str = "refuse",
        constant: str = "refuse",
        timezone: str = "refuse",
        valid_from: str | None = None,
        test_from: str | None = None,
        every: int | None = None,
        progress: str = "auto",
    ) -> None:
        self.horizon, self.season, self.cell, self.hidden = horizon, season, cell, hidden
        self.window, self.segment, self.centre = window, segment, centre
        self.epochs, self.patience, self.batch_size, self.seed = epochs, patience, batch_size, seed
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.freq, self.gaps, self.nonfinite, self.duplicates = freq, gaps, nonfinite, duplicates
        self.unsorted, self.constant, self.timezone = unsorted, constant, timezone
        self.valid_from, self.test_from, self.every, self.progress = valid_from, test_from, every, progress

    def __repr__(self) -> str:
        """Show the arguments that were given: ``Forecaster(horizon=12)``."""
        usual = inspect.signature(Arguments.__init__).parameters
        given = (f"{name}={value!r}" for name, value in self.get_params().items() if value != usual[name].default)
        return f"{type(self).__name__}({', '.join(given)})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Give the constructor's arguments; ``deep`` is there for scikit-learn and changes nothing."""
        return {name: getattr(self, name) for name in _parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; they count from the next ``fit`` on.

        Raises:
            UnknownNameError: There is no such argument.
        """
        for name, value in params.items():
            if name not in _parameters():
                raise unknown("Forecaster", "parameter", name, _parameters())
            setattr(self, name, value)
        return self

    @property
    def settings(self) -> ForecastSettings:
        """The arguments that say how to fit, checked."""
        names = inspect.signature(ForecastSettings).parameters
        return ForecastSettings(**{name: getattr(self, name) for name in names})

    @property
    def reading(self) -> dict[str, Any]:
        """The arguments that say how a table is read."""
        return {name: getattr(self, name) for name in READING}


def _parameters() -> list[str]:
    return list(inspect.signature(Arguments.__init__).parameters)[1:]
