"""The tasks of recipes/learning are what their names say, and a run that was cut ends as the whole."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def _from_the_repository(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository))


def room(name: str):
    return importlib.import_module(f"recipes.learning.{name}")


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_sum_is_of_the_two_marked_values():
    x, target, where = room("adding").drawn(rng(), 9)
    for column in range(9):
        marked = [step for step in range(200) if x[step, column, 1] == 1]
        assert len(marked) == 2
        assert target[column].item() == pytest.approx(sum(x[step, column, 0].item() for step in marked))
    assert x[..., 1].sum() == 18
    assert (where == 199).all()


def test_saying_one_gives_the_known_error_on_the_kept_sums(shared_data):
    kept = room("adding").kept(shared_data)
    assert ((kept.target - 1) ** 2).mean().item() == pytest.approx(0.165, abs=5e-4)  # as the data set states


LATER = "(XT*VP)*(S|XT*VV)"
REBER = re.compile(f"B([TP])B(TS*X{LATER}|PT*V(V|P{LATER}))E\\1E")


def test_drawn_strings_are_of_the_grammar_and_are_like_the_kept_ones(shared_data):
    reber, generator = room("reber"), rng()
    strings = [reber.drawn(generator) for _ in range(2000)]
    assert all(REBER.fullmatch(string) for string in strings)
    assert np.mean([len(string) for string in strings]) == pytest.approx(12.03, abs=0.3)  # mean of the kept 10,000


def test_legal_successors_are_those_that_follow_somewhere():
    reber, generator = room("reber"), rng()
    strings, seen = [reber.drawn(generator) for _ in range(5000)], defaultdict(set)
    for string in strings:
        for stop in range(1, len(string)):
            seen[string[:stop]].add(string[stop])
    for string in strings[:100]:
        legal = reber.legal(string)
        assert len(legal) == len(string) - 1
        for stop, symbols in enumerate(legal, start=1):
            assert seen[string[:stop]] <= symbols
            assert stop > 6 or seen[string[:stop]] == symbols  # a start of 6 or fewer comes often enough


def test_a_string_counts_only_if_every_symbol_is_right():
    reber = room("reber")
    strings = ["BTBTXSETE", "BPBPVVEPE"]
    may, used = reber.allowed(strings)
    scores = may.float()
    assert reber.all_right(lambda _: scores, strings) == 100
    scores[7, 1] = 1  # E ranks no higher than the others
    assert reber.all_right(lambda _: scores, strings) == 50
    assert used.all()


def slow(name: str, symbols: list[int]) -> int:
    """The labels as their definitions read."""
    if name == "parity_check":
        return symbols.count(1) % 2
    if name == "even_pairs":
        return sum(a != b for a, b in pairwise(symbols)) % 2
    if name == "cycle_navigation":
        return sum(symbol - 1 for symbol in symbols) % 5
    return eval("".join("01234+-*"[symbol] for symbol in symbols)) % 5


@pytest.mark.parametrize("name", ["parity_check", "even_pairs", "cycle_navigation", "modular_arithmetic_simple"])
def test_labels_of_regular_languages_are_what_the_definition_gives(name, shared_data):
    regular = room("regular")
    task = regular.Regular(shared_data, name)
    x, target, where = task.batch(rng())
    for column, last in enumerate(where.tolist()):
        assert target[column] == slow(name, x[: last + 1, column].argmax(-1).tolist())
    assert where.max() >= 36
    with np.load(shared_data / "synthetic" / f"regular_{name}.npz") as file:
        for length in (41, 257):
            assert (task.language.label(file[f"x{length}"])[:, -1] == file[f"y{length}"]).all()
            assert file[f"y{length}"][0] == slow(name, file[f"x{length}"][0].tolist())


def test_a_frame_is_scored_by_the_sum_over_keys_and_the_mean_over_true_frames(shared_data):
    chorales = room("chorales").Chorales(shared_data)
    frames = {split: sum(len(piece) - 1 for piece in pieces) for split, pieces in chorales.pieces.items()}
    assert frames == {"train": 13578, "valid": 4526, "test": 4648}  # as the data set states
    share = torch.cat([piece[1:] for piece in chorales.pieces["train"]]).mean(0).clamp(1e-6)
    total = sum(
        nn.functional.binary_cross_entropy(share.expand_as(piece[1:]), piece[1:], reduction="sum").item()
        for piece in chorales.pieces["test"]
    )
    said = chorales.test(_Same(share.logit()))
    assert said == pytest.approx(total / frames["test"], rel=1e-4)  # float32 sums of 400,000 terms
    assert said == pytest.approx(11.09, abs=0.02)  # as the data set states of the marginal


class _Same(nn.Module):
    """Says the same whatever comes."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, x):
        return self.logits.expand_as(x)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")  # torch's own, about its speed
