"""The same encoder-decoder written by hand with torch.nn: layers for the encoder, a loop over steps for the decoder."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.seq2seq.symbols import drop_words
from everystep.text import PAD, PairBatch

CELLS: dict[str, tuple[Any, Any]] = {
    "elman": (nn.RNN, nn.RNNCell),
    "lstm": (nn.LSTM, nn.LSTMCell),
    "gru": (nn.GRU, nn.GRUCell),
}


class Memory(NamedTuple):
    keys: Tensor  # (batch, positions, keys)
    values: Tensor  # (batch, positions, memory)
    mask: Tensor  # (batch, positions)


class Scaled(nn.Embedding):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return self.embedding_dim**0.5 * super().forward(input)


class General(nn.Module):
    def __init__(self, query: int, memory: int) -> None:
        super().__init__()
        self.key = nn.Linear(memory, query, bias=False)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(keys, query.unsqueeze(2)).squeeze(2)


class Additive(nn.Module):
    def __init__(self, query: int, memory: int) -> None:
        super().__init__()
        self.query = nn.Linear(query, query, bias=False)
        self.key = nn.Linear(memory, query)
        self.energy = nn.Linear(query, 1, bias=False)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return self.energy(torch.tanh(self.query(query).unsqueeze(1) + keys)).squeeze(2)


ATTENTIONS: dict[str, Any] = {"general": General, "additive": Additive}


class Plain(nn.Module):
    """What a configuration asks for: one layer on each side, attention, the encoder's last state as the first."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        features, hidden, memory, tied = config.embedding, config.hidden, 2 * config.units, config.tied != "none"
        layer, cell = CELLS[config.cell]
        self.config = config
        self.source = Scaled(config.source_symbols, features)
        self.target = self.source if config.tied == "all" else Scaled(config.target_symbols, features)
        self.encoder = layer(features, config.units, bidirectional=True)
        beside = hidden * config.input_feeding + memory * (config.attend == "before")
        self.cell = cell(features + beside, hidden)
        self.attention = ATTENTIONS[config.attention](hidden, memory)
        self.join = nn.Linear(hidden + memory, hidden)
        self.inner = nn.Linear(hidden, features) if tied else nn.Identity()
        self.readout = nn.Linear(features if tied else hidden, config.target_symbols)
        if tied:
            self.readout.weight = self.target.weight
        self.dropout = nn.Dropout(config.dropout)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, Any]:
        """Read (time, batch): what is attended to, and the decoder's first state."""
        packed = pack_padded_sequence(self.dropout(self.source(self.dropped(source))), lengths, enforce_sorted=False)
        out, final = self.encoder(packed)
        values = pad_packed_sequence(out)[0].transpose(0, 1)
        mask = torch.arange(values.shape[1]) < lengths.unsqueeze(1)
        ends = [torch.cat([*part], dim=1) for part in (final if isinstance(final, tuple) else (final,))]
        fed = values.new_zeros(len(lengths), self.config.hidden)
        return Memory(self.attention.key(values), values, mask), (*ends, fed)

    def step(self, state: Any, x: Tensor, memory: Memory) -> tuple[Any, Tensor]:
        """Take one step on embedded symbols (batch, features)."""
        *cell, fed = state
        if self.config.input_feeding:
            x = torch.cat([x, fed], dim=1)
        context = None
        if self.config.attend == "before":
            context = self.attended(cell[0], memory)
            x = torch.cat([x, context], dim=1)
        after = self.cell(x, tuple(cell)) if len(cell) == 2 else (self.cell(x, cell[0]),)
        if context is None:
            context = self.attended(after[0], memory)
        y = torch.tanh(self.join(torch.cat([after[0], context], dim=1)))
        return (*after, y), y

    def attended(self, query: Tensor, memory: Memory) -> Tensor:
        scores = self.attention.scores(query, memory.keys).masked_fill(~memory.mask, -torch.inf)
        return torch.bmm(torch.softmax(scores, dim=1).unsqueeze(1), memory.values).squeeze(1)

    def scores(self, y: Tensor) -> Tensor:
        return self.readout(self.inner(self.dropout(y)))

    def loss(self, batch: PairBatch) -> Tensor:
        """The mean cross-entropy of a target symbol."""
        smoothing = self.config.label_smoothing if self.training else 0.0
        scores = self.forced(batch).flatten(0, 1)
        return F.cross_entropy(scores, batch.target.flatten(), ignore_index=PAD, label_smoothing=smoothing)

    def score(self, batch: PairBatch) -> Tensor:
        """The log probability of each target: (batch,)."""
        scores = self.forced(batch).movedim(2, 1)  # (time, symbols, batch)
        return -F.cross_entropy(scores, batch.target, ignore_index=PAD, reduction="none").sum(0)

    def forced(self, batch: PairBatch) -> Tensor:
        """The scores of the readout, (time, batch, symbols), as it is told each target."""
        memory, state = self.encode(batch.source, batch.source_lengths)
        outputs = []
        for x in self.dropout(self.target(self.dropped(batch.entering))):
            state, y = self.step(state, x, memory)
            outputs.append(y)
        return self.scores(torch.stack(outputs))

    def dropped(self, symbols: Tensor) -> Tensor:
        return drop_words(symbols, self.config.word_dropout) if self.training else symbols


@torch.no_grad()
def alike(ours: Seq2Seq, config: Seq2SeqConfig) -> Plain:
    """Make it with the weights of ours."""
    plain = Plain(config)
    layers: Any = ours.encoder.layers.layer0
    decoder, attention = ours.decoder, cast("Any", ours.decoder.attention)
    join: Any = next(m for name, m in decoder.cell.named_modules() if name.endswith("join"))
    copied = {
        plain.source.weight: ours.encoder.embedding.E, plain.target.weight: decoder.embedding.E,
        plain.join.weight: join.weight, plain.join.bias: join.bias,
        plain.readout.weight: decoder.readout.V, plain.readout.bias: decoder.readout.c,
        **_recurrent(plain.encoder, layers.forward_cell, "_l0"),
        **_recurrent(plain.encoder, layers.reverse_cell, "_l0_reverse"),
        **_recurrent(plain.cell, decoder.stack.cells[0], ""),
    }  # fmt: skip
    if decoder.readout.P is not None:
        copied |= {plain.inner.weight: decoder.readout.P.weight, plain.inner.bias: decoder.readout.P.bias}
    if isinstance(plain.attention, Additive):
        copied |= {plain.attention.key.weight: attention.U, plain.attention.key.bias: attention.b}
        copied |= {plain.attention.query.weight: attention.W, plain.attention.energy.weight: attention.v}
    else:
        copied[plain.attention.key.weight] = attention.W
    for into, value in copied.items():
        into.copy_(value)
    return plain


def _recurrent(layer: Any, cell: Any, end: str) -> dict[Tensor, Tensor]:
    """One bias here is two there: of the second only what a GRU's reset acts on is used."""
    second = torch.zeros_like(cell.b)
    if getattr(cell, "d", None) is not None:
        second[-len(cell.d) :] = cell.d
    names = {"weight_hh": cell.W, "weight_ih": cell.U, "bias_ih": cell.b, "bias_hh": second}
    return {getattr(layer, name + end): value for name, value in names.items()}
