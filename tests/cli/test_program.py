"""What a user of the program sees: answers, refusals and exit codes."""

from __future__ import annotations

import pytest

from everystep.cli import main as run
from everystep.cli.program import COMMANDS, program
from everystep.errors import DataError, MissingExtraError


def leave(monkeypatch, *commands, typed):
    """Run a program of some commands and give its exit code."""
    monkeypatch.setattr("everystep.cli.program.COMMANDS", (*commands, idle))
    with pytest.raises(SystemExit) as left:
        run(typed)
    return left.value.code


def idle() -> None:
    """Do nothing."""


def test_success_leaves_with_0(monkeypatch):
    assert leave(monkeypatch, typed=["idle"]) == 0


def test_a_refusal_is_its_message_on_stderr_and_2(monkeypatch, capsys):
    def refuse() -> None:
        raise DataError("fit: prices.csv has no column [close]; expected one of: open, high.")

    assert leave(monkeypatch, refuse, typed=["refuse"]) == 2
    out, err = capsys.readouterr()
    assert err == "everystep: fit: prices.csv has no column [close]; expected one of: open, high.\n"
    assert out == ""


def test_a_missing_extra_is_a_refusal_that_names_the_extra(monkeypatch, capsys):
    def parquet() -> None:
        raise MissingExtraError('Parquet needs pyarrow: pip install "everystep[forecast]"')

    assert leave(monkeypatch, parquet, typed=["parquet"]) == 2
    assert 'pip install "everystep[forecast]"' in capsys.readouterr().err


def test_a_failure_of_the_machine_is_a_line_and_1(monkeypatch, capsys):
    def write() -> None:
        raise OSError(28, "No space left on device", "run/model.safetensors")

    assert leave(monkeypatch, write, typed=["write"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_ctrl_c_leaves_with_130(monkeypatch):
    def train() -> None:
        raise KeyboardInterrupt

    assert leave(monkeypatch, train, typed=["train"]) == 130


def test_ctrl_c_says_what_training_said(monkeypatch, capsys):
    def train() -> None:
        raise KeyboardInterrupt("Stopped after step 3 of 9. The same command goes on from there (saved in run).")

    def wait() -> None:
        raise KeyboardInterrupt

    leave(monkeypatch, train, wait, typed=["train"])
    told = capsys.readouterr()
    assert told.err.strip() == (
        "everystep: Stopped after step 3 of 9. The same command goes on from there (saved in run)."
    )
    assert told.out == ""
    assert leave(monkeypatch, train, wait, typed=["wait"]) == 130
    assert capsys.readouterr().err.strip() == "everystep: Stopped by Ctrl-C."


def test_a_bug_keeps_its_traceback(monkeypatch):
    def wrong() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("everystep.cli.program.COMMANDS", (wrong, idle))
    with pytest.raises(ZeroDivisionError):
        run(["wrong"])


def test_a_mistyped_command_is_refused_with_2(monkeypatch, capsys):
    assert leave(monkeypatch, typed=["idel"]) == 2
    assert "idle" in capsys.readouterr().err


def test_every_command_has_one_line_of_help():
    app = program(COMMANDS)
    for command in app.registered_commands:
        assert (command.callback.__doc__ or "").strip(), command.callback
