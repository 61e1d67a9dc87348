"""Further files of a model, vocabularies: whole, known when damaged, and never outside the directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everystep.errors import ArgumentError, ModelFileError
from everystep.train import SavedModel, load_model, save_model
from everystep.train.directory import to_json
from everystep.train.model_files import _config_digest
from tiny_run import Tiny

FILES = {"source.vocabulary.json": b'{"a": 1}\n', "target.sentencepiece": bytes(range(256))}
SAVED = SavedModel("tiny", {}, Tiny().state_dict(), files=FILES)


def test_further_files_come_back_bit_for_bit(tmp_path):
    save_model(tmp_path, SAVED)
    assert load_model(tmp_path).files == FILES


def test_a_model_without_further_files_has_the_config_it_always_had(tmp_path):
    save_model(tmp_path, SavedModel("tiny", {}, Tiny().state_dict()))
    assert "files_sha256" not in json.loads((tmp_path / "config.json").read_text())
    assert load_model(tmp_path).files == {}


@pytest.mark.parametrize("name", FILES)
def test_a_further_file_that_is_changed_or_missing_is_named(tmp_path, name):
    save_model(tmp_path, SAVED)
    (tmp_path / name).write_bytes(FILES[name][:-1])
    with pytest.raises(ModelFileError, match=f"{name} is damaged"):
        load_model(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "name", ["../a.sentencepiece", "/a.sentencepiece", "config.json", ".sentencepiece", "a.pkl", ""]
)
def test_a_name_that_is_no_plain_one_is_neither_written_nor_followed(tmp_path, name):
    with pytest.raises(ArgumentError, match="no file of a model"):
        save_model(tmp_path / "model", SavedModel("tiny", {}, SAVED.weights, files={name: b""}))
    assert not (tmp_path / "model").exists()
    save_model(tmp_path, SAVED)
    forge(tmp_path / "config.json", {name: "0"})
    with pytest.raises(ModelFileError, match=r"config\.json is damaged: .*no file of a model"):
        load_model(tmp_path)


def test_a_config_whose_files_are_no_table_is_damaged(tmp_path):
    save_model(tmp_path, SAVED)
    forge(tmp_path / "config.json", ["source.sentencepiece"])
    with pytest.raises(ModelFileError, match=r"config\.json is damaged: its files_sha256 is no table"):
        load_model(tmp_path)


def forge(path: Path, files: object) -> None:
    """Write a config whose checksum is right and whose files are not."""
    config = json.loads(path.read_text())
    del config["config_sha256"]
    config["files_sha256"] = files
    path.write_bytes(to_json({**config, "config_sha256": _config_digest(config)}))


@pytest.mark.parametrize("renamed", range(6))
def test_saving_after_a_kill_at_any_rename_succeeds(tmp_path, killed_at_rename, renamed):
    killed_at_rename(lambda: save_model(tmp_path, SAVED), renamed)
    save_model(tmp_path, SAVED)
    assert load_model(tmp_path).files == FILES
    assert len(list(tmp_path.iterdir())) == 5
