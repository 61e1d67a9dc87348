"""Small tables that the tests of this room share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def write(folder: Path, text: str | bytes, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def frame(n: int = 60, freq: str = "D", start: str = "2024-01-01", **columns: Any) -> pd.DataFrame:
    """One series of squares, so that no two steps are equal."""
    return pd.DataFrame({"ds": pd.date_range(start, periods=n, freq=freq), "y": np.arange(n) ** 2.0, **columns})


def several(n: int = 20, ids: tuple[str, ...] = ("a", "b", "c"), **columns: Any) -> pd.DataFrame:
    parts = [frame(n).assign(unique_id=one, y=(i + 1) * np.arange(n) ** 2.0) for i, one in enumerate(ids)]
    return pd.concat(parts, ignore_index=True).assign(**columns)[["unique_id", "ds", "y", *columns]]


def many(series: int, n: int) -> pd.DataFrame:
    """Many short series of noise."""
    return pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(series)], n),
        "ds": np.tile(pd.date_range("2024-01-01", periods=n).to_numpy(), series),
        "y": np.random.default_rng(0).normal(size=series * n),
    })  # fmt: skip
