"""The speed table compares right numbers, and says what was lost."""

from __future__ import annotations

import importlib
import json

import pytest

SMALL = (7, 3, 5, 8)


@pytest.fixture(autouse=True)
def _from_the_repository(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository))


def room(name: str):
    return importlib.import_module(f"benchmarks.peers.{name}")


@pytest.mark.parametrize("mode", ["train", "infer", "step"])
def test_every_side_computes_what_float64_does(mode):
    contender, work = room("contender"), room("work")
    sides, _ = contender.load(("everystep_llvm", "everystep_tensors", "torch_native", "torch_loop", "numpy_loop"))
    for cell in work.CELLS:
        made = work.make(mode, cell, work.Point(*SMALL)._replace(rows=1 if mode == "step" else 3))
        right = contender.judge(made)
        for side in sides.values():
            try:
                ready = side.prepare(made)
            except contender.LeftOut:
                continue
            error, _ = contender.worst(ready.arrays(ready.run()), right)
            assert error < 1e-5  # float32 over seven steps


def test_a_wrong_side_is_left_out_and_named():
    race, work, numpy_loop = room("race"), room("work"), room("numpy_loop")

    class Wrong:
        @staticmethod
        def prepare(made):
            return numpy_loop.prepare(made._replace(x=made.x + 1))

    found = race.race(
        "step", "elman", work.Point(4, 1, 2, 3), {"torch_loop": room("torch_loop"), "numpy_loop": Wrong}, 0.0
    )
    assert list(found.seconds) == ["torch_loop"]
    assert found.left_out["numpy_loop"].startswith("wrong: y is off by")


def test_a_comparison_without_sides_is_recorded_as_empty():
    race, work = room("race"), room("work")
    found = race.race("step", "elman", work.Point(4, 1, 2, 3), {}, 0.0)
    assert found.seconds == {}
    assert found.errors == {}


def test_a_loss_counts_when_the_whole_interval_lies_below_one():
    table = room("table")
    assert table.lost([record([1.0] * 9, [2.0] * 9)])
    assert not table.lost([record([1.0] * 9, [2.0, 0.5] * 4 + [1.0])])
    assert table.against(record([2.0] * 9, [1.0] * 9), "torch_loop") == (2.0, 2.0, 2.0)


def test_a_run_becomes_a_page_and_survives_being_kept(tmp_path):
    race, report = room("race"), room("report")
    kept = race.Record.read(json.loads(json.dumps(record([1.0] * 9, [2.0] * 9)._asdict())))
    run = report.Run(
        {"date": "today"}, {"jax_scan": "not installed"}, [kept], {"overhead": [{"call": "forward", "µs": 9.0}]}
    )
    page = tmp_path / "speed.md"
    page.write_text(f"Before.\n\n{report.MARK}\n\nold figures\n")
    report.write_page(run, page)
    written = page.read_text()
    assert written.startswith("Before.")
    assert "old figures" not in written
    assert "0.50*" in written
    assert "JAX scan: not installed" in written


def record(theirs: list[float], ours: list[float]):
    point = room("work").Point(100, 1, 8, 32)
    seconds = {"torch_loop": theirs, "everystep_llvm": ours}
    return room("race").Record("train", "lstm", point, 1e6, seconds, {}, {}, 0.0)
