"""What a run directory allows and refuses."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch

from everystep.errors import ArgumentError, ModelFileError, RunError
from everystep.train import Drawn, Run, Settings, Shuffled, train
from tiny_run import SETTINGS, Tiny, bits, data, fit, loss, snapshot, start, validate


def test_a_finished_run_says_so_and_not_a_byte_or_time_changes(tmp_path, capsys):
    trained, result = fit(tmp_path / "run")
    before = snapshot(tmp_path / "run")
    model = Tiny()
    batches = Shuffled(data(), batch_size=16, seed=7)
    again = train(model, loss, batches, SETTINGS, validate=validate, run=Run(tmp_path / "run"), progress="plain")
    assert again.already_finished
    assert not result.already_finished
    assert (again.steps, again.history, again.best_epoch) == (result.steps, result.history, result.best_epoch)
    assert bits(model) == bits(trained)
    assert snapshot(tmp_path / "run") == before
    assert "is finished; nothing was changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": replace(SETTINGS, learning_rate=0.01)}, "learning_rate: 0.02 there, 0.01 here"),
        (
            {"settings": replace(SETTINGS, patience=None, epochs=7)},
            "epochs: 6 there, 7 here; patience: 4 there, not given here",
        ),
        ({"about": {"horizon": 12}}, "horizon: 24 there, 12 here"),
        ({"about": {}}, "horizon: 24 there, not given here"),
        ({"rows": 91}, r"data x: float32 \(90, 3\) sha256 \w+ there, float32 \(91, 3\)"),
    ],
)
def test_changed_settings_or_data_are_refused_and_named(tmp_path, changed, message):
    fit(tmp_path / "run", about={"horizon": 24})
    before = snapshot(tmp_path / "run")
    with pytest.raises(RunError, match=message):
        fit(tmp_path / "run", **({"about": {"horizon": 24}} | changed))
    assert snapshot(tmp_path / "run") == before


def test_one_changed_value_in_the_data_is_noticed(tmp_path):
    def run(x):
        batches = Shuffled((x, x), 4)
        train(torch.nn.Linear(1, 1), mean, batches, Settings(epochs=1), run=Run(tmp_path), progress="quiet")

    x = torch.arange(8.0).reshape(8, 1)
    run(x)
    run(x.clone())
    with pytest.raises(RunError, match="data 0: float32"):
        run(x.clone().index_fill_(0, torch.tensor(7), 7.0001))


def test_a_changed_model_batch_size_or_loss_is_refused_and_named(tmp_path):
    def run(outputs=1, batch_size=4, loss=mean):
        batches = Shuffled((torch.ones(8, 1), torch.ones(8, 1)), batch_size)
        train(torch.nn.Linear(1, outputs), loss, batches, Settings(epochs=1), run=Run(tmp_path), progress="quiet")

    run()
    for change, message in {
        ("outputs", 2): r"model weight: float32 \(1, 1\) there, float32 \(2, 1\) here",
        ("batch_size", 2): "data batch_size: 4 there, 2 here",
        ("loss", largest): "classes loss: mean there, largest here",
    }.items():
        with pytest.raises(RunError, match=message):
            run(**dict([change]))


def test_overwrite_starts_anew_and_leaves_files_of_others(tmp_path):
    fit(tmp_path / "run")
    (tmp_path / "run" / "mine.txt").write_text("keep me")
    other = replace(SETTINGS, learning_rate=0.01)
    anew, result = fit(tmp_path / "run", settings=other, overwrite=True)
    assert not result.already_finished
    assert bits(anew) == bits(fit(None, settings=other)[0])
    assert (tmp_path / "run" / "mine.txt").read_text() == "keep me"
    assert fit(tmp_path / "run", settings=other)[1].already_finished


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_that_holds_something_else_is_refused_and_not_touched(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "config.json").write_text('{"theme": "dark"}')
    before = snapshot(tmp_path)
    with pytest.raises(RunError, match=r"holds something else \(config.json, thesis.tex\)"):
        fit(tmp_path, overwrite=overwrite)
    assert snapshot(tmp_path) == before


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunError, match="is a file; expected a directory"):
        fit(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "a file"


def test_a_directory_in_which_a_process_trains_is_refused_to_a_second_one(tmp_path):
    code = """
import sys, time, tiny_run as t
from pathlib import Path
t.loss = lambda model, batch: (print("training", flush=True), time.sleep(100))
t.fit(Path(sys.argv[1]))
"""
    process = start(code, tmp_path / "run")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "training\n"
        with pytest.raises(RunError, match="another process is training in"):
            fit(tmp_path / "run", overwrite=True)
    finally:
        process.kill()
        process.communicate()
    with pytest.raises(RunError, match="classes loss: <lambda> there, loss here"):
        fit(tmp_path / "run")
    assert fit(tmp_path / "run", overwrite=True)[1].steps == 36


def test_a_run_of_fresh_batches_goes_on_and_its_function_is_known_by_what_it_draws(tmp_path):
    def run(scale, kill_at=None, directory=tmp_path):
        def draw(generator):
            return scale * torch.randn(4, 1, generator=generator), torch.zeros(4, 1)

        def stopping(model, batch):
            if seen.append(1) or len(seen) == kill_at:
                raise OSError("stopped")
            return mean(model, batch)

        stopping.__qualname__ = "mean"
        seen, model = [], torch.nn.Linear(1, 1)
        torch.nn.init.ones_(model.weight)
        torch.nn.init.ones_(model.bias)
        train(model, stopping, Drawn(draw, 10), Settings(epochs=2), run=Run(directory, every_steps=4), progress="quiet")
        return bits(model)

    with pytest.raises(OSError, match="stopped"):
        run(1.0, kill_at=15)
    assert run(1.0) == run(1.0, directory=tmp_path / "whole")
    with pytest.raises(RunError, match="data first 0: float32"):
        run(2.0)


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_value_in_about_that_json_cannot_hold_is_refused(tmp_path, value):
    with pytest.raises(ArgumentError, match="a value to be saved is not plain"):
        fit(tmp_path / "run", about={"when": value})
    assert not (tmp_path / "run").exists()


def test_a_damaged_run_file_is_named(tmp_path):
    fit(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text('{"format": 1, "ident')
    with pytest.raises(ModelFileError, match=r"run\.json is damaged"):
        fit(tmp_path / "run")


def test_a_log_that_lost_lines_is_named(tmp_path, monkeypatch):
    def failing(model):
        raise OSError("stopped")

    monkeypatch.setattr("tiny_run.validate", failing)
    with pytest.raises(OSError, match="stopped"):
        fit(tmp_path, every_steps=1)
    os.truncate(tmp_path / "log.jsonl", 10)
    with pytest.raises(ModelFileError, match=r"log\.jsonl is damaged: it holds 10 bytes"):
        fit(tmp_path)


def test_a_run_file_of_another_program_is_not_taken_for_ours(tmp_path):
    (tmp_path / "run.json").write_text('{"kind": "marathon"}')
    with pytest.raises(RunError, match=r"holds something else \(run\.json\)"):
        fit(tmp_path, overwrite=True)


def mean(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def largest(model, batch):
    return (model(batch[0]) - batch[1]).square().amax()