def test_every_cell_has_a_place_and_twins_have_the_same_sizes(shared_data):
    tasks, models = room("tasks"), room("models")
    task = tasks.TASKS["parity_check"](shared_data)
    listed = tasks.sides(task)
    assert {cell for cell, _ in listed} == set(models.CELLS)
    x = torch.randn(5, 2, task.inputs)
    for cell in models.TWINS:
        ours, twin = (models.network(task, cell, side) for side in (models.OURS, models.TORCH))
        assert ours.recurrent.output_size == twin.run(x).shape[-1]
        assert ours.readout.weight.shape == twin.readout.weight.shape


def test_a_run_cut_after_every_validation_ends_as_the_whole(shared_data, tmp_path, monkeypatch, capsys):
    reber, main = room("reber"), importlib.import_module("recipes.learning.__main__").main
    tiny = reber.Reber.settings._replace(hidden=4, batch=4, steps=6, check_every=2, warmup=3, average=0.5)
    monkeypatch.setattr(reber.Reber, "settings", tiny)
    asked = ["--tasks", "reber", "--cells", "elman", "--seeds", "1", "--data", str(shared_data), "--folder"]
    main([*asked, str(tmp_path / "whole")])
    for calls in range(1, 20):
        main([*asked, str(tmp_path / "cut"), "--minutes", "0"])
        if not list((tmp_path / "cut").glob("*.pt")) and calls > 4:
            break
    rows = [_rows(tmp_path / folder / "results.jsonl") for folder in ("whole", "cut")]
    assert [row["side"] for row in rows[0]] == ["everystep", "torch.nn"]
    assert rows[0] == rows[1]
    assert "The time is up" in capsys.readouterr().out
    main([*asked, str(tmp_path / "whole")])
    assert len(_rows(tmp_path / "whole" / "results.jsonl")) == 2, "what is done is not done again"


