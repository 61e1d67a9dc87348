"""The learning rate of a step is a function of the settings, the step and how validation went."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from everystep.errors import ArgumentError, TrainingError
from everystep.train import Settings, Shuffled, train
from everystep.train.run import differences
from everystep.train.schedule import SCHEDULES, learning_rate, plateaus_in
from tiny_run import SETTINGS, Tiny, bits, data, fit, log_without_time, loss

PLATEAU = replace(SETTINGS, epochs=9, learning_rate=0.2, schedule="plateau", plateau=1, patience=None)


@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_the_inverse_root_is_the_schedule_of_the_transformer(warmup):
    rates = [learning_rate(step, 100, peak=0.5, schedule="inverse_sqrt", warmup_steps=warmup) for step in range(100)]
    peak = max(1, warmup)
    for n, rate in enumerate(rates, start=1):  # Vaswani et al. (2017), equation 3, scaled to its highest value
        assert rate == pytest.approx(0.5 * math.sqrt(peak) * min(n**-0.5, n * peak**-1.5), rel=1e-14)
    assert max(rates) == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_warms_up_in_a_straight_line_and_goes_on_from_the_peak(schedule):
    rates = [learning_rate(step, 50, peak=2.0, schedule=schedule, warmup_steps=8) for step in range(50)]
    assert rates[:8] == [0.25 * n for n in range(1, 9)]
    assert 1.8 < rates[8] <= 2
    assert all(later <= rate for rate, later in pairwise(rates[8:]))


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_plateau_is_where_torch_finds_one(epochs):
    generator = torch.Generator().manual_seed(epochs)
    values = torch.randint(0, 40, (60,), generator=generator).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    judge = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=epochs - 1, threshold=0.0)
    for many, value in enumerate(values, start=1):
        judge.step(value)
        if optimizer.param_groups[0]["lr"] > 1e-7:  # torch stops where a step would be below 1e-8
            assert optimizer.param_groups[0]["lr"] == 0.5 ** plateaus_in(values[:many], epochs)


def test_the_rate_is_halved_after_epochs_that_were_no_better():
    values = iter([3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.5, 1.0])
    settings = Settings(epochs=8, learning_rate=0.4, schedule="plateau", plateau=2)
    batches = Shuffled(data(), 16)
    result = train(Tiny(), loss, batches, settings, validate=lambda _: next(values), progress="quiet")
    assert [epoch.learning_rate for epoch in result.history] == [0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1]


def test_a_run_on_a_plateau_that_was_cut_goes_on_to_the_same_bits(tmp_path):
    whole, result = fit(tmp_path / "whole", settings=PLATEAU)
    rates = [epoch.learning_rate for epoch in result.history]
    assert len(set(rates)) > 2
    for step in (11, 30, 47):
        tried = tmp_path / str(step)
        with pytest.MonkeyPatch.context() as patch:
            calls = []

            def failing(model, batch, calls=calls, step=step):
                calls.append(1)
                if len(calls) > step:
                    raise OSError("gone")
                return loss(model, batch)

            failing.__qualname__ = loss.__qualname__
            patch.setattr("tiny_run.loss", failing)
            patch.setattr("tiny_run.validate", lambda model: loss(model, data(200)).item())
            with pytest.raises(OSError, match="gone"):
                fit(tried, settings=PLATEAU, every_steps=1)
        cut, again = fit(tried, settings=PLATEAU, every_steps=1)
        assert again.resumed_from == step
        assert bits(cut) == bits(whole)
        assert log_without_time(tried) == log_without_time(tmp_path / "whole")


def test_a_plateau_without_its_schedule_or_a_validation_is_refused():
    with pytest.raises(ArgumentError, match='schedule is "plateau" and plateau None; expected both'):
        Settings(schedule="plateau")
    with pytest.raises(ArgumentError, match='schedule is "cosine" and plateau 3; expected both'):
        Settings(schedule="cosine", plateau=3)
    with pytest.raises(ArgumentError, match="plateau is 0; expected a whole number, 1 or more"):
        Settings(schedule="plateau", plateau=0)
    with pytest.raises(TrainingError, match='schedule "plateau" needs a validation'):
        train(Tiny(), loss, Shuffled(data(), 16), PLATEAU, progress="quiet")


def test_a_run_from_before_a_setting_was_there_goes_on_where_it_is_not_given():
    assert differences({"settings": {"epochs": 3}}, {"settings": {"epochs": 3, "plateau": None}}) == []
    assert differences({"settings": {}}, {"settings": {"plateau": 2}}) == ["plateau: not given there, 2 here"]
