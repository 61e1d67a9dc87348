"""Find out where a loss or a gradient stopped being a number, and say so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from everystep.errors import NonFiniteError
from everystep.train.batches import Batches, named_tensors
from everystep.train.standing import Learning, Standing


def non_finite_step(learning: Learning, batches: Batches, value: Tensor, norm: Tensor) -> NonFiniteError:
    """Make the error for a step whose loss or gradient is not finite; the step was not taken.

    Args:
        learning: The run as it is before the step, with the gradients of the step.
        batches: Where the batch came from.
        value: The loss.
        norm: The norm of the whole gradient.

    Returns:
        The error: it names the step, the parameter and the batch.
    """
    standing = learning.standing
    what = f"the loss is {value.item()}" if not torch.isfinite(value) else f"the norm of the gradient is {norm.item()}"
    return NonFiniteError(
        f"train: {what} at step {standing.step + 1}, {_where(standing, batches)}. {_which(learning)} "
        f"{_in_batch(batches.batch(standing.epoch, standing.index))}The step was not taken, and what was saved before "
        "it is as it was. Look at these examples, or start anew with a smaller learning_rate or clip_norm."
    )


def check_parameters(learning: Learning) -> None:
    """Refuse parameters that are not finite, before they are saved as good ones.

    Raises:
        NonFiniteError: Names the parameter and the step after which it was seen.
    """
    name = _first_non_finite(learning.trained_parameters().items())
    if name is not None:
        raise NonFiniteError(
            f"train: parameter {name} is not finite after step {learning.standing.step}. It was not saved, and "
            "what was saved before is as it was. Start anew with a smaller learning_rate."
        )


def non_finite_validation(standing: Standing, value: float) -> NonFiniteError:
    """Make the error for a validation that is not finite."""
    return NonFiniteError(
        f"train: validation is {value} after step {standing.step}, epoch {standing.epoch}. It chooses the best "
        "weights, so it has to be a finite number: look at the validation data and at validate itself."
    )


def _where(standing: Standing, batches: Batches) -> str:
    name = batches.name(standing.epoch, standing.index)
    return f"epoch {standing.epoch + 1}, batch {standing.index + 1} of {len(batches)} ({name})"


def _which(learning: Learning) -> str:
    parameters = learning.trained_parameters()
    name = _first_non_finite(parameters.items())
    if name is not None:
        return f"Parameter {name} is itself not finite."
    name = _first_non_finite((name, p.grad) for name, p in parameters.items() if p.grad is not None)
    if name is not None:
        return f"The first parameter with a gradient that is not finite is {name}."
    return "Every parameter and the gradient of every parameter is finite by itself."


def _in_batch(batch: Any) -> str:
    name = _first_non_finite(named_tensors(batch))
    return f"The batch itself holds values that are not finite, in {name}. " if name is not None else ""


def _first_non_finite(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    return next((name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())), None)
