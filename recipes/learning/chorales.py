"""Bach's chorales as piano rolls: say which of 88 keys sound in the next frame, given all before it.

Source: Boulanger-Lewandowski, Bengio & Vincent (2012), "Modeling temporal dependencies in high-dimensional sequences".
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.learning.task import Batch, Settings, Task

KEYS = 88


class Chorales(Task):
    """Negative log likelihood of frames 2, 3, ... of each piece, in nats a frame."""

    name, title = "chorales", "JSB chorales"
    measure, better, goal = "nats a frame", "lower", 8.43
    inputs = outputs = KEYS
    cells = ("linear", "elman", "jordan", "lstm", "gru")
    settings = Settings(
        hidden=400,
        batch=16,
        steps=2000,
        check_every=50,
        learning_rate=6e-3,
        dropout=0.6,
        input_dropout=0.1,
        weight_decay=0.2,
        warmup=100,
        average=0.99,
    )

    def __init__(self, data: Path) -> None:
        self.data = data

    @cached_property
    def pieces(self) -> dict[str, list[Tensor]]:
        """The pieces of each split, each (frames, 88)."""
        with np.load(self.data / "poly_music" / "JSB_Chorales.npz") as file:
            return {split: read(file, split) for split in ("train", "valid", "test")}

    def batch(self, rng: np.random.Generator) -> Batch:
        """Choose pieces."""
        pieces = self.pieces["train"]
        chosen = rng.choice(len(pieces), self.settings.batch, replace=False)
        return padded([pieces[piece] for piece in chosen])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The 88 binary cross-entropies of a frame, summed; the mean over frames, padding left out."""
        keys = F.binary_cross_entropy_with_logits(model(batch.x), batch.target, reduction="none")
        return keys.sum(-1)[batch.where].mean()

    def validation(self, model: nn.Module) -> float:
        """The loss on the validation pieces."""
        return self.loss(model, padded(self.pieces["valid"])).item()

    def test(self, model: nn.Module) -> float:
        """The loss on the test pieces."""
        return self.loss(model, padded(self.pieces["test"])).item()


def read(file: np.lib.npyio.NpzFile, split: str) -> list[Tensor]:
    """Read the pieces of a split."""
    frames = np.unpackbits(file[f"{split}_bits"], axis=1)[:, :KEYS].astype(np.float32)
    return [torch.from_numpy(piece) for piece in np.split(frames, np.cumsum(file[f"{split}_len"])[:-1])]


def padded(chosen: list[Tensor]) -> Batch:
    """Put pieces side by side: each frame but the last is x, the next one its target; true where there is one."""
    x = nn.utils.rnn.pad_sequence([piece[:-1] for piece in chosen])
    target = nn.utils.rnn.pad_sequence([piece[1:] for piece in chosen])
    steps = torch.tensor([len(piece) - 1 for piece in chosen])
    return Batch(x, target, torch.arange(len(x)).unsqueeze(1) < steps)
