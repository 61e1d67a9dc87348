from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from everystep.cli import main
from made_series import frame, panel, with_promotion

SETTINGS = ["--horizon", "7", "--season", "7", "--epochs", "2", "--window", "14", "--hidden", "8", "--every", "16"]


def run(*arguments: object) -> int:
    """Run the program in this process and give its exit code."""
    with pytest.raises(SystemExit) as leaving:
        main([str(a) for a in arguments])
    return int(leaving.value.code or 0)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    panel().to_csv(folder / "data.csv", index=False)
    assert run("fit", folder / "data.csv", *SETTINGS, "--out", folder / "model") == 0
    return folder


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


def test_fit_writes_the_whole_model_directory(fitted: Path) -> None:
    names = {"model.safetensors", "config.json", "metrics.json", "log.jsonl", "report.html"}
    assert names <= set(contents(fitted / "model"))
    metrics = json.loads((fitted / "model" / "metrics.json").read_text())
    assert metrics["horizon"] == 7
    assert metrics["table"][0]["method"] == "everystep"


def test_a_finished_run_is_told_again_and_not_touched(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(fitted / "model")
    assert run("fit", fitted / "data.csv", *SETTINGS, "--out", fitted / "model", "--json") == 0
    told = json.loads(capsys.readouterr().out)  # one object and nothing else
    assert told["finished_before"] is True
    assert told["verdict"]
    assert contents(fitted / "model") == before


@pytest.mark.parametrize("name", ["metrics.json", "report.html", "config.json"])
def test_a_file_that_went_missing_from_a_finished_run_is_made_again(fitted: Path, tmp_path: Path, name: str) -> None:
    for path, data in contents(fitted / "model").items():
        (tmp_path / path).write_bytes(data)
    (tmp_path / name).unlink()
    assert run("fit", fitted / "data.csv", *SETTINGS, "--out", tmp_path) == 0
    assert (tmp_path / name).stat().st_size
    assert contents(tmp_path)["model.safetensors"] == contents(fitted / "model")["model.safetensors"]


def test_changed_settings_and_data_are_refused_with_the_difference(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(fitted / "model")
    assert run("fit", fitted / "data.csv", *SETTINGS, "--seed", "1", "--out", fitted / "model") == 2
    told = capsys.readouterr().err
    assert "another run. seed: 0 there, 1 here. Nothing" in told  # and nothing that only follows from it
    assert "--overwrite" in told
    table = panel()
    table["y"] += 1.0
    table.to_csv(fitted / "other.csv", index=False)
    assert run("fit", fitted / "other.csv", *SETTINGS, "--out", fitted / "model") == 2
    assert "fingerprint" in capsys.readouterr().err
    assert contents(fitted / "model") == before


def test_predict_writes_a_table(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", fitted / "model", "--out", fitted / "forecast.csv") == 0
    table = pd.read_csv(fitted / "forecast.csv", keep_default_na=False)
    assert table.columns.tolist() == ["unique_id", "ds", "everystep", "everystep-lo-80", "everystep-hi-80"]
    assert table["unique_id"].unique().tolist() == ["a", "NA", "c"]
    assert run("predict", fitted / "model", "--data", fitted / "data.csv") == 0
    assert capsys.readouterr().out == (fitted / "forecast.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nowhere.csv"], "nowhere.csv"),
        (["fit", "data.csv", "--target", "yy"], 'did you mean "y"'),
        (["fit", "data.csv", "--cell", "lsmt"], 'did you mean "lstm"'),
        (["fit", "data.csv", "--horizon", "100"], "horizon of at most 52"),
        (["fit", "data.csv", *SETTINGS, "--out", "."], "holds something else"),
        (["predict", "nowhere"], "no directory"),
        (["predict", "model", "--data", "new.csv"], '"new"'),
        (["predict", "model", "--out", "forecast.xlsx"], "ends in .csv or .parquet"),
        (["predict", "model", "--data", "data.csv", "--out", "data.csv"], "name another file"),
    ],
)
def test_bad_input_gives_a_message_and_exit_code_2(
    fitted: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(fitted)
    frame(name="new").to_csv("new.csv", index=False)
    before = contents(fitted / "model")
    assert run(*arguments) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert contents(fitted / "model") == before


def test_a_damaged_model_is_named(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in contents(fitted / "model").items():
        (tmp_path / name).write_bytes(data[:-20] if name == "model.safetensors" else data)
    assert run("predict", tmp_path) == 2
    assert "model.safetensors" in capsys.readouterr().err


def test_missing_future_columns_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = with_promotion(167)
    table.head(160).to_csv(tmp_path / "data.csv", index=False)
    table.tail(7).drop(columns="y").to_csv(tmp_path / "ahead.csv", index=False)
    table.tail(7)[["ds"]].to_csv(tmp_path / "bare.csv", index=False)
    model = tmp_path / "model"
    assert run("fit", tmp_path / "data.csv", *SETTINGS, "--future", "promotion", "--out", model) == 0
    capsys.readouterr()
    assert run("predict", model) == 2
    assert "--future-data" in capsys.readouterr().err
    assert run("predict", model, "--future-data", tmp_path / "bare.csv") == 2
    assert "promotion" in capsys.readouterr().err
    assert run("predict", model, "--future-data", tmp_path / "ahead.csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "data.csv", index=False)
    settings = [*SETTINGS, "--epochs", "150"]
    command = [sys.executable, "-m", "everystep", "fit", str(tmp_path / "data.csv"), *settings]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    log = cut / "log.jsonl"
    with subprocess.Popen([*command, "--out", str(cut)], env=environment, stderr=subprocess.DEVNULL) as process:
        while not (log.exists() and log.stat().st_size) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert not (cut / "config.json").exists()
    assert run("fit", tmp_path / "data.csv", *settings, "--out", cut) == 0
    assert run("fit", tmp_path / "data.csv", *settings, "--out", whole) == 0
    assert (cut / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
