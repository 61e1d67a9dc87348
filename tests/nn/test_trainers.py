"""The drop-ins inside other people's training loops, where those are installed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import everystep as es

pytestmark = pytest.mark.filterwarnings("ignore")  # what trainers warn of is theirs


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = es.nn.LSTM(2, 4, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


@pytest.fixture
def data():
    x = torch.randn(32, 5, 2, generator=torch.Generator().manual_seed(0))
    return x, x.sum((1, 2)).unsqueeze(1)


def error(model, data):
    with torch.no_grad():
        return float((model(data[0]) - data[1]).square().mean())


def test_skorch(data):
    skorch = pytest.importorskip("skorch")
    x, y = data[0].numpy(), data[1].numpy()
    net = skorch.NeuralNetRegressor(Model, max_epochs=5, lr=0.05, verbose=0, train_split=None).fit(x, y)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < losses[0]


def test_accelerate(data):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model = Model()
    before = error(model, data)
    loader = DataLoader(TensorDataset(*data), batch_size=8)
    model, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.05), loader)
    for x, y in loader:
        optimizer.zero_grad()
        accelerator.backward((model(x) - y).square().mean())
        optimizer.step()
    assert error(accelerator.unwrap_model(model), data) < before


def test_lightning(data, tmp_path):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Model()

        def training_step(self, batch, number):
            return (self.model(batch[0]) - batch[1]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    module = Module()
    before = error(module.model, data)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, DataLoader(TensorDataset(*data), batch_size=8))
    assert error(module.model, data) < before
