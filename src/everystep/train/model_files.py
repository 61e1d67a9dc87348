"""A model directory: ``model.safetensors``, ``config.json``, ``metrics.json`` and files of the model's own kind.

Loading runs no code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from everystep.errors import ArgumentError, ModelFileError
from everystep.train import atomic
from everystep.train.directory import CONFIG_FILE, EXTRA_ENDINGS, check_ours, read_json, to_json
from everystep.train.tensor_file import damaged, read_safetensors

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class SavedModel:
    """What a model directory holds.

    Args:
        kind: What kind of model it is, for instance ``"forecaster"``.
        sizes: What is needed to build the model before its weights are put in, as plain values.
        weights: The ``state_dict``.
        schema: The columns, categories, scales and the like that the data must have, as plain values.
        metrics: How good the model is, as plain values.
        files: Further files, by file name, as vocabularies give them. ``config.json`` holds the sha256 of each.
    """

    kind: str
    sizes: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    schema: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def save_model(directory: str | Path, model: SavedModel) -> None:
    """Save a model; the files of a model that was there are replaced together.

    Args:
        directory: A directory that is missing, empty, or was made by everystep.
        model: What to save.

    Raises:
        RunError: The directory holds something else.
        ModelFileError: The files can't be written; those of before are as they were.
        ArgumentError: A name in ``files`` is no plain file name, or has no ending of ``EXTRA_ENDINGS``.

    Example:
        >>> import tempfile, torch
        >>> from everystep.train import SavedModel, load_model, save_model
        >>> linear = torch.nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_model(folder, SavedModel("line", {"inputs": 2}, linear.state_dict()))
        ...     load_model(folder, kind="line").sizes
        {'inputs': 2}
    """
    directory = Path(directory)
    check_ours("save_model", directory)
    _check_names(model.files)
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.weights.items()}
    weights = save(plain)
    config = {
        "format": FORMAT,
        "kind": model.kind,
        "sizes": dict(model.sizes),
        "schema": dict(model.schema),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    if model.files:
        config["files_sha256"] = {name: hashlib.sha256(raw).hexdigest() for name, raw in model.files.items()}
    config["config_sha256"] = _config_digest(config)
    with atomic.told(ModelFileError, directory, "Free some space, then save again."):
        directory.mkdir(parents=True, exist_ok=True)
        atomic.write_together(
            {
                **{directory / name: raw for name, raw in model.files.items()},
                directory / WEIGHTS_FILE: weights,
                directory / METRICS_FILE: to_json(dict(model.metrics)),
                directory / CONFIG_FILE: to_json(config),  # last: a directory with a config is complete
            }
        )


def load_model(directory: str | Path, kind: str | None = None) -> SavedModel:
    """Load a model and run no code from its files.

    Args:
        directory: The model directory.
        kind: The kind that is expected; None takes any.

    Returns:
        What the directory holds; the weights are on the CPU.

    Raises:
        ModelFileError: A file is missing, damaged, of another kind, or of a newer format; the file is named.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ModelFileError(f"{directory} is no directory; expected a model directory, as fit or save makes it.")
    config = _config(directory / CONFIG_FILE)
    if kind is not None and config["kind"] != kind:
        raise ModelFileError(f"{directory / CONFIG_FILE} holds a model of kind {config['kind']}; expected {kind}.")
    weights = directory / WEIGHTS_FILE
    _read(weights, config["weights_sha256"])
    metrics = directory / METRICS_FILE
    return SavedModel(
        kind=config["kind"],
        sizes=config["sizes"],
        weights=read_safetensors(weights)[0],
        schema=config["schema"],
        metrics=read_json(metrics) if metrics.exists() else {},
        files=_files(directory, config.get("files_sha256", {})),
    )


def _files(directory: Path, digests: Any) -> dict[str, bytes]:
    """Read the model's further files; a config that names a path outside the directory is not followed."""
    if not isinstance(digests, dict):
        raise damaged(directory / CONFIG_FILE, "its files_sha256 is no table")
    try:
        _check_names(digests)
    except ArgumentError as cause:
        raise damaged(directory / CONFIG_FILE, str(cause).rstrip(".")) from cause
    return {name: _read(directory / name, digest) for name, digest in digests.items()}


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[a-z]+)+", name) or not name.endswith(EXTRA_ENDINGS):
            endings = " or ".join(EXTRA_ENDINGS)
            raise ArgumentError(
                f'save_model: "{name}" is no file of a model; expected a plain name that ends in {endings}.'
            )


def _read(path: Path, digest: str) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path} is missing: the model directory is not complete. Take it from a copy.") from None
    except OSError as cause:
        raise ModelFileError(f"{path} can't be read: {cause.strerror}.") from cause
    if hashlib.sha256(raw).hexdigest() != digest:
        raise damaged(path, f"its bytes are not those that {CONFIG_FILE} was written for")
    return raw


def _config(path: Path) -> dict[str, Any]:
    config = read_json(path)
    version = config.get("format")
    if not isinstance(version, int):
        raise damaged(path, "it names no format version")
    if version > FORMAT:
        raise ModelFileError(
            f"{path} has format {version}, made by a newer everystep; this one reads formats up to {FORMAT}. "
            "Install a newer everystep."
        )
    digest = config.pop("config_sha256", None)
    if digest != _config_digest(config):
        raise damaged(path, "its checksum does not match")
    return config


def _config_digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(to_json(dict(config))).hexdigest()
