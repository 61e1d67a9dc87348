"""What a trace refuses, each with the line of the step, the operation and the mend."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.errors import EngineError

RUN_AS_IT_IS = 'engine="reference" runs the step as it is'


class TraceError(EngineError):
    """A step can't be compiled; the message names the line, the operation and the mend."""


def refusal(where: str, what: str, mend: str) -> TraceError:
    """Make the error for something that can't be compiled."""
    return TraceError(f"{where or 'the step'}: {what}; {mend}.")


def name_of_op(op: Any) -> str:
    """Give the plain name of an aten operation: ``add`` for ``aten.add_.Tensor``."""
    name = op._schema.name.split("::")[1]  # noqa: SLF001
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


_RANDOM = torch.Tag.nondeterministic_seeded
_READS = {"_local_scalar_dense", "is_nonzero", "equal", "item"}
_SHAPES_BY_VALUE = {torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output}
_NORMS_OVER_ROWS = {"native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "cudnn_batch_norm"}

_DROPS = {"_scaled_dot_product_flash_attention_for_cpu"}  # weights at random, if its fourth argument is not 0

_kinds: dict[Any, str] = {}


def refuse_early(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], where: str) -> None:
    """Raise for what may not even be tried: it would draw random numbers, or change a buffer."""
    kind = _kinds.get(op)
    if kind is None:
        kind = _kinds[op] = _kind(op)
    if kind == "fine" or (kind == "norm" and not _trains(op, args, kwargs)) or (kind == "drops" and not any(args[3:4])):
        return
    raise refusal(where, *_WHY["random" if kind == "drops" else kind](name_of_op(op)))


def _kind(op: Any) -> str:
    name, tags = name_of_op(op), set(op.tags)
    if _RANDOM in tags:
        return "drops" if name in _DROPS else "random"
    if name in _READS:
        return "read"
    if tags & _SHAPES_BY_VALUE and name != "index":  # which may be given plain places
        return "shape"
    return "norm" if name in _NORMS_OVER_ROWS else "fine"


def _trains(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    names = [a.name for a in op._schema.arguments]  # noqa: SLF001
    given = dict(zip(names, args, strict=False)) | kwargs
    return bool(given.get("training", given.get("train", True)))


_WHY = {
    "random": lambda name: (
        f"{name} draws random numbers in every step",
        f"draw a mask once for the whole sequence and pass it as context, or {RUN_AS_IT_IS}",
    ),
    "read": lambda name: (  # noqa: ARG005
        "the value of a tensor is read into Python (an if, a while, .item(), float())",
        f"choose with torch.where, which compiles, or {RUN_AS_IT_IS}",
    ),
    "shape": lambda name: (
        f"the shape that {name} gives depends on values",
        f"choose with torch.where, which compiles, or {RUN_AS_IT_IS}",
    ),
    "norm": lambda name: (  # noqa: ARG005
        "batch normalisation mixes the rows of a batch and writes running means",
        f"use nn.LayerNorm, or {RUN_AS_IT_IS}",
    ),
}

_RUNNING = ("running_mean", "running_var", "num_batches_tracked")


def refuse_write(op: Any, name: str, where: str) -> TraceError:
    """Make the error for a step that writes to what it was given."""
    if name.endswith(_RUNNING):
        return refusal(where, *_WHY["norm"](""))
    written = op._schema.name.split("::")[1]  # noqa: SLF001
    return refusal(
        where,
        f"{written} writes to {name}",
        f"a step writes nothing that it was given: work on a copy, or {RUN_AS_IT_IS}",
    )


def mixes_rows(where: str, name: str) -> TraceError:
    """Make the error for an operation along the batch."""
    return refusal(
        where, f"{name} mixes the rows of the batch", f"a row is computed from itself alone, or {RUN_AS_IT_IS}"
    )


def unknown_op(where: str, op: Any) -> TraceError:
    """Make the error for an operation without a row in the tables."""
    shown = str(op).removesuffix(".default")
    return refusal(
        where, f"{shown} is not known to the compiler", f"write it with operations that are, or {RUN_AS_IT_IS}"
    )


def unknown_use(where: str, name: str, error: Exception) -> TraceError:
    """Make the error for a known operation that is given what its row does not expect."""
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return refusal(
        where,
        f"{name} is used in a way that the compiler does not know ({told})",
        f"write it otherwise, or {RUN_AS_IT_IS}",
    )


def unknown_tensor(where: str, name: str, value: Tensor) -> TraceError:
    """Make the error for a tensor of unknown origin."""
    return refusal(
        where,
        f"{name} uses a tensor of shape {tuple(value.shape)} that is neither the cell's nor made in the step",
        f"register it as a buffer, or {RUN_AS_IT_IS}",
    )
