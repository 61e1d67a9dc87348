"""Columns known ahead, as a regression that is taken out of the window and put back over the horizon."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.forecast.shape import Shape
from everystep.forecast.windows import Window


def without_effect(window: Window, regression: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Take the effect of the columns known ahead out of a window.

    Args:
        window: The windows.
        regression: (future,) effect of each column, in units of the rows' scale.
        shape: Sizes and centre.

    Returns:
        The values (batch, window) without the effect, and the centre (batch, horizon) with what the columns
        say about each step ahead.
    """
    if not shape.future:
        return window.values, window.centre
    effect = window.covariates[..., shape.past :] @ regression  # (batch, window)
    ahead = window.ahead @ regression  # (batch, horizon)
    if shape.centre == "mean":
        return window.values - effect, window.centre + ahead
    # The reference is a value of the window, so the effect in it goes out of every other value with it.
    values = window.values - (effect - effect[:, -1:])
    within = last_season(effect, shape) if shape.centre == "seasonal" else effect[:, -1:]
    return values, window.centre + ahead - within


def last_season(values: Tensor, shape: Shape) -> Tensor:
    """Repeat the last season of (batch, window) over the horizon: (batch, horizon)."""
    return values[:, -shape.season :][:, torch.arange(shape.horizon) % shape.season]
