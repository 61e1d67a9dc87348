"""One side of a comparison, and how it is held against the float64 of plain torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.work import Array, Work

OURS = "everystep_llvm"
OURS_ON_TENSORS = "everystep_tensors"
OURS_AS_LAYER = "everystep_nn"
PEERS = (
    "torch_native",
    "torch_native_alone",
    "torch_loop",
    "torch_script",
    "jax_scan",
    "jax_naive",
    "jax_by_hand",
    "onnx_runtime",
    "numpy_loop",
)
SIDES = (OURS, OURS_AS_LAYER, OURS_ON_TENSORS, *PEERS)
TOLERANCE = 1e-4  # of the largest value; float32 over a thousand steps is off by 1e-6 to 7e-6, a wrong formula by 0.1


class LeftOut(Exception):  # noqa: N818 - not an error: a side without this cell or mode
    """A side can't do the work that it was asked for."""


class Contender(NamedTuple):
    """One side, ready.

    Attributes:
        run: Does the work once and returns when it is done.
        arrays: Of what ``run`` returned: ``y``, and in training ``dx``, ``dW``, ``dU``, ... by the names of the work.
    """

    run: Callable[[], Any]
    arrays: Callable[[Any], dict[str, Array]]


def load(names: tuple[str, ...] = SIDES) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Import the sides that are installed; gives them, and why the others are missing."""
    found: dict[str, ModuleType] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            found[name] = import_module(f"benchmarks.peers.{name}")
        except ImportError as error:
            missing[name] = str(error)
    return found, missing


def worst(got: dict[str, Array], wanted: dict[str, Array]) -> tuple[float, str]:
    """The largest difference, as a part of the largest value, and where it is."""
    errors = {name: _difference(got[name], value) for name, value in wanted.items()}
    where = max(errors, key=errors.__getitem__)
    return errors[where], where


def _difference(got: Array, wanted: Array) -> float:
    if got.shape != wanted.shape:
        return float("inf")
    difference = np.abs(got - wanted).max() / np.abs(wanted).max()
    return float(difference) if np.isfinite(difference) else float("inf")


def judge(work: Work) -> dict[str, Array]:
    """The right values."""
    from benchmarks.peers import torch_loop  # noqa: PLC0415 - this module loads without torch

    exact = work._replace(
        parameters={name: value.astype(np.float64) for name, value in work.parameters.items()},
        x=work.x.astype(np.float64),
        slope=work.slope.astype(np.float64),
    )
    side = torch_loop.prepare(exact)
    return side.arrays(side.run())
