"""The weights of several epochs are averaged, and a cut run averages the same ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everystep.errors import ArgumentError, TrainingError, UnknownNameError
from everystep.train import Settings, Shuffled, train
from everystep.train.averaging import averaged
from tiny_run import SETTINGS, Tiny, bits, data, fit, loss

FOUR = replace(SETTINGS, epochs=4, patience=None, average=2)


def weights_by_epoch(epochs: int) -> dict[int, dict[str, torch.Tensor]]:
    """Train once, and note the weights after each epoch."""
    model, seen = Tiny(), []

    def note(module: Tiny) -> float:
        seen.append({name: value.clone() for name, value in module.state_dict().items()})
        return float(-len(seen))  # every epoch is the best so far

    settings = replace(FOUR, average=1)
    train(model, loss, Shuffled(data(), batch_size=16, seed=7), settings, validate=note, progress="quiet")
    return dict(enumerate(seen[:epochs], start=1))


def test_the_last_epochs_are_averaged_without_validation():
    model, settings = Tiny(), replace(FOUR, averaged="last")
    train(model, loss, Shuffled(data(), batch_size=16, seed=7), settings, progress="quiet")
    wanted = averaged({epoch: weights_by_epoch(4)[epoch] for epoch in (3, 4)})
    assert bits(model) == {name: value.numpy().tobytes() for name, value in wanted.items()}


@pytest.mark.parametrize(("of_average", "kept"), [(-10.0, "average"), (10.0, "best")])
def test_the_average_is_kept_only_where_it_is_no_worse_than_the_best_epoch(of_average, kept):
    model, values = Tiny(), iter([3.0, 1.0, 2.0, 4.0, of_average])
    batches = Shuffled(data(), batch_size=16, seed=7)
    train(model, loss, batches, FOUR, validate=lambda _: next(values), progress="quiet")
    noted = weights_by_epoch(4)
    wanted = averaged({2: noted[2], 3: noted[3]}) if kept == "average" else noted[2]
    assert bits(model) == {name: value.numpy().tobytes() for name, value in wanted.items()}


def test_a_run_that_was_cut_averages_the_same_epochs(tmp_path):
    whole, _ = fit(tmp_path / "whole", settings=FOUR)

    def cut(model: Tiny) -> float:
        cut.calls += 1
        if cut.calls == 3:
            raise KeyboardInterrupt
        return loss(model, data(200)).item()

    cut.calls = 0
    from everystep.train import Run

    kept = Run(tmp_path / "cut", every_steps=1)
    batches = Shuffled(data(), batch_size=16, seed=7)
    with pytest.raises(KeyboardInterrupt):
        train(Tiny(), loss, batches, FOUR, validate=cut, run=kept, progress="quiet")
    model = Tiny()
    cut.calls = 10
    result = train(model, loss, batches, FOUR, validate=cut, run=kept, progress="quiet")
    assert result.resumed_from > 6
    assert bits(model) == bits(whole)


def test_settings_that_can_not_be_are_refused():
    with pytest.raises(ArgumentError, match="Settings: average is 0; expected a whole number, 1 or more"):
        Settings(average=0)
    with pytest.raises(UnknownNameError, match='averaged "bets" is unknown; did you mean "best"'):
        Settings(averaged="bets")
    with pytest.raises(TrainingError, match='pass validate=, or averaged="last"'):
        train(Tiny(), loss, Shuffled(data(), batch_size=16), FOUR, progress="quiet")


def test_other_figures_of_validation_are_logged_beside_it(tmp_path):
    from everystep.train import Run, read_log

    batches = Shuffled(data(), batch_size=16, seed=7)
    figures = {"validation": 1.0, "bleu": 30.0}
    settings = replace(FOUR, average=1)
    result = train(Tiny(), loss, batches, settings, validate=lambda _: figures, run=Run(tmp_path), progress="quiet")
    assert result.best_validation == 1.0
    assert [line["bleu"] for line in read_log(tmp_path) if "validation" in line] == [30.0] * 4