def test_the_rate_rises_in_a_line_and_falls_to_a_hundredth():
    settings = room("task").Settings(hidden=1, batch=1, steps=100, check_every=1, learning_rate=2.0, warmup=4)
    flat = settings._replace(warmup=0)
    assert [settings.rate(step) / flat.rate(step) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert (flat.rate(0), flat.rate(50), flat.rate(100)) == pytest.approx((2.0, 2.0 * 0.505, 0.02))


@pytest.mark.parametrize("kept", [0.0, 0.75])
def test_the_running_mean_of_the_weights_is_judged(kept, shared_data, tmp_path):
    reber, training = room("reber"), room("training")
    task = reber.Reber(shared_data)
    task.settings = task.settings._replace(hidden=4, batch=4, average=kept)
    run = training.Training(task, training.Key("reber", "elman", "everystep", 0), tmp_path)
    weights, expected = vector(run.model), None
    for step in range(3):
        run._step(step)
        weights = vector(run.model)
        expected = weights if expected is None else kept * expected + (1 - kept) * weights
        torch.testing.assert_close(vector(run.mean), expected, rtol=1e-6, atol=1e-7)
    assert torch.equal(vector(run.mean), weights) == (kept == 0)


def vector(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def test_dropout_of_x_acts_in_training_alone(shared_data):
    task, models = room("reber").Reber(shared_data), room("models")
    task.settings = task.settings._replace(hidden=4, input_dropout=0.5)
    model, x = models.network(task, "elman", models.OURS), torch.ones(50, 2, task.inputs)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def _rows(path) -> list[dict]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_row_of_another_budget_does_not_count(shared_data, tmp_path):
    results, tasks, rows = room("results"), room("tasks"), importlib.import_module("recipes.rows")
    made = {name: make(shared_data) for name, make in tasks.TASKS.items()}
    budget = made["adding"].settings._asdict()
    row = {"task": "adding", "cell": "gru", "side": "everystep", "seed": 0, "score": math.pi}
    for settings in (budget, budget | {"hidden": 1}):
        rows.append(tmp_path / "rows.jsonl", row | {"settings": settings, "seed": settings["hidden"]})
    assert [key.seed for key in results.read(made, tmp_path / "rows.jsonl")] == [budget["hidden"]]


def test_a_row_with_a_choice_that_is_no_more_does_not_count(shared_data, tmp_path):
    results, tasks, rows = room("results"), room("tasks"), importlib.import_module("recipes.rows")
    made = {"adding": tasks.TASKS["adding"](shared_data)}
    settings = made["adding"].settings._asdict() | {"momentum": 0.9}
    rows.append(tmp_path / "r.jsonl", {"task": "adding", "cell": "gru", "side": "x", "seed": 0, "settings": settings})
    assert results.read(made, tmp_path / "r.jsonl") == {}


def test_a_row_from_before_a_choice_counts_where_nothing_was_chosen(shared_data, tmp_path):
    results, tasks, rows = room("results"), room("tasks"), importlib.import_module("recipes.rows")
    made = {name: make(shared_data) for name, make in tasks.TASKS.items()}
    for task in ("adding", "chorales"):
        before = {name: value for name, value in made[task].settings._asdict().items() if name != "average"}
        row = {"task": task, "cell": "gru", "side": "everystep", "seed": 0, "settings": before}
        rows.append(tmp_path / "rows.jsonl", row)
    assert [key.task for key in results.read(made, tmp_path / "rows.jsonl")] == ["adding"]


def test_the_page_says_what_the_kept_rows_say(shared_data):
    page, results, tasks = room("page"), room("results"), room("tasks")
    made = {name: make(shared_data) for name, make in tasks.TASKS.items()}
    told = page.PAGE.read_text(encoding="utf-8").partition(page.MARK)[2]
    assert told.strip() == page.text(made, results.read(made, results.KEPT)).strip()


def test_the_picture_has_a_row_for_each_cell_that_ran_and_the_best_on_top(shared_data, tmp_path):
    picture, tasks, training = room("picture"), room("tasks"), room("training")
    made = {name: tasks.TASKS[name](shared_data) for name in ("adding", "reber")}
    scores = {"elman": (0.16, False), "gru": (0.0004, True)}
    rows = {
        training.Key("adding", cell, "everystep", 0): {"score": score, "reached": reached}
        for cell, (score, reached) in scores.items()
    }
    rows[training.Key("adding", "lstm", "torch.nn", 0)] = {"score": 0.1, "reached": False}
    picture.draw(made, rows, tmp_path / "learning.svg")
    drawn = (tmp_path / "learning.svg").read_text(encoding="utf-8")
    assert "<!-- gru -->" in (tmp_path / "learning-narrow.svg").read_text(encoding="utf-8")
    texts = re.findall("<!-- (.+?) -->", drawn)  # matplotlib writes each text beside its outline
    assert [text for text in texts if text in {*scores, "lstm"}] == ["gru", "elman"]
    assert {"4.0e-04", "0.16"} <= set(texts)
    picture.draw(made, rows, tmp_path / "learning.svg")
    assert (tmp_path / "learning.svg").read_text(encoding="utf-8") == drawn, "the same bytes each time"
