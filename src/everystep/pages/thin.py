"""Thousands of points, thinned to what a screen can show without losing a peak."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def thin(y: NDArray[Any], buckets: int) -> NDArray[np.intp]:
    """Choose the points of a line that can be seen: the lowest and highest of each stretch, the first and the last.

    Args:
        y: (n,) values in order; NaN counts as a gap and is kept where a stretch holds nothing else.
        buckets: Stretches to cut the line into, about one for each pixel.

    Returns:
        The places of the chosen points, in order; all of them where n <= 2 buckets.

    Example:
        >>> import numpy as np
        >>> from everystep.pages import thin
        >>> thin(np.array([0, 9, 1, 2, -5, 3, 4, 4]), buckets=2).tolist()
        [0, 1, 4, 6, 7]
    """
    n = len(y)
    if n <= 2 * buckets:
        return np.arange(n)
    chosen = {0, n - 1}
    for places in np.array_split(np.arange(n), buckets):
        finite = places[np.isfinite(y[places])]
        chosen |= {places[0]} if not len(finite) else {finite[np.argmin(y[finite])], finite[np.argmax(y[finite])]}
    return np.array(sorted(chosen), dtype=np.intp)
