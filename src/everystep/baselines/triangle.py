"""Reduce a tall table of rows to one small triangle that answers every least-squares question about it.

If A = QR with R triangular, then ``|A v| = |R v|`` for every v: R is the whole table as far as squared errors go.
Rows come in blocks, so a table of windows never lies in memory whole; and the leading columns of R are
the triangle of the leading columns of A, so that one factorisation serves every nested model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np

Array = np.ndarray


def triangle(blocks: Iterable[Array]) -> Array:
    """Give the triangular factor R of blocks of rows stacked on each other, in float64.

    Orthogonal factorisation, not the Gram matrix: that would square the condition number.

    Args:
        blocks: At least one table (rows, columns), all with the same columns; triangles of other tables may be among
            them, which gives the triangle of all the rows together.

    Returns:
        R, (min(rows, columns), columns), rows of any sign.

    Example:
        >>> import numpy as np
        >>> from everystep.baselines import triangle
        >>> table = np.arange(12.0).reshape(6, 2)
        >>> R = triangle([table[:3], table[3:]])
        >>> np.allclose(R.T @ R, table.T @ table)
        True
    """
    R = None
    for block in blocks:
        rows = np.asarray(block, dtype=np.float64)
        R = cast("Array", np.linalg.qr(rows if R is None else np.vstack([R, rows]), mode="r"))
    if R is None:
        raise ValueError("triangle: no block of rows came; expected at least one.")
    return R
