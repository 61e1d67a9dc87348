"""Bridges: from what the encoder ended with to what the decoder begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from everystep.seq2seq.attentive import QUERY
from everystep.seq2seq.encoder import Encoded, Encoder
from everystep.seq2seq.stacked import Stacked

CARRIED = ("h", "s", "y", "c", "re")  # parts that carry what was read; others (a normaliser, a velocity) scale or move


class Bridge(nn.Module):
    """Makes the decoder's first state: parts that it does not give begin as they would without an encoder.

    Args:
        encoder: Where the bridge begins.
        cell: Where it ends: the decoder's stack.
    """

    def __init__(self, encoder: Encoder, cell: Stacked) -> None:
        super().__init__()
        self.encoder_size = encoder.output_size
        self.sizes = carried_sizes(cell)

    def forward(self, encoder: Encoder, encoded: Encoded) -> Mapping[str, Tensor]:
        """Give parts of the decoder's first state by name; ``query`` for what it attends with first."""
        raise NotImplementedError(f"{type(self).__name__} has no forward.")


class Zero(Bridge):
    """No bridge: the decoder begins with its own start, and learns of the source by attention alone."""

    def forward(self, encoder: Encoder, encoded: Encoded) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Give nothing."""
        return {}


class Learned(Bridge):
    r"""Each part is a learned function of what the encoder put out at its ends.

    .. math:: s_0 = \tanh(W [\overrightarrow{m}_S;\ \overleftarrow{m}_1] + b)

    Source: Bahdanau, Cho & Bengio (2015), appendix A.2.2, where s₀ = tanh(W of the reverse end).
    """

    def __init__(self, encoder: Encoder, cell: Stacked) -> None:
        super().__init__(encoder, cell)
        self.maps: Any = nn.ModuleDict({part: nn.Linear(self.encoder_size, size) for part, size in self.sizes.items()})

    def forward(self, encoder: Encoder, encoded: Encoded) -> Mapping[str, Tensor]:
        """Map the summary to each part."""
        summary = self.summary(encoder, encoded)
        return {part: torch.tanh(to_part(summary)) for part, to_part in self.maps.items()}

    def summary(self, encoder: Encoder, encoded: Encoded) -> Tensor:
        """Give one vector for the whole source, (batch, memory)."""
        return encoder.ends(encoded)


class Mean(Learned):
    r"""Each part is a learned function of the mean of the memory.

    .. math:: s_0 = \tanh(W \tfrac{1}{S} \textstyle\sum_s m_s + b)

    Source: Sennrich et al. (2017), "Nematus: a toolkit for neural machine translation".
    """

    def summary(self, encoder: Encoder, encoded: Encoded) -> Tensor:  # noqa: ARG002
        """Give the mean over each sequence; padding is zero."""
        return encoded.memory.sum(0) / encoded.lengths.clamp(min=1).to(encoded.memory).unsqueeze(1)


class Last(Bridge):
    r"""The encoder's last states are the decoder's first, part by part and layer by layer.

    The state of two directions lies side by side. A part of the decoder's state takes the part of the same name, and
    where the encoder has none the part that its cell carries; where the sizes differ it goes through a learned linear
    map. Parts that scale or move rather than carry are taken over only where they fit as they are.
    Where the stacks differ in height, the top layers are matched.

    Source: Sutskever, Vinyals & Le (2014), "Sequence to sequence learning with neural networks".
    """

    def __init__(self, encoder: Encoder, cell: Stacked) -> None:
        super().__init__(encoder, cell)
        final = encoder.layers.initial_state(1, torch.empty(0))
        maps: dict[str, nn.Module] = {}
        self.taken: dict[str, tuple[int, str]] = {}  # part of the decoder: layer and part of the encoder
        for n, inner in enumerate(cell.cells):
            layer = min(n + max(0, len(final) - len(cell.cells)), len(final) - 1)
            sizes = {part: value.shape[-1] for part, value in _sides(final[layer]).items()}
            for part, size in inner.part_sizes.items():
                name, own = f"layer{n}_{part}", _match(part, sizes)
                if own is not None and (name in self.sizes or (own == part and sizes[own] == size)):
                    self.taken[name] = layer, own
                    maps[name] = _fitted(sizes[own], size)
        maps[QUERY] = _fitted(self.encoder_size, self.sizes[QUERY])
        self.maps: Any = nn.ModuleDict(maps)

    def forward(self, encoder: Encoder, encoded: Encoded) -> Mapping[str, Tensor]:
        """Hand the states over."""
        sides = [_sides(layer) for layer in encoded.final]
        parts = {name: self.maps[name](sides[layer][part]) for name, (layer, part) in self.taken.items()}
        return {**parts, QUERY: self.maps[QUERY](encoder.ends(encoded))}


BRIDGES: dict[str, type[Bridge]] = {"last": Last, "mean": Mean, "learned": Learned, "zero": Zero}


def carried_sizes(cell: Stacked) -> dict[str, int]:
    """Name the parts of a decoder that carry what was read, with their sizes, and the query."""
    sizes = {}
    for n, inner in enumerate(cell.cells):
        flat = {part: size for part, size in inner.part_sizes.items() if isinstance(size, int)}
        known = [part for part in flat if part in CARRIED] or list(flat)[:1]
        sizes |= {f"layer{n}_{part}": flat[part] for part in known}
    return {**sizes, QUERY: cell.output_size}


def _match(part: str, given: Mapping[str, int]) -> str | None:
    """Choose the part of the encoder's state that a part of the decoder's takes."""
    if part in given:
        return part
    return next((name for name in CARRIED if name in given), next(iter(given), None))


def _sides(ways: Any) -> dict[str, Tensor]:
    """Lay the states of both directions side by side, part by part; only parts of one axis."""
    states = [state for state in ways if state is not None]
    parts = {part: [getattr(state, part) for state in states if hasattr(state, part)] for part in states[0]._fields}
    return {part: torch.cat(values, dim=-1) for part, values in parts.items() if values[0].ndim == 2}


def _fitted(given: int, wanted: int) -> nn.Module:
    return nn.Identity() if given == wanted else nn.Linear(given, wanted)
