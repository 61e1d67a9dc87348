"""Every hypothesis of a search as a path in one tree, which grows a layer at each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.text.symbols import PAD


class Layer(NamedTuple):
    """The nodes of one step, a place for each that a hypothesis may have: (places,) each."""

    parent: np.ndarray  # its place in the layer before
    symbol: np.ndarray
    log_probability: np.ndarray  # of the symbol
    row: np.ndarray  # where the model said it
    attention: Tensor | None  # (rows, positions)


class Paths(NamedTuple):
    """Some paths from the root, padded."""

    symbols: np.ndarray  # (paths, longest)
    log_probabilities: np.ndarray  # (paths, longest)
    attention: Tensor | None  # (paths, longest, positions)


class Tree:
    """Layers of nodes."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def grow(self, layer: Layer) -> None:
        """Add the nodes of one more step; attention is copied, as it may be a part of all that the model said."""
        looked = layer.attention
        self.layers.append(layer if looked is None else layer._replace(attention=looked.clone()))

    def paths(self, layers: np.ndarray, places: np.ndarray) -> Paths:
        """Walk from nodes back to the root.

        Args:
            layers: The layer of each node, 0 is that of the first symbol.
            places: Its place there.
        """
        longest = int(layers.max(initial=-1)) + 1
        walked, on = self._walk(layers, places, longest), np.arange(longest) <= layers[:, None]  # (paths, longest)
        at = np.arange(longest), walked
        grown = self.layers[:longest]
        symbols = np.array([layer.symbol for layer in grown])[at] if grown else np.zeros(on.shape, dtype=np.int64)
        told = np.array([layer.log_probability for layer in grown])[at] if grown else np.zeros(on.shape)
        looked = [_rows(layer.attention, layer.row[place]) for layer, place in zip(grown, walked.T, strict=True)]
        some = [part for part in looked if part is not None]
        return Paths(np.where(on, symbols, PAD), np.where(on, told, 0.0), torch.stack(some, 1) if some else None)

    def _walk(self, layers: np.ndarray, places: np.ndarray, longest: int) -> np.ndarray:
        """The place of each path in each layer, (paths, longest); 0 past its end."""
        walked, place = np.zeros((len(places), longest), dtype=np.int64), places
        for t in reversed(range(longest)):
            on = layers >= t
            walked[:, t] = at = np.where(on, place, 0)
            place = np.where(on, self.layers[t].parent[at], place)
        return walked


def _rows(attention: Tensor | None, rows: np.ndarray) -> Tensor | None:
    return None if attention is None else attention[torch.from_numpy(rows).to(attention.device)]
