"""``everystep translate``: two commands from two files to a translation; every refusal by file and line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from everystep.cli import main
from looks import complaints
from reversed_words import FILES, write

SOURCE = Path(__file__).resolve().parents[2] / "src"
FIT = ["translate", "fit", *FILES, "--config", "small.toml"]


def run(*arguments: object) -> int:
    """Run the program in this process and give its exit code."""
    with pytest.raises(SystemExit) as leaving:
        main([str(a) for a in arguments])
    return int(leaving.value.code or 0)


def start(folder: Path, *arguments: object, **how: object) -> subprocess.Popen[bytes]:
    """Start the program in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "everystep", *map(str, arguments)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes, **how)


def answer(folder: Path, arguments: list[str], given: bytes) -> tuple[int, str, str]:
    done = start(folder, "translate", *arguments)
    out, err = done.communicate(given, timeout=100)
    return done.returncode, out.decode(), err.decode()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("translator"))
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert run(*FIT, "--epochs", "12", "--out", "model") == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def inside(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(fitted)
    return fitted


def test_fit_writes_the_whole_model_directory(fitted):
    names = {"model.safetensors", "config.json", "metrics.json", "log.jsonl", "report.html", "source.vocabulary.json"}
    assert names <= set(contents(fitted / "model"))
    metrics = json.loads((fitted / "model" / "metrics.json").read_text())
    assert metrics["pairs"] == {"training": 270, "validation": 30}
    assert metrics["figures"]["exact"] >= 60  # of chance, about 1
    last = [json.loads(line) for line in (fitted / "model" / "log.jsonl").read_text().splitlines()][-1]
    assert {"validation", "validation_loss", "exact"} <= set(last)


def test_a_finished_run_is_told_again_and_not_touched(inside, capsys):
    before = contents(inside / "model")
    assert run(*FIT, "--epochs", "12", "--out", "model", "--json") == 0
    assert json.loads(capsys.readouterr().out)["finished_before"] is True
    assert contents(inside / "model") == before


def test_lines_come_out_in_order_and_empty_lines_stay(inside):
    code, out, err = answer(inside, ["run", "model"], b"abc\n\n  \ncab\r\nbd")
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert lines[1:3] == ["", ""]
    assert len(lines) == 6  # five lines, each with its end
    assert "\r" not in out
    assert answer(inside, ["run", "model", "model"], b"abc\n\n  \ncab\r\nbd")[1] == out  # with itself, an ensemble


def test_a_line_is_answered_before_the_next_one_is_sent(inside):
    asked = start(inside, "translate", "run", "model")
    assert asked.stdin is not None
    assert asked.stdout is not None
    for line in (b"abc\n", b"\n", b"dab\n"):
        asked.stdin.write(line)
        asked.stdin.flush()
        assert asked.stdout.readline().endswith(b"\n")
    asked.communicate(timeout=60)
    assert asked.returncode == 0


def test_n_best_and_scores_stand_before_each_translation(inside):
    code, out, _ = answer(inside, ["run", "model", "--n-best", "2", "--scores"], b"abc\n\ncab\n")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1", "2", "3", "3"]
    assert float(rows[0][1]) >= float(rows[1][1])
    assert rows[2][2] == ""


@pytest.mark.parametrize(
    ("given", "said", "message"),
    [
        (b"abc\nab\xe4\nab\n", 1, "everystep: standard input: line 2 is not UTF-8 (byte 0xe4); save it as UTF-8. The"),
        (b"abc\n" + b"a" * 100_000, 1, "line 2 has 100,000 symbols; expected at most 10,000: split it into sentences."),
    ],
)
def test_a_line_that_is_none_is_named_and_what_came_before_it_is_answered(inside, given, said, message):
    code, out, err = answer(inside, ["run", "model"], given)
    assert (code, out.count("\n")) == (2, said)
    assert message in err
    assert "Traceback" not in err


def test_unknown_symbols_are_counted_and_the_first_is_named(inside):
    code, _, err = answer(inside, ["run", "model"], b"abc\naXb\n")
    assert code == 0
    assert '1 of 6 source symbols is unknown to the vocabulary; the first is "X" in standard input: line 2.' in err


def test_score_prints_each_metric_and_counts_the_readings(inside, capsys):
    arguments = ["translate", "score", "model", "--src", "valid.src", "--tgt", "valid.tgt", "--metric"]
    assert run(*arguments, "exact", "--metric", "per") == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["exact", "PER"]
    assert told.err == ""
    assert run(*arguments, "chrf", "--json") == 0
    told = capsys.readouterr()
    assert "chrF" in json.loads(told.out)["chrf"]["signature"] or json.loads(told.out)["chrf"]["value"] > 0
    assert "was scored on this text 1 time before." in told.err
    (inside / "model" / "scores.jsonl").unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit"], "no training text is given; expected --train-src A --train-tgt B, or --train PAIRS.tsv."),
        (["fit", "--train-src", "train.src"], "expected --train-src A with --train-tgt B, or --train PAIRS.tsv alone."),
        (["fit", "--train-src", "train.scr", "--train-tgt", "train.tgt"], 'no such file; did you mean "train.src"?'),
        (
            ["fit", "--train-src", "train.src", "--train-tgt", "valid.tgt"],
            "train.src has 270 and valid.tgt has 30 lines",
        ),
        (["fit", "--train-src", "latin.src", "--train-tgt", "train.tgt"], "latin.src: line 2 is not UTF-8 (byte 0xe4)"),
        (["fit", "--train", "train.src"], "train.src: line 1 has no tab; expected source, tab, target."),
        (["fit", *FILES, "--tokens", "wrod"], 'vocabulary "wrod" is unknown; did you mean "word"?'),
        (["fit", *FILES, "--config", "wrong.toml"], 'wrong.toml: setting of [model] "hiden" is unknown; did you mean'),
        (["fit", *FILES, "--config", "nowhere.toml"], "nowhere.toml: no such file"),
        (["fit", *FILES, "--out", "."], "translate fit: . holds something else"),
        (
            ["fit", *FILES, "--config", "small.toml", "--epochs", "12", "--seed", "1", "--out", "model"],
            "another run. seed: 0 there, 1 here.",
        ),
        (["run", "nowhere"], "nowhere is no directory; expected a model directory"),
        (["run", "other"], "other/config.json holds a model of kind forecaster; expected translator."),
        (["run", "damaged"], "damaged/model.safetensors is damaged: its bytes are not those"),
        (["run", "model", "--beam", "0"], "beam is 0; expected a whole number, 1 or more."),
        (["run", "model", "--attention", "no/where.html"], "expected a file name in a folder that exists."),
        (
            ["score", "model", "--src", "valid.src", "--tgt", "train.tgt"],
            "valid.src has 30 and train.tgt has 270 lines",
        ),
        (["score", "model", "--src", "valid.src", "--tgt", "valid.tgt", "--metric", "blue"], 'did you mean "bleu"?'),
    ],
)
def test_bad_input_gives_a_message_and_exit_code_2(inside, arguments, message, capsys, monkeypatch):
    (inside / "latin.src").write_bytes(b"ab\n\xe4b\n" * 135)
    (inside / "wrong.toml").write_text("[model]\nhiden = 3\n")
    for name in ("other", "damaged"):
        (inside / name).mkdir(exist_ok=True)
        for path, data in contents(inside / "model").items():
            (inside / name / path).write_bytes(data)
    (inside / "damaged" / "model.safetensors").write_bytes(contents(inside / "model")["model.safetensors"][:-9])
    _other_kind(inside / "other")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    before = contents(inside / "model")
    assert run("translate", *arguments) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert contents(inside / "model") == before


