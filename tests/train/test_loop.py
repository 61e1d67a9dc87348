"""What the loop does, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from everystep.errors import ArgumentError, DataError, NonFiniteError, ShapeError, TrainingError, UnknownNameError
from everystep.train import Drawn, Run, Settings, Shuffled, read_log, train
from everystep.train.checkpoint import read_checkpoint
from tiny_run import SETTINGS, Tiny, bits, data, fit, loss, snapshot


def test_the_loop_equals_the_same_loop_written_by_hand():
    model, hand = Tiny(), Tiny()
    batches = Shuffled(data(), 16, seed=7)
    train(
        model, loss, batches, Settings(epochs=2, learning_rate=0.02, clip_norm=0.5, weight_decay=0.1), progress="quiet"
    )
    optimizer = torch.optim.AdamW(hand.parameters(), lr=0.02, weight_decay=0.1, fused=True)
    torch.manual_seed(0)
    for epoch in range(2):
        for index in range(len(batches)):
            optimizer.zero_grad()
            loss(hand, batches.batch(epoch, index)).backward()
            torch.nn.utils.clip_grad_norm_(hand.parameters(), 0.5)
            optimizer.step()
    assert bits(model) == bits(hand)


def test_early_stopping_puts_the_best_weights_back(tmp_path):
    seen, validations = [], iter([3.0, 1.0, 2.0, 1.5, 5.0, 0.0])

    def validate(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append(bits(model))
        return next(validations)

    model, batches = Tiny(), Shuffled(data(), 16)
    result = train(
        model, loss, batches, replace(SETTINGS, patience=3), validate=validate, run=Run(tmp_path), progress="quiet"
    )
    assert result.stopped_early
    assert (result.best_epoch, result.best_validation, result.steps) == (2, 1.0, 30)
    assert [epoch.validation for epoch in result.history] == [3.0, 1.0, 2.0, 1.5, 5.0]
    assert bits(model) == seen[1] != seen[-1]
    assert model.training
    assert [line["validation"] for line in read_log(tmp_path) if "validation" in line] == [3.0, 1.0, 2.0, 1.5, 5.0]


def test_without_validation_the_last_weights_stay():
    batches = Shuffled(data(), 16)
    model = Tiny()
    result = train(model, loss, batches, Settings(epochs=2), progress="quiet")
    assert (result.best_epoch, result.best_validation, len(result.history)) == (None, None, 2)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_names_step_parameter_and_batch(tmp_path, what):
    calls = []

    def failing(model, batch):
        value = loss(model, batch)
        if calls.append(1) or len(calls) == 9:
            broken = {"loss": math.nan * model.inner.bias.sum(), "gradient": (model.inner.bias * 0).sum().sqrt()}
            return value + broken[what]
        return value

    batches = Shuffled(data(), 16, seed=7)
    with pytest.raises(NonFiniteError) as caught:
        train(Tiny(), failing, batches, SETTINGS, validate=validate, run=Run(tmp_path, every_steps=4), progress="quiet")
    message = str(caught.value)
    assert "at step 9, epoch 2, batch 3 of 6 (rows " in message
    assert ", ".join(map(str, batches.rows(1, 2).tolist())) in message
    assert "The first parameter with a gradient that is not finite is inner.bias" in message
    assert ("the loss is nan" if what == "loss" else "the norm of the gradient is") in message
    saved = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert saved.standing.step == 8
    assert all(value.isfinite().all() for value in saved.groups["model"].values())


def test_nan_in_the_data_is_said():
    values = data()
    values["x"][40, 1] = math.nan
    with pytest.raises(NonFiniteError, match=r"The batch itself holds values that are not finite, in x\."):
        train(Tiny(), loss, Shuffled(values, 16), Settings(), progress="quiet")


def test_weights_that_overflow_are_never_saved(tmp_path):
    def sum_of(model, batch):
        return -model.weight.sum() * batch.mean()

    model, batches = nn.Linear(1, 1), Drawn(lambda generator: torch.ones(1), steps=9)
    nn.init.constant_(model.weight, 3.3e38)  # the largest float32 is 3.4e38
    run = Run(tmp_path, every_steps=1)
    with pytest.raises(NonFiniteError, match="parameter weight is not finite after step"):
        train(model, sum_of, batches, Settings(learning_rate=3e36), run=run, progress="quiet")
    assert read_checkpoint(tmp_path / "checkpoint.safetensors").groups["model"]["weight"].isfinite().all()


def test_a_validation_that_is_not_finite_stops_the_run():
    with pytest.raises(NonFiniteError, match="validation is nan after step 6, epoch 1"):
        train(Tiny(), loss, Shuffled(data(), 16), SETTINGS, validate=lambda model: math.nan, progress="quiet")


def test_complex_parameters_are_trained():
    model = nn.Module()
    model.w = nn.Parameter(torch.ones(3, dtype=torch.complex64))
    batches = Shuffled(torch.ones(8, 3), batch_size=4)
    train(model, lambda model, x: (model.w * x).abs().sum(), batches, Settings(epochs=2), progress="quiet")
    assert (model.w.abs() < 1).all()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda model, batch: model(batch["x"]), ShapeError, r"gave shape \(16, 1\); expected a scalar"),
        (lambda model, batch: 1.0, ShapeError, "gave type float"),
        (lambda model, batch: batch["x"].mean(), TrainingError, "does not depend on any parameter"),
    ],
)
def test_a_loss_of_the_wrong_kind_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        train(Tiny(), wrong, Shuffled(data(), 16), Settings(), progress="quiet")


def test_a_model_without_parameters_and_patience_without_validation_are_refused():
    with pytest.raises(TrainingError, match="Identity has no parameter"):
        train(nn.Identity(), loss, Shuffled(data(), 16), Settings(), progress="quiet")
    with pytest.raises(TrainingError, match="patience needs a validation"):
        train(Tiny(), loss, Shuffled(data(), 16), SETTINGS, progress="quiet")


def test_a_gradient_left_in_a_frozen_parameter_is_neither_clipped_nor_counted():
    weights = []
    for left in (0.0, 1e6):
        model = Tiny()
        frozen = model.inner.weight.requires_grad_(False)
        frozen.grad = torch.full_like(frozen, left)
        train(
            model, loss, Shuffled(data(), batch_size=16), replace(SETTINGS, epochs=1, patience=None), progress="quiet"
        )
        assert (frozen.grad == left).all()
        weights.append(bits(model))
    assert weights[0] == weights[1]


def test_batches_that_have_no_number_are_refused():
    with pytest.raises(ArgumentError, match=r"batches is a list; expected Shuffled, Drawn or Consecutive"):
        train(Tiny(), loss, [torch.zeros(2)], progress="quiet")


@pytest.mark.parametrize("make", [lambda: Shuffled(torch.zeros(3), 1, seed=-1), lambda: Drawn(data, 1, seed=-1)])
def test_a_seed_below_zero_is_refused_where_it_is_given(make):
    with pytest.raises(ArgumentError, match="seed is -1; expected a whole number, 0 or more"):
        make()


def test_frozen_parameters_stay_and_a_resumed_run_knows_it(tmp_path):
    def run(directory, stop_at=None):
        model, calls = Tiny(), []
        model.inner.requires_grad_(False)

        def stopping(model, batch):
            if calls.append(1) or len(calls) == stop_at:
                raise OSError("stopped")
            return loss(model, batch)

        stopping.__qualname__ = "loss"
        run = Run(directory, every_steps=2)
        train(model, stopping, Shuffled(data(), 16), Settings(epochs=2), run=run, progress="quiet")
        return bits(model)

    with pytest.raises(OSError, match="stopped"):
        run(tmp_path / "cut", stop_at=8)
    resumed = run(tmp_path / "cut")
    assert resumed == run(tmp_path / "whole")
    assert resumed["inner.weight"] == bits(Tiny())["inner.weight"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected a whole number, 1 or more"),
        ({"epochs": 1.5}, r"epochs is 1\.5"),
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; expected a finite number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"clip_norm": -1.0}, r"clip_norm is -1\.0"),
        ({"weight_decay": math.inf}, "weight_decay is inf"),
        ({"patience": 0}, "patience is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_setting_out_of_range_is_refused(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        Settings(**wrong)


def test_unknown_names_are_refused_with_a_hint():
    with pytest.raises(UnknownNameError, match='did you mean "cosine"'):
        Settings(schedule="cosin")
    with pytest.raises(UnknownNameError, match='did you mean "quiet"'):
        train(Tiny(), loss, Shuffled(data(), 16), Settings(), progress="quite")


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


def test_every_example_comes_once_an_epoch_in_a_new_order_each_time():
    batches = Shuffled(Pair(torch.arange(10), torch.arange(10) * 2), 4, seed=1)
    epochs = []
    for epoch in range(3):
        parts = [batches.batch(epoch, index) for index in range(len(batches))]
        assert all(isinstance(part, Pair) and torch.equal(part.y, part.x * 2) for part in parts)
        epochs.append(torch.cat([part.x for part in parts]).tolist())
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 3
    assert torch.equal(batches.batch(0, 1).x, Shuffled(batches.tensors, 4, seed=1).batch(0, 1).x)
    assert epochs[0] != torch.cat([Shuffled(batches.tensors, 4, seed=2).batch(0, i).x for i in range(3)]).tolist()


def test_time_major_sequences_are_shuffled_along_the_batch_axis():
    x = torch.arange(12).reshape(3, 4, 1)
    batch = Shuffled(x, 2, axis=1).batch(0, 0)
    assert batch.shape == (3, 2, 1)
    assert torch.equal(batch - batch[:1], torch.tensor([0, 4, 8]).reshape(3, 1, 1).expand(3, 2, 1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Shuffled((torch.ones(3), torch.ones(4)), 2), DataError, "0 has 3, 1 has 4 examples"),
        (lambda: Shuffled(torch.ones(0, 2), 2), DataError, "tensor has 0 examples"),
        (lambda: Shuffled((), 2), DataError, "no tensor came"),
        (lambda: Shuffled(torch.ones(3), 2, axis=1), DataError, r"has shape \(3,\); expected an axis 1"),
        (lambda: Shuffled(torch.ones(3), 0), ArgumentError, "batch_size is 0"),
        (lambda: Drawn(lambda generator: None, steps=0), ArgumentError, "steps is 0"),
    ],
)
def test_data_that_make_no_batches_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_plain_lines_are_printed_where_there_is_no_terminal_and_nothing_when_quiet(capsys):
    train(Tiny(), loss, Shuffled(data(), 16), Settings(epochs=2), progress="quiet")
    assert capsys.readouterr() == ("", "")
    train(Tiny(), loss, Shuffled(data(), 16), Settings(epochs=2), validate=validate)
    output, lines = capsys.readouterr()
    assert output == ""
    assert "\x1b" not in lines
    assert "\r" not in lines
    last = lines.splitlines()[-1]
    for part in ("epoch 2/2", "step 12/12", "loss ", "validation ", "steps/s", "finished"):
        assert part in last


def test_plain_lines_say_how_much_time_is_left(capsys, monkeypatch):
    monkeypatch.setattr("everystep.train.progress.LINE_EVERY", 0.0)
    train(Tiny(), loss, Shuffled(data(), 16), Settings(epochs=2), progress="plain")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert all(line.endswith(" left") for line in lines[:-1])


def test_a_terminal_gets_a_live_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr("everystep.train.progress.DRAW_EVERY", 0.0)
    train(Tiny(), loss, Shuffled(data(), 16), Settings(epochs=2))
    shown = capsys.readouterr().err
    for part in ("epoch 2/2", "12/12", "loss ", "steps/s", "left"):
        assert part in shown


def test_training_in_memory_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(None)
    assert snapshot(tmp_path) == {}


def validate(model: nn.Module) -> float:
    return loss(model, data(200)).item()
