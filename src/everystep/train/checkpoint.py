"""A checkpoint: all that a run needs to go on as if it had never stopped, in one atomic file.

Weights, optimiser, the state that is carried from window to window, every random state, the place in the data, the
best weights so far and those to be averaged, the counters of early stopping, the time spent, and how long the log was.
The schedule and the order of the data are pure functions of the settings, the step and the validations so far. No
pickle: tensors and JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from everystep.errors import ModelFileError
from everystep.train import atomic, random_states
from everystep.train.standing import Learning, Standing
from everystep.train.tensor_file import damaged, pack, unpack
from everystep.train.truncated import Truncated

FORMAT = 1

Groups = dict[str, dict[str, Tensor]]


class Checkpoint(NamedTuple):
    """What a checkpoint file holds."""

    groups: Groups  # {"model": {"W": ...}, "best": ..., "optimizer": {"W.exp_avg": ...}, "carried": ..., "random": ...}
    standing: Standing
    log_size: int  # bytes
    random_facts: dict[str, Any]


def write_checkpoint(path: Path, learning: Learning, log_size: int) -> None:
    """Save a run between two steps.

    Args:
        path: The file.
        learning: The run.
        log_size: Bytes of the log that belong to the steps taken.

    Raises:
        OSError: The file could not be written; the old one is as it was.
    """
    random_tensors, random_facts = random_states.capture()
    groups: Groups = {
        "model": learning.model.state_dict(),
        "best": learning.best,
        "kept": {f"{epoch}/{name}": tensor for epoch, named in learning.kept.items() for name, tensor in named.items()},
        "optimizer": _optimizer_tensors(learning),
        "carried": learning.loss.carried if isinstance(learning.loss, Truncated) else {},
        "random": random_tensors,
    }
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    facts = {
        "kind": "everystep checkpoint",
        "format": FORMAT,
        "standing": learning.standing.to_json(),
        "log_size": log_size,
        "random": random_facts,
    }
    atomic.write(path, pack(tensors, facts))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and change nothing.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        ModelFileError: The file is damaged, is no checkpoint, or has a newer format.
    """
    tensors, facts = unpack(path)
    if facts.get("kind") != "everystep checkpoint":
        raise damaged(path, "it is no checkpoint of everystep")
    if facts["format"] > FORMAT:
        raise ModelFileError(
            f"{path} has format {facts['format']}; this everystep reads formats up to {FORMAT}. Use a newer everystep."
        )
    groups: Groups = {group: {} for group in ("model", "best", "kept", "optimizer", "carried", "random")}
    for path_in_file, tensor in tensors.items():
        group, _, name = path_in_file.partition("/")
        groups[group][name] = tensor
    return Checkpoint(groups, Standing.from_json(facts["standing"]), facts["log_size"], facts["random"])


def restore(learning: Learning, checkpoint: Checkpoint) -> None:
    """Put a run back to where a checkpoint was made, random states included.

    Args:
        learning: A run with the same model and settings; its tensors are written in place.
        checkpoint: What was read.
    """
    learning.standing = checkpoint.standing
    learning.model.load_state_dict(checkpoint.groups["model"])
    learning.best = checkpoint.groups["best"]
    learning.kept = _by_epoch(checkpoint.groups["kept"])
    _restore_optimizer(learning, checkpoint.groups["optimizer"])
    if isinstance(learning.loss, Truncated):
        learning.loss.carried = checkpoint.groups["carried"]
    random_states.restore(checkpoint.groups["random"], checkpoint.random_facts)


def _by_epoch(named: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    kept: dict[int, dict[str, Tensor]] = {}
    for path, tensor in named.items():
        epoch, _, name = path.partition("/")
        kept.setdefault(int(epoch), {})[name] = tensor
    return kept


def _optimizer_tensors(learning: Learning) -> dict[str, Tensor]:
    """Name AdamW's tensors (step, exp_avg, exp_avg_sq) after the parameters they belong to."""
    state = learning.optimizer.state_dict()["state"]
    names = list(learning.trained_parameters())
    return {f"{names[i]}/{key}": tensor for i, tensors in state.items() for key, tensor in tensors.items()}


def _restore_optimizer(learning: Learning, named: dict[str, Tensor]) -> None:
    places = {name: place for place, name in enumerate(learning.trained_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in named.items():
        name, _, key = full_name.rpartition("/")
        state.setdefault(places[name], {})[key] = tensor
    groups = learning.optimizer.state_dict()["param_groups"]
    learning.optimizer.load_state_dict({"state": state, "param_groups": groups})