def _other_kind(directory: Path) -> None:
    from everystep.train import SavedModel, save_model

    save_model(directory, SavedModel("forecaster", {}, {}))


def test_one_file_of_pairs_is_enough(inside, tmp_path):
    source, target = ((inside / f"train.{side}").read_text().split() for side in ("src", "tgt"))
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in zip(source, target, strict=True)))
    arguments = ["--train", tmp_path / "pairs.tsv", "--config", "small.toml", "--epochs", "1", "--out", tmp_path / "m"]
    assert run("translate", "fit", *arguments) == 0
    assert json.loads((tmp_path / "m" / "metrics.json").read_text())["pairs"]["validation"] == 27


@pytest.mark.skipif(os.name == "nt", reason="kills by a POSIX signal")
def test_a_fit_that_is_killed_goes_on_to_the_same_bits(tmp_path):
    write(tmp_path)
    arguments = [*FIT, "--out"]
    whole = start(tmp_path, *arguments, "whole")
    assert whole.wait(100) == 0, whole.communicate()
    cut = start(tmp_path, *arguments, "cut")
    log = tmp_path / "cut" / "log.jsonl"
    while cut.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 9):
        time.sleep(0.005)
    cut.send_signal(signal.SIGKILL)
    assert cut.wait() == -signal.SIGKILL
    cut.communicate()
    assert not (tmp_path / "cut" / "config.json").exists()
    again = start(tmp_path, *arguments, "cut")
    assert again.wait(100) == 0, again.communicate()
    one, other = contents(tmp_path / "whole"), contents(tmp_path / "cut")
    assert one["model.safetensors"] == other["model.safetensors"]
    assert one["report.html"] == other["report.html"]
    for done in (whole, again):
        done.communicate()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_of(inside):
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "everystep", "translate", "run", "model"]
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            command, input=b"abc\n", stdout=full, stderr=subprocess.PIPE, cwd=inside, env=environment, check=False
        )
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "everystep: translate run: standard output could not be written: No space left on device. The answers to the "
        "lines before line 1 are written; go on from there when there is space.\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error(inside):
    asked = start(inside, "translate", "run", "model")
    assert asked.stdout is not None
    asked.stdout.close()
    assert asked.stdin is not None
    asked.stdin.write(b"abc\n")
    asked.stdin.close()
    assert asked.wait(60) == 0
    assert asked.stderr is not None
    assert asked.stderr.read() == b""
    asked.stderr.close()


@pytest.mark.browser
def test_the_attention_page_looks_right_everywhere(inside, tmp_path, browser):
    page = tmp_path / "page.html"
    code, _, err = answer(inside, ["run", "model", "--attention", str(page)], b"abcde\n\n<b>a</b>\nba\n")
    assert code == 0, err
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;" in html
    assert complaints(browser, html, tmp_path) == []
