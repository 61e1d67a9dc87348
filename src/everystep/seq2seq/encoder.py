"""The encoder: symbols in, one vector for each of them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from everystep.cell import Cell
from everystep.layers import Dropout, Recurrent
from everystep.seq2seq.embedding import Embedding, check_embedding

Make = Callable[[int, int], Cell[Any]]


class Encoded(NamedTuple):
    """What an encoder makes of source sequences."""

    memory: Tensor  # (source time, batch, memory)  zero in padding
    lengths: Tensor  # (batch,)
    final: tuple[Any, ...]  # the state after each sequence's last step: for each layer, for each direction


class Encoder(nn.Module):
    """Symbols, embedded, through recurrent layers of any cell in one direction or both.

    Args:
        embedding: That of the source symbols.
        hidden_size: Units of each cell; the memory has twice as many features where there are two directions.
        make: A cell class, a function of input and hidden size, or one of them for each layer.
        layers: How many layers.
        bidirectional: Two cells a layer, one in each direction.
        dropout: Probability with which a feature is dropped, of the embedding and between layers.
        residual: Add the input of a layer to its output, wherever both have as many features.

    Attributes:
        output_size: Features of the memory.

    Raises:
        ArgumentError: The cells do not fit together, or the embedding is another kind of module.

    Example:
        >>> import torch, everystep as es
        >>> from everystep.seq2seq import Embedding, Encoder
        >>> encoder = Encoder(Embedding(100, 16), hidden_size=8, make=es.cells.GRU)
        >>> encoded = encoder(torch.randint(100, (5, 3)), lengths=torch.tensor([5, 2, 4]))
        >>> encoded.memory.shape, encoded.final[0].reverse.h.shape
        (torch.Size([5, 3, 16]), torch.Size([3, 8]))
    """

    def __init__(
        self,
        embedding: Embedding,
        hidden_size: int,
        make: Make | Sequence[Make],
        *,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        check_embedding("Encoder", embedding)
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.layers = Recurrent(
            make,
            [embedding.size, *[hidden_size] * layers],
            bidirectional=bidirectional,
            dropout=dropout,
            residual=residual,
        )
        assert self.layers.output_size is not None
        self.output_size: int = self.layers.output_size

    def forward(self, source: Tensor, lengths: Tensor, engine: str = "auto") -> Encoded:
        """Encode.

        Args:
            source: (source time, batch) int64, anything in padding that the vocabulary holds.
            lengths: (batch,).
            engine: As for ``unroll``.

        Returns:
            The memory, the lengths and the final states.
        """
        out = self.layers(self.dropout(self.embedding(source)), lengths=lengths, engine=engine)
        return Encoded(out.y, lengths, out.state)

    def ends(self, encoded: Encoded) -> Tensor:
        """Give what each direction put out at its own last step, side by side: (batch, memory)."""
        memory, lengths, final = encoded
        last = (lengths - 1).clamp(min=0).to(memory.device)
        if not len(memory):
            return memory.new_zeros(memory.shape[1:])
        at_end = memory.gather(0, last.view(1, -1, 1).expand(1, -1, memory.shape[-1]))[0]
        if final[-1].reverse is None:
            return at_end
        forward, _ = at_end.chunk(2, dim=-1)
        _, reverse = memory[0].chunk(2, dim=-1)
        return torch.cat([forward, reverse], dim=-1)
