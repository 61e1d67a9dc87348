"""Promise 3: kill at any moment, start again, and the final weights are the same bits."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from everystep.train import Shuffled, train
from tiny_run import SETTINGS, Tiny, bits, data, fit, log_without_time, loss, start, validate

posix = pytest.mark.skipif(os.name == "nt", reason="kills by a POSIX signal")

# Starts the run again and again, forked from one process, so that starting costs nothing. A run is killed a random
# number of steps, and a random moment, after it began; the last one is let be.
KILLER = """
import os, random, signal, sys, time, torch
torch.set_num_threads(1)
import tiny_run as t
from pathlib import Path
from dataclasses import replace
from itertools import pairwise
directory, settings = Path(sys.argv[1]), replace(t.SETTINGS, epochs=int(sys.argv[2]), patience=None)
every, kills = int(sys.argv[3]), int(sys.argv[4])
log, chance = directory / "log.jsonl", random.Random(every)
t.fit(None)  # loads what torch loads late
def lines():
    return log.read_bytes().count(10) if log.exists() else 0
for run in range(kills + 1):
    child, wanted = os.fork(), chance.randrange(0, 2 * every + 8)
    if child == 0:
        model, _ = t.fit(directory, settings=settings, every_steps=every)
        torch.save(model.state_dict(), str(directory) + ".pt")
        os._exit(0)
    seen, last = 0, lines()
    while run < kills and seen < wanted and os.waitpid(child, os.WNOHANG)[0] == 0:
        now = lines()
        seen, last = seen + max(0, now - last), now  # going on cuts the log back: no step
    if run < kills:
        time.sleep(chance.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
    print(os.waitpid(child, 0)[1], lines(), flush=True)
"""


@posix
@pytest.mark.parametrize(
    ("every", "epochs", "kills"),
    [(1, 25, 14), (7, 25, 10)],  # a checkpoint after each step makes most of the time writing
)
def test_runs_killed_at_random_moments_end_with_the_same_bits(tmp_path, every, epochs, kills):
    whole, result = fit(tmp_path / "whole", settings=replace(SETTINGS, epochs=epochs, patience=None))
    output, error = start(KILLER, tmp_path / "cut", epochs, every, kills).communicate(timeout=100)
    ends = [tuple(map(int, line.split())) for line in output.splitlines()]
    assert [status for status, _ in ends[-1:]] == [0], output + error
    midway = [lines for status, lines in ends if status == signal.SIGKILL and 0 < lines < result.steps]
    assert len(midway) >= kills - 2, f"killed in the middle only {len(midway)} times: {output}"
    weights = torch.load(tmp_path / "cut.pt", weights_only=True)
    assert {name: value.numpy().tobytes() for name, value in weights.items()} == bits(whole)
    assert log_without_time(tmp_path / "cut") == log_without_time(tmp_path / "whole")


# Runs that die by themselves at one given system call of an atomic write: before or after the temporary file is safe,
# and before or after the rename.
MOMENTS = [
    ("sync", "before", 1), ("replace", "before", 1), ("replace", "after", 1), ("sync", "before", 4),
    ("sync", "before", 40), ("sync", "after", 41), ("replace", "before", 9), ("replace", "after", 9),
]  # fmt: skip
DIES_WRITING = """
import json, os, signal, sys, torch
torch.set_num_threads(1)
import tiny_run as t
from pathlib import Path
t.fit(None)
def dying(function, when, calls):
    def call(*arguments):
        global left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments)
        if left == 0 and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    left = calls
    globals()["left"] = calls
    return call
for number, (what, when, calls) in enumerate(json.loads(sys.argv[2])):
    child = os.fork()
    if child == 0:
        if what == "sync":
            os.fsync = dying(os.fsync, when, calls)
        else:
            Path.replace = dying(Path.replace, when, calls)
        t.fit(Path(sys.argv[1], str(number)), every_steps=1)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@posix
def test_a_kill_in_the_middle_of_a_write_loses_nothing(tmp_path):
    output, error = start(DIES_WRITING, tmp_path, json.dumps(MOMENTS)).communicate(timeout=60)
    assert output.split() == [str(int(signal.SIGKILL))] * len(MOMENTS), output + error
    whole, _ = fit(tmp_path / "whole")
    for number, (what, when, calls) in enumerate(MOMENTS):
        cut, result = fit(tmp_path / str(number), every_steps=1)
        assert bits(cut) == bits(whole), (what, when, calls)
        assert log_without_time(tmp_path / str(number)) == log_without_time(tmp_path / "whole")
        assert not list((tmp_path / str(number)).glob("*.part"))
        assert result.resumed_from > 0 or calls < 5


