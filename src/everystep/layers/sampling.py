"""Scheduled sampling: from being told the truth to running freely."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.errors import ArgumentError, ShapeError
from everystep.unroll import teacher_forcing


def scheduled_sampling(target: Tensor, truth: float | Tensor, part: str = "y") -> dict[str, tuple[Tensor, Tensor]]:
    r"""Make the ``forced`` argument that feeds back the target at some steps, and what the model said at the others.

    .. math:: y(t) \leftarrow \begin{cases} \mathrm{target}(t) & \text{with probability } \epsilon \\
        \text{what was put out} & \text{otherwise} \end{cases} \quad \text{as it enters step } t+1

    A coin is thrown for every step of every sequence, before the loop. ``truth=1`` is teacher forcing, ``truth=0`` runs
    freely.

    Args:
        target: What each step should have put out, (time, batch, size).
        truth: ε, the probability of the truth, 0 to 1: a number, or a tensor that spreads to (time, batch), such as
            (time, 1) for one a step.
        part: The state part that is fed back; ``"y"`` is that of :class:`Feedback`, and of a Jordan network.

    Returns:
        ``{part: (values, where)}``.

    Raises:
        ArgumentError: A probability is outside of 0 to 1.
        ShapeError: ``truth`` does not spread to (time, batch).

    Example:
        >>> import torch, everystep as es
        >>> cell = es.cells.Jordan(input_size=1, hidden_size=4, output_size=1)
        >>> x, target = torch.randn(10, 2, 1), torch.randn(10, 2, 1)
        >>> forced = es.layers.scheduled_sampling(target, truth=0.75)
        >>> es.unroll(cell, x, forced=forced).y.shape
        torch.Size([10, 2, 1])

    Source: Bengio, Vinyals, Jaitly & Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent neural
    networks"; there the gradient stops at what was sampled, here it flows through what was put out.
    """
    values, where = teacher_forcing(target, part)[part]
    truth = torch.as_tensor(truth, device=target.device)
    if not ((truth >= 0) & (truth <= 1)).all():
        raise ArgumentError("scheduled_sampling: truth holds a number outside of 0 to 1; expected probabilities.")
    try:
        truth = truth.expand(where.shape)
    except RuntimeError as error:
        raise ShapeError(
            f"scheduled_sampling: truth has shape {tuple(truth.shape)}; expected one that spreads to (time, batch), "
            f"{tuple(where.shape)}; for one number a step pass truth.unsqueeze(1)."
        ) from error
    return {part: (values, where & (torch.rand(where.shape, device=target.device) < truth))}
