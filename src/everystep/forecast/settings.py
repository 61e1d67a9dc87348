"""What a forecaster is asked for: numbers and names, checked together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from everystep.errors import ArgumentError, unknown
from everystep.forecast.shape import CENTRES

MOST_HIDDEN = 8192  # an LSTM of so many units holds 2**28 recurrent weights, one GiB; more would end in no memory
MOST_SEED = 2**32 - 1  # the largest that NumPy and torch both take


@dataclass(frozen=True)
class ForecastSettings:
    """How a forecaster is fitted. None means: chosen from the data, and said.

    Args:
        cell: A name in ``everystep.cells.CELLS``.
        hidden: Units of the cell, 1 to 8192.
        window: Values that are read, 1 or more.
        segment: Values that enter at each step of the cell, 1 to ``window``.
        centre: ``"last"``, ``"seasonal"`` or ``"mean"``.
        epochs: Most times through the training windows, 1 or more.
        patience: Epochs without a better validation after which training stops.
        learning_rate: The highest step size of AdamW.
        weight_decay: AdamW's decoupled weight decay.
        batch_size: Windows in a batch.
        seed: Start of every random number, 0 to 2**32 - 1.
        valid_from: First time of the validation part; None holds back a share of each series.
        test_from: First time of the test part.
        every: Steps between two rolling origins of the judgement; 1 takes every window.

    Raises:
        ArgumentError: A number is out of range, or one of the two times is missing.
    """

    cell: str = "lstm"
    hidden: int | None = None
    window: int | None = None
    segment: int | None = None
    centre: str | None = None
    epochs: int = 40
    patience: int = 10
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    batch_size: int | None = None
    seed: int = 0
    valid_from: str | None = None
    test_from: str | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        for name in ("window", "segment", "epochs", "patience", "batch_size", "every"):
            _check_whole(name, getattr(self, name), least=1)
        _check_whole("hidden", self.hidden, least=1, most=MOST_HIDDEN)
        _check_whole("seed", self.seed, least=0, most=MOST_SEED)
        if self.centre is not None and self.centre not in CENTRES:
            raise unknown("Forecaster", "centre", self.centre, CENTRES)
        if (self.valid_from is None) != (self.test_from is None):
            raise ArgumentError("Forecaster: valid_from and test_from come together; give both, or neither.")
        if self.window and self.segment and self.segment > self.window:
            raise ArgumentError(
                f"Forecaster: segment is {self.segment} and window {self.window}; a segment lies in a window."
            )

    def to_dict(self) -> dict[str, Any]:
        """Give every field as JSON can hold it."""
        return asdict(self)


def _check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        wanted = f"{least} or more" if most is None else f"from {least} to {most}"
        raise ArgumentError(f"Forecaster: {name} is {value!r}; expected a whole number, {wanted}.")
