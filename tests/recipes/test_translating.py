"""The recipes for translators: texts, settings that are read, one reading of each test, figures as in the rows."""

from __future__ import annotations

import importlib
import json
from functools import partial

import pytest

from everystep.text import read_parallel
from everystep.translate.validation import Validation


@pytest.fixture(autouse=True)
def _from_the_repository(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository))


def room(name: str):
    return importlib.import_module(f"recipes.translating.{name}")


def test_every_recipe_has_settings_that_are_read():
    for recipe in room("table").RECIPES.values():
        assert recipe.choices(3).training.seed == 3
        assert recipe.choices(3).chosen(seed=0) == recipe.choices(0)


@pytest.mark.parametrize("name", ["dates", "sums", "scan", "g2p-kor", "cmudict", "de-en"])
def test_what_is_tested_is_not_trained_on(name, shared_data):
    texts = room("table").RECIPES[name].texts(shared_data)
    seen = set(texts.train.source)
    allowed = 0.15 if name == "de-en" else 0.01 if name == "g2p-kor" else 0.0  # some captions and homographs come twice
    for text in (texts.valid, *texts.tests.values()):
        assert sum(line in seen for line in text.source) <= allowed * len(text)


def test_pairs_that_are_held_back_are_the_same_ones_each_time(shared_data):
    texts = room("texts")
    once, again = texts.sums(shared_data), texts.sums(shared_data)
    assert once.valid == again.valid
    assert (len(once.train), len(once.valid), len(once.tests["test"])) == (43_000, 2_000, 5_000)
    assert eval(once.valid.source[0][::-1]) == int(once.valid.target[0])


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A recipe that runs in a second."""
    recipe = room("recipe")
    words = ["ab", "ba", "aab", "abb", "bab", "bba"] * 4
    text = read_parallel(words, [word[::-1] for word in words])
    read = recipe.Texts(text, text, {"test": text})
    (tmp_path / "tiny.toml").write_text(
        '[text]\ntokens = "char"\n[model]\nhidden = 8\nembedding = 4\n[training]\nepochs = 1\nmetric = "exact"\n'
    )
    monkeypatch.setattr(recipe, "HERE", tmp_path)
    aims = (recipe.Aim("test", "exact", 50.0, "none"),)
    tiny = recipe.Recipe("Tiny", lambda data: read, "tiny.toml", aims, seeds=2)
    program, results = room("__main__"), room("results")
    monkeypatch.setitem(program.RECIPES, "tiny", tiny)
    monkeypatch.setattr(results, "KEPT", tmp_path / "kept.jsonl")
    return partial(program.main, ["tiny", "--folder", str(tmp_path / "runs")]), tmp_path / "runs"


def test_each_seed_and_all_together_read_the_test_once(tiny, capsys):
    main, folder = tiny
    main()
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [(row["seed"], row["tests"]["test"]["reads"]) for row in rows] == [(0, 1), (1, 1), ("all", 2)]
    assert rows[0]["settings"]["model"]["hidden"] == 8
    assert "tiny, seed all" in capsys.readouterr().out
    main()  # nothing is left to do, and nothing is read again
    assert len((folder / "results.jsonl").read_text().splitlines()) == 3


def test_a_twin_begins_and_is_judged_as_ours_and_leaves_a_row(tiny, monkeypatch):
    main, folder = tiny
    program, twin = room("__main__"), room("twin")
    recipe = program.RECIPES["tiny"]
    read = recipe.texts(folder)
    fitted, _ = twin.untrained(read.train, read.valid, recipe.choices(0))
    judge = twin.judge(fitted, read.valid, twin.twin_of(fitted).eval(), width=1)
    ours = Validation(fitted, judge.pairs, read.valid)
    fitted.model.eval()
    assert judge(judge.plain) == pytest.approx(ours(fitted.model), rel=1e-5)  # float32 in another order
    assert judge.said() == ours.said()
    monkeypatch.setitem(program.RECIPES, "tiny", recipe._replace(twin=True))
    main()
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    of_ours, (of_twin,) = rows[0], [row for row in rows if row["seed"] == twin.TWIN]
    assert of_twin["tests"]["test"]["reads"] == 1
    assert of_twin["epochs"] == of_ours["epochs"] == 1
    assert of_twin["figures"]["validation_loss"] == pytest.approx(of_ours["figures"]["validation_loss"], rel=1e-3)
    main()
    assert len((folder / "results.jsonl").read_text().splitlines()) == len(rows)


def test_rows_of_other_settings_do_not_count(tiny, tmp_path):
    main, folder = tiny
    main()
    results, recipes = room("results"), room("table").RECIPES
    assert len(results.read(recipes, folder / "results.jsonl")) == 3
    settings = tmp_path / "tiny.toml"
    settings.write_text(settings.read_text().replace("hidden = 8", "hidden = 9"))
    assert results.read(recipes, folder / "results.jsonl") == {}


def row(recipe, seed, **figures):
    return {
        "recipe": recipe, "seed": seed, "parameters": 10, "epochs": 3, "best_epoch": 2, "seconds": 60.0,
        "figures": {"validation": 1.0}, "tests": {"test": {**figures, "reads": 1}},
    }  # fmt: skip


def test_the_page_says_what_is_met_and_what_is_not():
    page, table = room("page"), room("table")
    rows = {("dates", seed): row("dates", seed, exact=value) for seed, value in enumerate((99.0, 99.6, 100.0))}
    rows |= {
        (f"g2p-{code}", seed): row(f"g2p-{code}", seed, wer=wer, per=4.0)
        for code in table.SPELLINGS
        for seed, wer in ((0, 15.0), (1, 16.0), ("all", 14.5))
    }
    rows["dates", "torch.nn"] = row("dates", "torch.nn", exact=97.0)
    lines = {
        line.split(" | ")[0][2:] + line.split(" | ")[1]: line
        for line in page.text(table.RECIPES, rows).splitlines()
        if line.count(" | ") == 9
    }
    assert lines["Dates to ISOexact"].endswith("| 3 | 99.53 | 100.00 |  | yes | 97.00 |")
    assert lines["Seven languages, meanwer"].endswith("| 2 | 15.50 | 15.00 | 14.50 | NO |  |")  # together 14 is asked
    assert lines["Seven languages, meanper"].endswith("| yes |  |")
    assert "not run yet" in lines["SCAN, simpleexact"]
