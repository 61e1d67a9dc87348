"""A tiny run that every test of this room can start, in this process or in one that is to be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from everystep.train import Run, Settings, Shuffled, Trained, train

SOURCE = Path(__file__).resolve().parents[1] / "src"
SETTINGS = Settings(epochs=6, learning_rate=0.02, schedule="cosine", warmup_steps=5, patience=4, seed=3)


class Tiny(nn.Module):
    """Draws random numbers (dropout) and keeps running statistics, so that both must be saved too."""

    def __init__(self, hidden: int = 6) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.inner, self.norm, self.outer = nn.Linear(3, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 1)
        self.drop = nn.Dropout(0.3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.drop(torch.tanh(self.norm(self.inner(x)))))


def data(rows: int = 90) -> dict[str, Tensor]:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(1))
    return {"x": x, "y": x.prod(1, keepdim=True)}


def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return nn.functional.mse_loss(model(batch["x"]), batch["y"])


def validate(model: nn.Module) -> float:
    return loss(model, data(200)).item()


def fit(
    directory: Path | None, *, settings: Settings = SETTINGS, rows: int = 90, **run: object
) -> tuple[Tiny, Trained]:
    model = Tiny()
    kept = Run(directory, **run) if directory is not None else None  # pyright: ignore[reportArgumentType]
    batches = Shuffled(data(rows), batch_size=16, seed=7)
    return model, train(model, loss, batches, settings, validate=validate, run=kept, progress="quiet")


def bits(model: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def log_without_time(directory: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(directory.iterdir())}


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start ``code`` in a Python of its own, beside these helpers."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(Path(__file__).parent)])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
