"""The file that a vocabulary is saved in: JSON with a checksum over it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from everystep.errors import ModelFileError

FORMAT = 1


def to_bytes(kind: str, facts: dict[str, Any]) -> bytes:
    """Give the bytes of a vocabulary's file."""
    content = {"format": FORMAT, "kind": kind, **facts}
    return _json({**content, "sha256": hashlib.sha256(_json(content)).hexdigest()})


def from_bytes(raw: bytes, name: str) -> dict[str, Any]:
    """Read back what :func:`to_bytes` made.

    Raises:
        ModelFileError: The bytes are not those that were written, or of a newer format; the file is named.
    """
    try:
        content = json.loads(raw)
        digest = content.pop("sha256")
        whole = digest == hashlib.sha256(_json(content)).hexdigest()
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as cause:
        raise damaged(name, f"it is no vocabulary ({type(cause).__name__}: {cause})") from cause
    if not whole:
        raise damaged(name, "its checksum does not match")
    version = content.get("format")
    if type(version) is not int or version < 1:
        raise damaged(name, "it names no format version")
    if version > FORMAT:
        raise ModelFileError(
            f"{name} has format {version}, made by a newer everystep; this one reads formats up to {FORMAT}. "
            "Install a newer everystep."
        )
    return content


def damaged(name: str, why: str) -> ModelFileError:
    """Make the error for a vocabulary's file whose content can't be what was written."""
    return ModelFileError(f"{name} is damaged: {why}. Take it from a copy, or make it anew.")


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
