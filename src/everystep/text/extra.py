"""The libraries of the extra ``[text]``, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from everystep.errors import MissingExtraError


def needed(library: str, what: str) -> Any:
    """Import a library of the extra.

    Raises:
        MissingExtraError: It is not installed; the message says how to mend that.
    """
    try:
        return import_module(library)
    except ImportError as error:
        raise MissingExtraError(f'{what} needs {library}; install it with pip install "everystep[text]".') from error
