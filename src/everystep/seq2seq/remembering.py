"""Additive attention that remembers where it has looked."""

from __future__ import annotations

from torch import Tensor

from everystep.seq2seq.additive import Additive


class Remembering(Additive):
    """Additive attention whose weights depend on those of the steps before.

    What it has seen, a number for each position, is a part of the state of the cell that attends: queries come one
    step after another, ``vector, weights = attention(query, *looked, seen)``, then ``seen = attention.after(seen,
    weights)``. A subclass says what the keys are in the light of it.
    """

    def start(self, nowhere: Tensor) -> Tensor:
        """Give what has been seen before the first step, made of zeros (batch, positions)."""
        return nowhere

    def after(self, seen: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002
        """Give what has been seen after a step with these weights: they themselves, unless a subclass says else."""
        return weights

    def marked(self, keys: Tensor, seen: Tensor) -> Tensor:
        """Give the keys in the light of what has been seen, (batch, positions, hidden)."""
        raise NotImplementedError(f"{type(self).__name__} has no marked keys.")

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - it can't look without what it has seen
        self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            query: (batch, query).
            keys: (batch, positions, hidden).
            values: (batch, positions, memory).
            mask: (batch, positions) bool, true where there is something.
            seen: (batch, positions).

        Returns:
            The context vector (batch, memory) and the weights (batch, positions).
        """
        return super().forward(query, self.marked(keys, seen), values, mask)
