"""Model 1 of the notes: a network without memory."""

from __future__ import annotations

from torch import Tensor, nn


class FeedForward(nn.Module):
    r"""Model 1: a feed-forward network on x(t) alone, the same at every t.

    .. math:: \hat y(t) = B \tanh(A\, x(t) + a) + b

    It has no memory: its error can't go below the part of y(t) that x(t) does not determine.

    Args:
        input_size: Features of x, 1 or more.
        output_size: Features of y, 1 or more.
        hidden_size: Hidden units.

    Example:
        >>> import torch
        >>> from everystep.baselines import FeedForward
        >>> FeedForward(3, 2)(torch.zeros(7, 5, 3)).shape
        torch.Size([7, 5, 2])

    Source: NOTES N5.
    """

    def __init__(self, input_size: int, output_size: int, hidden_size: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(input_size, hidden_size), nn.Tanh(), nn.Linear(hidden_size, output_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (time, batch, input) to (time, batch, output), each step by itself."""
        return self.layers(x)
