"""Read choices from a configuration file: TOML with the sections text, model, training and search."""

from __future__ import annotations

import tomllib
from pathlib import Path

from everystep.errors import DataError
from everystep.files import check_text, read_bytes
from everystep.translate.choices import Choices, from_tables


def read_choices(path: str | Path) -> Choices:
    r"""Read a configuration file.

    Args:
        path: A TOML file.

    Raises:
        DataError: There is no such file, or it is no TOML; the line is named.
        UnknownNameError: A section or setting is not known; the nearest is named.
        ArgumentError: A value has the wrong type, or is out of range.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from everystep.translate.config_file import read_choices
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "small.toml"
        ...     _ = path.write_text("[model]\nhidden = 64\n")
        ...     read_choices(path).model.hidden
        64
    """
    name = str(path)
    raw = check_text(read_bytes(Path(path), name, "a TOML file"), name)
    try:
        tables = tomllib.loads(raw.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{name} is no TOML: {error}.") from error
    return from_tables(name, tables)
