"""Which directories are ours to write in: those that are missing or empty, and those that everystep made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from everystep.errors import ArgumentError, ModelFileError, RunError
from everystep.train.atomic import PART
from everystep.train.tensor_file import damaged

RUN_FILE = "run.json"
RUN_KIND = "everystep run"
CONFIG_FILE = "config.json"
LOCK_FILE = "run.lock"
EXTRA_ENDINGS = (".vocabulary.json", ".sentencepiece")  # of further files that a model may have
READS_FILE = "scores.jsonl"  # how often the model was scored on which text
MADE_HERE = (
    "checkpoint.safetensors", "log.jsonl", "model.safetensors", CONFIG_FILE, "metrics.json", "report.html", READS_FILE,
)  # fmt: skip


def check_ours(who: str, directory: Path) -> None:
    """Refuse a path that holds something which everystep did not put there; touch nothing.

    Args:
        who: What was called, for the message.
        directory: Where it wants to write.

    Raises:
        RunError: The path is a file, or a directory with something else in it.
        ModelFileError: Its ``run.json`` is damaged.

    Example:
        >>> from pathlib import Path
        >>> from everystep.train.directory import check_ours
        >>> check_ours("fit", Path("a/directory/that/is/not/there"))
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise RunError(f"{who}: {directory} is a file; expected a directory. Name another one.")
    names = sorted(path.name for path in directory.iterdir())
    if RUN_FILE in names and read_json(directory / RUN_FILE).get("kind") == RUN_KIND:
        return
    if CONFIG_FILE in names and _is_model(directory / CONFIG_FILE):
        return
    left = {LOCK_FILE, *(name + PART for name in (RUN_FILE, *MADE_HERE))}  # by a process that was killed while writing
    left |= {name for name in names if name.endswith(tuple(ending + PART for ending in EXTRA_ENDINGS))}
    if CONFIG_FILE + PART in names:
        left |= set(MADE_HERE) - {CONFIG_FILE}
        left |= {name for name in names if name.endswith(EXTRA_ENDINGS)}
    foreign = [name for name in names if name not in left]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise RunError(
            f"{who}: {directory} holds something else ({', '.join(foreign[:3])}{more}); expected an empty directory, "
            "or one that everystep made. Nothing in it was touched: name another directory."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file that everystep wrote.

    Raises:
        ModelFileError: The file is missing, or holds no JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelFileError(f"{path} is missing: nothing was saved there, or it was moved away.") from None
    except OSError as cause:
        raise ModelFileError(f"{path} can't be read: {cause.strerror}.") from cause
    except ValueError as cause:
        raise damaged(path, str(cause)) from cause
    if not isinstance(value, dict):
        raise damaged(path, "it holds no JSON object")
    return value


def to_json(value: Any) -> bytes:
    """Give the bytes of a JSON file for people to read.

    Raises:
        ArgumentError: JSON has no way to write a value: an object, NaN or infinity.
    """
    try:
        return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()
    except (TypeError, ValueError) as cause:
        raise ArgumentError(
            f"everystep.train: a value to be saved is not plain ({cause}); expected text, finite numbers, true, false, "
            "None, and lists and dicts of them."
        ) from None


def _is_model(path: Path) -> bool:
    try:
        return "weights_sha256" in read_json(path)
    except ModelFileError:
        return False
