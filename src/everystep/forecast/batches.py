"""Windows in batches, each named by its number: batch ``index`` of epoch ``epoch`` is always the same."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from everystep.forecast.windows import Window, Windows

MOST_STEPS = 150  # batches in an epoch; where there are more windows, each epoch sees others


class WindowBatches:
    """Training windows in a new random order each epoch.

    Args:
        windows: The training windows.
        batch_size: Windows in a batch.
        seed: Start of the random order.
    """

    def __init__(self, windows: Windows, batch_size: int, seed: int) -> None:
        self.windows, self.batch_size, self.seed = windows, batch_size, seed
        self._order: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return min(-(-len(self.windows) // self.batch_size), MOST_STEPS)

    def batch(self, epoch: int, index: int) -> Window:
        """Give one batch; the same bits each time it is asked for."""
        return self.windows.read(self.which(epoch, index))

    def name(self, epoch: int, index: int) -> str:
        """Say which windows a batch holds."""
        which = self.which(epoch, index)[:4]
        names = [f"{self.windows.rows.names[r][0]} at {p}" for r, p in zip(*self._at(which), strict=True)]
        return f"windows of {', '.join(names)}, ..."

    def facts(self) -> dict[str, Any]:
        """Describe the data and its order."""
        rows, digest = self.windows.rows, hashlib.sha256()
        for array in (rows.values, rows.covariates, rows.static, self.windows.row, self.windows.last):
            digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "windows": len(self.windows),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "fingerprint": digest.hexdigest()[:16],
        }

    def which(self, epoch: int, index: int) -> Any:
        """Give the numbers of a batch's windows."""
        if self._order[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.windows))
            self._order = (epoch, order)
        return self._order[1][index * self.batch_size : (index + 1) * self.batch_size]

    def _at(self, which: Any) -> tuple[Any, Any]:
        return self.windows.row[which], self.windows.last[which]


def batch_size_for(windows: int) -> int:
    """Choose a batch size: small where windows are few, so that an epoch has enough steps."""
    return 64 if windows < 4_000 else 128 if windows < 20_000 else 256
