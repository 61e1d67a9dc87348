"""The library of the extra ``[onnx]``, imported where it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from everystep.errors import MissingExtraError


def onnx(part: str = "onnx") -> Any:
    """Import onnx, or a part of it.

    Raises:
        MissingExtraError: It is not installed; the message says how to mend that.
    """
    try:
        return import_module(part)
    except ImportError as error:
        raise MissingExtraError(
            'To read an ONNX model onnx is needed; install it with pip install "everystep[onnx]".'
        ) from error
