"""What an encoder-decoder is made of, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from everystep.cells import CELLS
from everystep.errors import ArgumentError, check_whole, unknown
from everystep.seq2seq.additive import Additive
from everystep.seq2seq.attention import Attention
from everystep.seq2seq.bridges import BRIDGES
from everystep.seq2seq.location import Coverage, Location
from everystep.seq2seq.monotonic import Monotonic
from everystep.seq2seq.multiplicative import Dot, General, ScaledDot

ATTENTIONS: dict[str, type[Attention] | None] = {
    "additive": Additive,
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "location": Location,
    "coverage": Coverage,
    "monotonic": Monotonic,
    "none": None,
}
ATTENDS = ("after", "before")
TIES = ("none", "target", "all")
PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """What an encoder-decoder is made of.

    Args:
        source_symbols: Size of the source vocabulary.
        target_symbols: Size of the target vocabulary.
        embedding: Features of an embedded symbol, on both sides.
        hidden: Units of each decoder cell.
        encoder_hidden: Units of each encoder cell; None gives both directions together as many as ``hidden``.
        cell: The cell, a name in ``everystep.cells.CELLS``.
        decoder_cell: The decoder's, where it is another one.
        encoder_layers: Layers of the encoder.
        decoder_layers: Layers of the decoder.
        bidirectional: The encoder reads in both directions.
        residual: Encoder layers add their input to their output, where both have as many features.
        attention: ``"additive"``, ``"general"``, ``"dot"``, ``"scaled_dot"``, ``"location"``, ``"coverage"``,
            ``"monotonic"`` or ``"none"``.
        attend: ``"after"`` the state update (Luong) or ``"before"`` it (Bahdanau).
        input_feeding: What the decoder puts out enters its next step.
        bridge: ``"last"``, ``"mean"``, ``"learned"`` or ``"zero"``.
        tied: ``"target"``: the readout's weight is the target embedding; ``"all"``: the source embedding too, for one
            vocabulary on both sides; or ``"none"``.
        readout_embedding: The readout sees the symbol before as well.
        dropout: Probability to drop a feature: of embeddings, between layers, before the readout.
        word_dropout: Probability to read a symbol as unknown in training, on both sides.
        label_smoothing: Share of each target's probability that is spread over all symbols in training.
        readout_precision: What the readout's products are taken in, in training: ``"float32"``, or ``"bfloat16"``,
            several times faster where the processor has it (AVX512-BF16, AMX).

    Raises:
        ArgumentError: A number is out of range, or two settings contradict each other.
        UnknownNameError: A name is unknown.

    Example:
        >>> from everystep.seq2seq import Seq2SeqConfig
        >>> config = Seq2SeqConfig(source_symbols=40, target_symbols=50, cell="gru")
        >>> Seq2SeqConfig.from_dict(config.to_dict()) == config
        True
    """

    source_symbols: int
    target_symbols: int
    embedding: int = 256
    hidden: int = 256
    encoder_hidden: int | None = None
    cell: str = "lstm"
    decoder_cell: str | None = None
    encoder_layers: int = 1
    decoder_layers: int = 1
    bidirectional: bool = True
    residual: bool = False
    attention: str = "general"
    attend: str = "after"
    input_feeding: bool = False
    bridge: str = "last"
    tied: str = "none"
    readout_embedding: bool = False
    dropout: float = 0.0
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    readout_precision: str = "float32"

    def __post_init__(self) -> None:
        for name in ("source_symbols", "target_symbols", "embedding", "hidden", "encoder_layers", "decoder_layers"):
            check_whole("Seq2SeqConfig", name, getattr(self, name))
        if self.encoder_hidden is not None:
            check_whole("Seq2SeqConfig", "encoder_hidden", self.encoder_hidden)
        for name in ("bidirectional", "residual", "input_feeding", "readout_embedding"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentError(f"Seq2SeqConfig: {name} is {getattr(self, name)!r}; expected true or false.")
        for name in ("dropout", "word_dropout", "label_smoothing"):
            _check_share(name, getattr(self, name))
        for name, known in _NAMES.items():
            value = getattr(self, name)
            if value not in known and not (name == "decoder_cell" and value is None):
                raise unknown("Seq2SeqConfig", name, value, known)
        _check_together(self)

    @property
    def units(self) -> int:
        """Units of each encoder cell."""
        if self.encoder_hidden is not None:
            return self.encoder_hidden
        return self.hidden // 2 if self.bidirectional else self.hidden

    def to_dict(self) -> dict[str, Any]:
        """Give every field as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Seq2SeqConfig:
        """Make it from what :meth:`to_dict` gave.

        Raises:
            UnknownNameError: A field is unknown.
            ArgumentError: A field is missing, or as for the class.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise unknown(cls.__name__, "setting", name, known)
        for name in ("source_symbols", "target_symbols"):
            if name not in values:
                raise ArgumentError(f"{cls.__name__}: {name} is missing; expected the size of that vocabulary.")
        return cls(**values)


_NAMES = {
    "cell": CELLS,
    "decoder_cell": CELLS,
    "attention": ATTENTIONS,
    "attend": ATTENDS,
    "bridge": BRIDGES,
    "tied": TIES,
    "readout_precision": PRECISIONS,
}


def _check_share(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise ArgumentError(f"Seq2SeqConfig: {name} is {value!r}; expected 0 or more and less than 1.")


def _check_together(config: Seq2SeqConfig) -> None:
    who = "Seq2SeqConfig"
    if config.units < 1:
        raise ArgumentError(f"{who}: hidden is {config.hidden} for two directions; expected 2 or more.")
    if config.attention == "none" and config.bridge == "zero":
        raise ArgumentError(
            f'{who}: attention is "none" and bridge "zero", so the decoder would learn nothing of the source; '
            'expected one of them to be another, such as bridge "last".'
        )
    if config.tied == "all" and config.source_symbols != config.target_symbols:
        raise ArgumentError(
            f'{who}: tied is "all", and the vocabularies have {config.source_symbols} and {config.target_symbols} '
            'symbols; expected one vocabulary for both sides. tied "target" takes two.'
        )
