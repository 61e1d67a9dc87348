"""Which columns of a matrix of values belong to which part of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from everystep.data.features import Feature

PARTS = ("target", "past", "future", "static")


@dataclass(frozen=True)
class Layout:
    """The table's columns behind the columns of ``Rows.values``: targets first, then past, future, static."""

    columns: tuple[str, ...]  # the table's column behind each column of values
    part: np.ndarray  # (columns,) index into PARTS
    coded: np.ndarray  # (columns,) bool, whether it stands for a category

    def of(self, part: str) -> np.ndarray:
        """Return the indices of a part's columns."""
        return np.flatnonzero(self.part == PARTS.index(part))


def lay_out(parts: Mapping[str, Sequence[Feature]]) -> tuple[Layout, np.ndarray]:
    """Put the features of all parts side by side.

    Args:
        parts: The features of each of PARTS.

    Returns:
        The layout and the values (rows, columns).
    """
    features = [(i, feature) for i, part in enumerate(PARTS) for feature in parts[part]]
    widths = [feature.values.shape[1] for _, feature in features]
    layout = Layout(
        columns=tuple(
            feature.column for (_, feature), width in zip(features, widths, strict=True) for _ in range(width)
        ),
        part=np.repeat([i for i, _ in features], widths),
        coded=np.repeat([feature.categories is not None for _, feature in features], widths),
    )
    return layout, np.hstack([feature.values for _, feature in features])
