"""The encoder-decoder: a sequence in, a sequence of another length out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cells import CELLS
from everystep.errors import ArgumentError
from everystep.seq2seq.bridges import BRIDGES, Bridge
from everystep.seq2seq.config import ATTENTIONS, PRECISIONS, Seq2SeqConfig
from everystep.seq2seq.decoder import Decoder, Forced, Memory
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.encoder import Encoder
from everystep.seq2seq.readout_loss import readout_loss
from everystep.seq2seq.search.greedy import greedy
from everystep.seq2seq.search.limits import Limits
from everystep.seq2seq.search.model import Rows
from everystep.seq2seq.search.spoken import Said
from everystep.seq2seq.symbols import check_symbols, drop_words
from everystep.text import END, Padded, PairBatch, pad


class Seq2Seq(nn.Module):
    """An encoder, a bridge and a decoder.

    Args:
        encoder: Reads the source.
        decoder: Says the target.
        bridge: Where the decoder begins; its class is one of ``BRIDGES``, made of this encoder and ``decoder.stack``.
        word_dropout: Probability to read a symbol as unknown in training, on both sides.
        label_smoothing: Share of each target's probability that is spread over all symbols in training.
        readout_products: What the readout's products are taken in, in training: see :func:`readout_loss`.

    Example:
        >>> import torch
        >>> from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
        >>> from everystep.text import PairBatch, pad
        >>> model = Seq2Seq.from_config(Seq2SeqConfig(source_symbols=9, target_symbols=9, hidden=8, embedding=8))
        >>> batch = PairBatch(*pad([[4, 5, 3], [6, 3]]), *pad([[5, 4, 3], [6, 3]]))
        >>> model.loss(batch).backward()
        >>> model.greedy(batch.source, batch.source_lengths, most=5).numbers.shape[1]
        2
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        bridge: Bridge,
        *,
        word_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        readout_products: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.bridge = bridge
        self.word_dropout = word_dropout
        self.label_smoothing = label_smoothing
        self.readout_products = readout_products

    @classmethod
    def from_config(cls, config: Seq2SeqConfig) -> Seq2Seq:
        """Make a model from plain values."""
        source = Embedding(config.source_symbols, config.embedding)
        encoder = Encoder(
            source, config.units, CELLS[config.cell], layers=config.encoder_layers,
            bidirectional=config.bidirectional, dropout=config.dropout, residual=config.residual,
        )  # fmt: skip
        target = source if config.tied == "all" else Embedding(config.target_symbols, config.embedding)
        decoder = Decoder(
            target, config.hidden, CELLS[config.decoder_cell or config.cell],
            memory_size=encoder.output_size, layers=config.decoder_layers, attention=ATTENTIONS[config.attention],
            attend=config.attend, input_feeding=config.input_feeding, tied=config.tied != "none",
            readout_embedding=config.readout_embedding, dropout=config.dropout,
        )  # fmt: skip
        return cls(
            encoder, decoder, BRIDGES[config.bridge](encoder, decoder.stack), word_dropout=config.word_dropout,
            label_smoothing=config.label_smoothing, readout_products=PRECISIONS[config.readout_precision],
        )  # fmt: skip

    # -- training

    def loss(self, batch: PairBatch, truth: float = 1.0) -> Tensor:
        """Give the mean cross-entropy of a target symbol, in nats.

        Args:
            batch: Pairs, time-major.
            truth: Probability that the symbol before is told, 0 to 1; else the decoder goes on from what it says
                itself. 1 is teacher forcing, 0 runs freely; :mod:`everystep.seq2seq.schedules` gives what is between.

        Returns:
            A scalar.

        Raises:
            ArgumentError: ``truth`` is no probability; a symbol or a length is out of range.
        """
        rows, features, embedded = self._features(batch, truth)
        readout = self.decoder.readout
        training = {"smoothing": self.label_smoothing, "products": self.readout_products} if self.training else {}
        inner = readout.inner(features, embedded)
        return readout_loss(inner, readout.V, readout.c, batch.target.flatten()[rows], **training)

    def forward(self, batch: PairBatch, truth: float = 1.0) -> Tensor:
        """Give the loss: what wraps a model, for many processes or otherwise, calls it."""
        return self.loss(batch, truth)

    def score(self, batch: PairBatch) -> Tensor:
        """Give the log probability of each target, its end included: (batch,)."""
        rows, features, embedded = self._features(batch, 1.0)
        each = F.cross_entropy(self.decoder.readout(features, embedded), batch.target.flatten()[rows], reduction="none")
        many = batch.target.shape[1]
        return each.new_zeros(many).index_add(0, rows % many, -each)

    def forced(self, batch: PairBatch, truth: float = 1.0, engine: str = "auto") -> Forced:
        """Run the decoder over targets that it is told.

        Args:
            batch: Pairs.
            truth: As for :meth:`loss`.
            engine: As for ``unroll``.
        """
        if not 0 <= truth <= 1:
            raise ArgumentError(f"Seq2Seq: truth is {truth!r}; expected a probability, 0 to 1.")
        check_symbols("target", batch.target, batch.target_lengths, self.decoder.embedding.symbols)
        memory = self.encode(batch.source, batch.source_lengths, engine)
        entering = self._dropped(batch.entering)
        if truth == 1:
            return self.decoder.over(entering, memory, batch.target_lengths, engine)
        told = torch.rand(entering.shape, device=entering.device) < truth
        return self.decoder.sampled(entering, memory, told, batch.target_lengths, engine)

    def _features(self, batch: PairBatch, truth: float) -> tuple[Tensor, Tensor, Tensor]:
        """Give the steps that count, by their places in (time, batch), and what the readout reads there."""
        features, embedded, _ = self.forced(batch, truth)
        within = torch.arange(len(batch.target), device=features.device).unsqueeze(1) < batch.target_lengths
        rows = within.flatten().nonzero().squeeze(1)  # padding is left out before the readout
        features, embedded = (value.flatten(0, 1).index_select(0, rows) for value in (features, embedded))
        return rows, self.decoder.dropout(features), embedded

    def _dropped(self, symbols: Tensor) -> Tensor:
        return drop_words(symbols, self.word_dropout) if self.training and self.word_dropout else symbols

    # -- search

    def encode(self, source: Tensor, lengths: Tensor, engine: str = "auto") -> Memory:
        """Read source sequences.

        Args:
            source: (source time, batch) int64.
            lengths: (batch,).
            engine: As for ``unroll``.

        Returns:
            What the decoder needs of them, rows first: ``layers.select(memory, rows)`` takes some.
        """
        check_symbols("source", source, lengths, self.encoder.embedding.symbols)
        encoded = self.encoder(self._dropped(source), lengths, engine)
        return self.decoder.remember(encoded, self.bridge(self.encoder, encoded))

    def start(self, memory: Memory) -> Any:
        """Give the decoder's state before the first step, rows first."""
        return memory.start

    def advance(self, state: Any, symbols: Tensor, memory: Memory) -> tuple[Tensor, Any, Tensor | None]:
        """Take one step of a search: see :meth:`Decoder.advance`."""
        return self.decoder.advance(state, symbols, memory)

    def hold(self, memory: Memory, sentences: int, width: int) -> AbstractContextManager[Rows] | None:
        """Hold the rows of a search: see :meth:`Decoder.hold`."""
        return self.decoder.hold(memory, sentences, width)

    def speak(self, memory: Memory, closed: tuple[int, ...], most: np.ndarray) -> Said | None:
        """Go on from what it says itself: see :meth:`Decoder.speak`."""
        return self.decoder.speak(memory, closed, most)

    @torch.no_grad()
    def alignments(self, batch: PairBatch) -> Tensor:
        """Tell where the decoder looks as it is told each symbol of a target.

        Args:
            batch: Pairs.

        Returns:
            Attention weights (target time, batch, source time); past the end of a target they mean nothing.

        Raises:
            ArgumentError: The decoder does not attend.
        """
        if self.decoder.attention is None:
            raise ArgumentError('Seq2Seq: alignments of a model without attention; expected one such as "general".')
        memory = self.encode(batch.source, batch.source_lengths)
        state, weights = self.start(memory), []
        for symbols in batch.entering:
            _, state, at_step = self.advance(state, symbols, memory)
            weights.append(at_step)
        many = batch.source.shape[::-1]
        return torch.stack(weights)[..., : many[1]] if weights else memory.start[0].new_empty(0, *many)

    @torch.no_grad()
    def greedy(self, source: Tensor, lengths: Tensor, most: int) -> Padded:
        """Say the likeliest symbol at each step, and go on from it.

        Args:
            source: (source time, batch) int64.
            lengths: (batch,).
            most: Most symbols to say, the end counted.

        Returns:
            What is said, up to the end symbol, and lengths with it counted; what has no end after ``most`` symbols is
            cut there.
        """
        memory = self.encode(source, lengths)
        found = greedy(self, memory, lengths, limits=Limits(maximum=most, forbidden=()))
        said = pad([one.symbols.tolist() + [END] * (not one.cut) for one in found])
        return Padded(said.numbers.to(source.device), said.lengths.to(source.device))
