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
        """Add the nodes of one more step."""
        self.layers.append(layer)

    def paths(self, layers: np.ndarray, places: np.ndarray) -> Paths:
        """Walk from nodes back to the root.

        Args:
            layers: The layer of each node, 0 is that of the first symbol.
            places: Its place there.
        """
        longest = int(layers.max(initial=-1)) + 1
        symbols = np.full((len(places), longest), PAD)
        told = np.zeros((len(places), longest))
        looked: list[Tensor] = []
        place = places.copy()
        for t in reversed(range(longest)):
            layer, on = self.layers[t], layers >= t
            at = np.where(on, place, 0)
            symbols[on, t], told[on, t] = layer.symbol[place[on]], layer.log_probability[place[on]]
            if layer.attention is not None:
                looked.append(layer.attention[torch.from_numpy(layer.row[at]).to(layer.attention.device)])
            place = np.where(on, layer.parent[at], place)
        return Paths(symbols, told, torch.stack(looked[::-1], 1) if looked else None)
