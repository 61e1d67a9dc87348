"""Files that are either wholly there or not there at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from everystep.errors import EverystepError

PART = ".part"  # ending of a file that is still being written; what a killed process leaves is written over
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM}


def write(path: Path, data: bytes) -> None:
    """Write one file so that a reader, or a crash, sees the old bytes or the new ones and nothing between.

    Args:
        path: The file; its folder exists.
        data: All of its bytes.

    Raises:
        OSError: The disk is full, or the file may not be written. The old file is as it was.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from everystep.train import atomic
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     atomic.write(Path(folder) / "a.txt", b"whole")
        ...     (Path(folder) / "a.txt").read_bytes()
        b'whole'
    """
    write_together({path: data})


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write several files of one folder; none is put in place before all of them are safe on the disk.

    Args:
        files: The bytes of each file.

    Raises:
        OSError: The disk is full, or a file may not be written. Every old file is as it was.
    """
    parts = {path: path.with_name(path.name + PART) for path in files}
    try:
        for path, data in files.items():
            _write_through(parts[path], data)
        for path, part in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on the disk, where the operating system can."""
    if os.name == "nt":  # Windows opens no folders, and keeps its names by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as cause:
        if cause.errno not in _NO_FOLDER_SYNC:  # some network file systems sync files only
            raise
    finally:
        os.close(handle)


@contextmanager
def told(error: type[EverystepError], path: Path, mend: str) -> Iterator[None]:
    """Turn the operating system's refusal of a write into an error that says which file and what to do."""
    try:
        yield
    except OSError as cause:
        why = cause.strerror or str(cause)
        raise error(f"{path} could not be written: {why}. What was saved before is as it was. {mend}") from cause


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