@pytest.mark.parametrize("step", [1, 5, 6, 7, 35])  # 6 steps an epoch: within one, at its end, after it, near the end
def test_an_exception_between_steps_and_the_same_call_again_give_the_same_bits(tmp_path, monkeypatch, step):
    import tiny_run

    whole, _ = fit(None)
    calls = []

    def failing(model, batch):
        calls.append(1)
        if len(calls) == step + 1:
            raise OSError("the cluster went away")
        return original(model, batch)

    original = tiny_run.loss
    failing.__qualname__ = original.__qualname__
    monkeypatch.setattr(tiny_run, "loss", failing)
    monkeypatch.setattr(tiny_run, "validate", lambda model: original(model, tiny_run.data(200)).item())
    with pytest.raises(OSError, match="the cluster went away"):
        fit(tmp_path / "run", every_steps=3)
    cut, result = fit(tmp_path / "run", every_steps=3)
    assert result.resumed_from == step - step % 3
    assert bits(cut) == bits(whole)
    assert [line["step"] for line in log_without_time(tmp_path / "run")] == list(range(1, 37))


def test_the_checkpoint_period_and_the_directory_change_no_bit(tmp_path):
    nowhere, _ = fit(None)
    each_step, _ = fit(tmp_path / "a", every_steps=1)
    by_time, _ = fit(tmp_path / "b", every_seconds=0.001)
    at_the_end, _ = fit(tmp_path / "c")
    assert bits(nowhere) == bits(each_step) == bits(by_time) == bits(at_the_end)


def test_the_callers_random_numbers_are_neither_used_nor_changed():
    batches, models = Shuffled(data(), 16), (Tiny(), Tiny())
    found = []
    for seed, model in enumerate(models):
        torch.manual_seed(seed)
        expected = torch.rand(3)
        torch.manual_seed(seed)
        train(model, loss, batches, SETTINGS, validate=validate, progress="quiet")
        assert torch.equal(torch.rand(3), expected)
        found.append(bits(model))
    assert found[0] == found[1]


INTERRUPTED = """
import sys, time, torch
sys.modules["tabulate"] = None  # torch imports it when Python ends, and Python then forgets what ended it
torch.set_num_threads(1)
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
import tiny_run as t
quick = t.loss
def slow(model, batch):
    print("step", flush=True)
    time.sleep(0.02)
    return quick(model, batch)
t.validate = lambda model: quick(model, t.data(200)).item()
slow.__qualname__ = "loss"
t.loss = slow
t.fit(Path(sys.argv[1]))
"""


@posix
def test_ctrl_c_ends_the_step_saves_and_says_how_to_go_on(tmp_path):
    process = start(INTERRUPTED, tmp_path / "run")
    assert process.stdout is not None
    for _ in range(8):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode in {130, -signal.SIGINT}  # a shell reports the second as the first
    assert "KeyboardInterrupt" in error
    assert "Stopped after step 8 of 36. The same command goes on from there" in error
    cut, result = fit(tmp_path / "run")
    assert result.resumed_from == 8
    assert bits(cut) == bits(fit(None)[0])


def test_a_second_ctrl_c_goes_through_at_once(tmp_path):
    from everystep.train.interrupt import interrupts

    def twice():
        with interrupts() as came:
            signal.raise_signal(signal.SIGINT)
            assert came()
            signal.raise_signal(signal.SIGINT)
            time.sleep(1)
            pytest.fail("the second Ctrl-C was swallowed")

    with pytest.raises(KeyboardInterrupt):
        twice()


def test_a_ctrl_c_after_the_last_look_is_not_swallowed():
    from everystep.train.interrupt import interrupts

    def late():
        with interrupts():
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        late()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_log_of_a_resumed_run_reads_as_json_lines(tmp_path):
    fit(tmp_path)
    lines = [json.loads(line) for line in Path(tmp_path, "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 37))
    assert sum("validation" in line for line in lines) == 6
    assert all(a["seconds"] <= b["seconds"] for a, b in pairwise(lines))
