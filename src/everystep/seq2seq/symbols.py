"""Symbols as they enter a model: checked, and now and then unknown."""

from __future__ import annotations

import torch
from torch import Tensor

from everystep.engines.stepping import described
from everystep.errors import ArgumentError, DTypeError, ShapeError
from everystep.text import SPECIALS, UNKNOWN


def check_symbols(side: str, symbols: Tensor, lengths: Tensor, known: int) -> None:
    """Refuse what are no symbols of a vocabulary.

    Args:
        side: ``"source"`` or ``"target"``.
        symbols: (time, batch).
        lengths: (batch,).
        known: Size of the vocabulary.

    Raises:
        DTypeError: They are not whole numbers.
        ShapeError: An axis is missing, or the lengths are not as many.
        ArgumentError: A symbol or a length is out of range.
    """
    if not isinstance(symbols, Tensor) or symbols.dtype != torch.int64:
        raise DTypeError(f"Seq2Seq: {side} is {described(symbols)}; expected int64 symbols (time, batch).")
    if symbols.ndim != 2 or tuple(lengths.shape) != tuple(symbols.shape[1:]):
        raise ShapeError(
            f"Seq2Seq: {side} has shape {tuple(symbols.shape)} and its lengths {tuple(lengths.shape)}; expected (time, "
            "batch) and (batch,)."
        )
    if symbols.numel() and not 0 <= int(symbols.min()) <= int(symbols.max()) < known:
        raise ArgumentError(
            f"Seq2Seq: {side} holds symbols {int(symbols.min())} to {int(symbols.max())}; expected 0 to {known - 1}, "
            "the vocabulary that the model was made for."
        )
    if lengths.numel() and not 0 <= int(lengths.min()) <= int(lengths.max()) <= len(symbols):
        raise ArgumentError(
            f"Seq2Seq: {side} lengths are {int(lengths.min())} to {int(lengths.max())}; expected 0 to {len(symbols)}, "
            "the time axis."
        )


def drop_words(symbols: Tensor, rate: float) -> Tensor:
    """Replace words by the unknown symbol at random; padding, begin and end stay.

    Args:
        symbols: Any shape, int64.
        rate: Probability, 0 to 1.

    Source: Bowman et al. (2016), "Generating sentences from a continuous space", section 3.1.
    """
    chosen = (torch.rand(symbols.shape, device=symbols.device) < rate) & (symbols >= len(SPECIALS))
    return torch.where(chosen, UNKNOWN, symbols)
