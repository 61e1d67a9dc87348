"""Choose coordinates for the state of a system; y does not depend on the choice."""

from __future__ import annotations

import numpy as np

from everystep.errors import DataError
from everystep.identify.hankel import Array, Realisation

DEPENDENT = 1e-8
"""A column whose part outside the columns before it is this small, relative to itself, counts as dependent."""


def balanced(system: Realisation) -> Realisation:
    """Leave the system in the coordinates in which each state is as easy to reach as to see."""
    return system


def controllable(system: Realisation) -> Realisation:
    """Take the basis [U, WU, W²U ...]: W shifts, and only its last columns are numbers of the system's own.

    Columns are taken from left to right, those left out that depend on earlier ones. With one input, U is the first
    unit vector and V is g(0), g(1), g(2) ...; for the worked example these are the notes' own matrices.
    """
    chosen, basis = _basis(system)
    size, inputs = system.U.shape
    place = {column: n for n, column in enumerate(chosen)}
    W, U = np.zeros((size, size)), np.zeros((size, inputs))
    outside = {column: system.W @ basis[:, n] for n, column in enumerate(chosen) if _next(column) not in place}
    outside |= {(0, i): system.U[:, i] for i in range(inputs) if (0, i) not in place}
    solved = dict(zip(outside, np.linalg.solve(basis, np.stack([*outside.values()], axis=1)).T, strict=True))
    for column, n in place.items():
        W[:, n] = solved[column] if column in solved else np.eye(size)[place[_next(column)]]
    for i in range(inputs):
        U[:, i] = np.eye(size)[place[0, i]] if (0, i) in place else solved[0, i]
    return Realisation(W, U, system.V @ basis)


FORMS = {"controllable": controllable, "balanced": balanced}


def _next(column: tuple[int, int]) -> tuple[int, int]:
    return column[0] + 1, column[1]


def _basis(system: Realisation) -> tuple[list[tuple[int, int]], Array]:
    """Pick columns (k, i), that is W^k U_i, from left to right until they span the state."""
    size, inputs = system.U.shape
    chosen: list[tuple[int, int]] = []
    columns: list[Array] = []
    span = np.zeros((size, 0))  # orthonormal
    power = system.U
    for k in range(size):
        for i in range(inputs):
            if len(chosen) == size or (k > 0 and (k - 1, i) not in chosen):
                continue
            outside = power[:, i] - span @ (span.T @ power[:, i])
            if np.linalg.norm(outside) > DEPENDENT * np.linalg.norm(power[:, i]):
                chosen.append((k, i))
                columns.append(power[:, i])
                span = np.linalg.qr(np.stack(columns, axis=1)).Q
        power = system.W @ power
    if len(chosen) < size:
        raise DataError(
            f"identify: at state size {size} only {len(chosen)} of the columns U, WU, WWU ... are independent to "
            f"{DEPENDENT}, so the controllable form would lose all precision. "
            'Pass form="balanced", or a smaller state_size.'
        )
    return chosen, np.stack(columns, axis=1)
