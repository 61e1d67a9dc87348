"""Files that were cut short, changed by a bit, or did not fit on the disk."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
import torch

from everystep.errors import ArgumentError, ModelFileError, RunError
from everystep.train import SavedModel, load_model, save_model
from everystep.train.checkpoint import read_checkpoint
from everystep.train.tensor_file import pack, unpack
from tiny_run import Tiny, bits, fit, snapshot, start

SAVED = SavedModel("tiny", {"hidden": 6}, Tiny().state_dict(), {"target": "y", "scale": 0.1 + 0.2}, {"mae": 0.5})


def test_a_saved_model_comes_back_bit_for_bit(tmp_path):
    save_model(tmp_path / "model", SAVED)
    loaded = load_model(tmp_path / "model", kind="tiny")
    assert (loaded.kind, loaded.sizes, loaded.schema, loaded.metrics) == (
        SAVED.kind, SAVED.sizes, SAVED.schema, SAVED.metrics
    )  # fmt: skip
    model = Tiny()
    model.load_state_dict(dict(loaded.weights))
    assert bits(model) == {name: value.numpy().tobytes() for name, value in SAVED.weights.items()}
    assert json.loads((tmp_path / "model" / "config.json").read_text())["format"] == 1


def test_saving_again_replaces_a_model_and_nothing_else(tmp_path):
    save_model(tmp_path, SAVED)
    (tmp_path / "mine.txt").write_text("keep me")
    save_model(tmp_path, SavedModel("tiny", {"hidden": 7}, SAVED.weights))
    assert load_model(tmp_path).sizes == {"hidden": 7}
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_directory_with_something_else_is_no_place_for_a_model(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"1")
    with pytest.raises(RunError, match=r"save_model: .* holds something else \(photo.jpg\)"):
        save_model(tmp_path, SAVED)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("renamed", range(4))
def test_saving_after_a_kill_at_any_rename_succeeds(tmp_path, killed_at_rename, renamed):
    killed_at_rename(lambda: save_model(tmp_path, SAVED), renamed)
    if renamed < 3:
        with pytest.raises(ModelFileError, match=r"config\.json is missing"):
            load_model(tmp_path)
    save_model(tmp_path, SAVED)
    assert load_model(tmp_path).sizes == SAVED.sizes
    assert len(list(tmp_path.iterdir())) == 3


def test_metrics_that_json_cannot_hold_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ArgumentError, match="a value to be saved is not plain"):
        save_model(tmp_path / "model", SavedModel("tiny", {}, SAVED.weights, metrics={"mase": float("nan")}))
    assert list(tmp_path.glob("model/*")) == []


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_model_file_cut_short_at_any_place_is_named(tmp_path, name):
    save_model(tmp_path, SAVED)
    whole = (tmp_path / name).read_bytes()
    for size in [0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1]:
        (tmp_path / name).write_bytes(whole[:size])
        if name == "config.json" and size == len(whole) - 1:  # only the last newline is lost
            continue
        with pytest.raises(ModelFileError, match=name):
            load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_model_file_with_one_bit_changed_is_named(tmp_path, name):
    save_model(tmp_path, SAVED)
    for changed in with_one_bit_changed((tmp_path / name).read_bytes(), 150):
        (tmp_path / name).write_bytes(changed)
        if name == "config.json" and same_json(changed, tmp_path):  # white space for white space
            continue
        with pytest.raises(ModelFileError, match=name):
            load_model(tmp_path)


def test_a_checkpoint_cut_short_or_with_one_bit_changed_is_named(tmp_path):
    fit(tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.safetensors"
    whole = path.read_bytes()
    assert read_checkpoint(path).standing.finished
    shortened = [whole[:size] for size in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1)]
    for changed in [
        *shortened,
        *with_one_bit_changed(whole[:6000], 200, whole[6000:]),
        *with_one_bit_changed(whole, 50),
    ]:
        path.write_bytes(changed)
        with pytest.raises(ModelFileError, match=r"checkpoint\.safetensors is damaged"):
            read_checkpoint(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelFileError, match=r"checkpoint\.safetensors is damaged"):
        fit(tmp_path / "run")


def test_a_missing_file_is_named(tmp_path):
    save_model(tmp_path, SAVED)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"model\.safetensors is missing"):
        load_model(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelFileError, match=r"config\.json is missing"):
        load_model(tmp_path)
    with pytest.raises(ModelFileError, match="is no directory"):
        load_model(tmp_path / "nowhere")


def test_a_model_of_a_newer_format_or_another_kind_is_refused(tmp_path):
    save_model(tmp_path, SAVED)
    with pytest.raises(ModelFileError, match=r"holds a model of kind tiny; expected huge"):
        load_model(tmp_path, kind="huge")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": 2, "kind": {"not": "known yet"}}))
    with pytest.raises(ModelFileError, match=r"config\.json has format 2, made by a newer everystep"):
        load_model(tmp_path)


def test_a_pickle_in_the_place_of_weights_is_not_run(tmp_path):
    save_model(tmp_path, SAVED)

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"weight": Trap()}, tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError, match=r"model\.safetensors is damaged"):
        load_model(tmp_path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(0, 3),
        torch.tensor(2.5, dtype=torch.float64),
        torch.tensor([True, False]),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([1.5, -0.0, float("inf"), float("nan")], dtype=torch.bfloat16),
    ],
    ids=["empty", "scalar", "bool", "transposed", "bfloat16"],
)
def test_tensors_of_every_sort_come_back_bit_for_bit(tmp_path, tensor):
    (tmp_path / "t").write_bytes(pack({"a": tensor, "same memory": tensor}, {"n": 1}))
    tensors, facts = unpack(tmp_path / "t")
    assert facts == {"n": 1}
    for back in tensors.values():
        assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
        assert pack({"a": back}, {}) == pack({"a": tensor}, {})


# A limit on the size of a file stands for a disk that is full: the system refuses the same write in the same place.
FULL_DISK = """
import os, resource, sys, torch
torch.set_num_threads(1)
import tiny_run as t
from pathlib import Path
from everystep.errors import EverystepError
from everystep.train import SavedModel, save_model
t.fit(None)  # loads what torch loads late
def tried(name, limit, action):
    if os.fork() == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            action()
            print(name, "no error", sep=": ", flush=True)
        except EverystepError as error:
            print(name, type(error).__name__ + " " + str(error), sep=": ", flush=True)
        os._exit(0)
    os.wait()
