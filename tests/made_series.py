"""Small made series for the forecasting tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from everystep.forecast import Forecaster

DAYS = 160
QUICK = {"horizon": 7, "season": 7, "epochs": 2, "window": 14, "hidden": 8, "progress": "quiet"}


def values(kind: str, count: int = DAYS, seed: int = 0) -> np.ndarray:
    """Give one series; every kind has noise, so that no season repeats exactly."""
    generator = np.random.default_rng(seed)
    t, noise = np.arange(count), generator.normal(size=count)
    kinds = {
        "trend": 0.5 * t + noise,
        "season": 10 * np.sin(2 * np.pi * t / 7) + noise,
        "step": np.where(t < count // 2, 0.0, 50.0) + noise,
        "offset": 1_000_000_000.0 + np.round(20 * np.sin(2 * np.pi * t / 7) + 3 * noise),
        "tiny": 1e-9 * (10 * np.sin(2 * np.pi * t / 7) + noise),
    }
    return kinds[kind]


def frame(kind: str = "season", count: int = DAYS, name: str | None = None, seed: int = 0) -> pd.DataFrame:
    """Give one series as a table with ds and y, and unique_id where it is named."""
    table = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=count, freq="D"), "y": values(kind, count, seed)})
    return table if name is None else table.assign(unique_id=name)


def panel(count: int = DAYS) -> pd.DataFrame:
    """Give three series in one table, one of them named "NA"."""
    return pd.concat([frame("season", count, "a"), frame("trend", count, "NA"), frame("season", count, "c", seed=1)])


def with_promotion(count: int = DAYS, seed: int = 0) -> pd.DataFrame:
    """Give a series that a column known ahead moves by 5."""
    table, generator = frame("season", count, seed=seed), np.random.default_rng(seed + 1)
    table["promotion"] = (generator.random(count) < 0.3).astype(float)
    table["y"] += 5 * table["promotion"]
    return table


def quick(**changes: object) -> Forecaster:
    """Give a forecaster that fits in a fraction of a second."""
    return Forecaster(**(QUICK | changes))
