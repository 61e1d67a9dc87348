"""One file of named tensors and plain facts, with a checksum over both; reading it runs no code.

The file is a safetensors file. Its metadata hold the facts as JSON and the sha256 of everything else, so that
a file that was cut short, or in which one bit fell over, is known as damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from everystep.errors import ModelFileError


def pack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """Give the bytes of a file that holds the tensors and the facts.

    Args:
        tensors: Tensors of any shape, dtype and device, by name; tensors that share memory are stored twice.
        facts: Anything that JSON can hold, without NaN and infinity.

    Returns:
        The bytes, the same for the same tensors and facts.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    sealed = json.dumps({"facts": dict(facts), "sha256": _digest(plain, facts)}, sort_keys=True, allow_nan=False)
    return save(plain, metadata={"everystep": sealed})  # one entry: safetensors keeps several in no fixed order


def unpack(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back what ``pack`` made.

    Args:
        path: The file.

    Returns:
        The tensors, on the CPU and in memory of their own, and the facts.

    Raises:
        ModelFileError: The file is missing, cut short, or was changed since it was written.
    """
    tensors, metadata = read_safetensors(path)
    try:
        sealed = json.loads(metadata["everystep"])
        facts, digest = sealed["facts"], sealed["sha256"]
    except (KeyError, TypeError, ValueError) as cause:
        raise damaged(path, "it was not written by everystep, or its facts can't be read") from cause
    if digest != _digest(tensors, facts):
        raise damaged(path, "its checksum does not match")
    return tensors, facts


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file whole: its tensors, each in memory of its own, and its metadata.

    Torch's own memory is aligned, a mapped file's is not; products may differ in the last bit between the two.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelFileError(f"{path} is missing: nothing was saved there, or it was moved away.") from None
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as cause:
        raise damaged(path, str(cause)) from cause


def damaged(path: Path, why: str) -> ModelFileError:
    """Make the error for a file whose bytes are not those that were written."""
    return ModelFileError(f"{path} is damaged: {why}. Take it from a copy, or make it anew.")


def fingerprint(tensor: Tensor) -> str:
    """Describe a tensor by dtype, shape and the first 16 digits of its sha256: equal for equal bits only.

    Example:
        >>> import torch
        >>> from everystep.train.tensor_file import fingerprint
        >>> fingerprint(torch.zeros(2, 3)).split(" sha256")[0]
        'float32 (2, 3)'
    """
    digest = hashlib.sha256(_raw(tensor)).hexdigest()[:16]
    return f"{kind_of(tensor)} sha256 {digest}"


def kind_of(tensor: Tensor) -> str:
    """Describe a tensor by dtype and shape, for instance ``float32 (2, 3)``."""
    return f"{str(tensor.dtype).removeprefix('torch.')} ({', '.join(map(str, tensor.shape))})"


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(tensors, facts):
        digest.update(len(piece).to_bytes(8, "little"))  # so that no two lists of pieces look alike
        digest.update(piece)
    return digest.hexdigest()


def _pieces(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    yield json.dumps(facts, sort_keys=True, allow_nan=False).encode()
    for name in sorted(tensors):
        yield f"{name} {kind_of(tensors[name])}".encode()
        yield _raw(tensors[name])


def _raw(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data