directory = Path(sys.argv[1])
t.fit(directory / "room", every_steps=1)
size = (directory / "room" / "checkpoint.safetensors").stat().st_size  # it grows as best weights and epochs come in
for name, limit in {"at once": 100, "at the start": 2000, "later": size - 400}.items():
    tried(name, limit, lambda: t.fit(directory / name, every_steps=1))
big = SavedModel("tiny", {"hidden": 500}, t.Tiny(500).state_dict())
tried("model", 4000, lambda: save_model(directory / "model", big))
"""


@pytest.mark.skipif(os.name == "nt", reason="RLIMIT_FSIZE is POSIX")
def test_a_full_disk_is_told_and_what_was_saved_before_still_loads(tmp_path):
    whole, _ = fit(None)
    save_model(tmp_path / "model", SAVED)
    before = snapshot(tmp_path / "model")
    output, error = start(FULL_DISK, tmp_path).communicate(timeout=60)
    said = dict(line.split(": ", 1) for line in output.splitlines())
    files = {"at once": "run.json", "at the start": "checkpoint.safetensors", "later": "checkpoint.safetensors"}
    assert 0 < read_checkpoint(tmp_path / "later" / "checkpoint.safetensors").standing.step < 36
    for limit, file in files.items():
        assert said[limit].startswith("TrainingError"), output + error
        assert f"{file} could not be written: File too large. What was saved before is as it was" in said[limit]
        assert "give the same command" in said[limit]
        model, _ = fit(tmp_path / limit)
        assert bits(model) == bits(whole)
        assert not list((tmp_path / limit).glob("*.part"))
    assert said["model"].startswith("ModelFileError"), output + error
    assert snapshot(tmp_path / "model") == before
    load_model(tmp_path / "model")


def test_a_log_that_fills_the_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    from everystep.errors import TrainingError
    from everystep.train.log import Log

    written = []

    def full(self, line):
        if written.append(1) or len(written) == 20:
            self._file.write(b'{"step": 20, "epo')  # a part of the line still went in
            raise OSError(28, "No space left on device")
        write(self, line)

    write = Log.write
    monkeypatch.setattr(Log, "write", full)
    with pytest.raises(TrainingError, match=r"log\.jsonl could not be written: No space left on device"):
        fit(tmp_path / "run", every_steps=5)
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / "run" / "checkpoint.safetensors").standing.step == 15
    model, result = fit(tmp_path / "run")
    assert result.resumed_from == 15
    assert bits(model) == bits(fit(None)[0])


def with_one_bit_changed(whole: bytes, times: int, rest: bytes = b""):
    chance = random.Random(times)
    for _ in range(times):
        place, bit = chance.randrange(len(whole)), chance.randrange(8)
        yield whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :] + rest


def same_json(changed: bytes, directory: Path) -> bool:
    try:
        return json.loads(changed) == json.loads(json.dumps(load_config_of(SAVED, directory)))
    except ValueError:
        return False


def load_config_of(model: SavedModel, directory: Path):
    save_model(directory / "again", model)
    return json.loads((directory / "again" / "config.json").read_text())


def test_a_file_that_can_not_be_read_is_not_called_damaged(tmp_path):
    (tmp_path / "config.json").mkdir()  # a directory reads as no file does, whoever asks
    with pytest.raises(ModelFileError, match=r"config\.json can't be read: "):
        load_model(tmp_path)
