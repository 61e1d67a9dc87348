"""Compiled code on the disk, one file per key; whatever is wrong with it, the worst is that code is compiled again.

The folder is the user's own cache folder, or the one that ``EVERYSTEP_CACHE`` names; ``EVERYSTEP_CACHE=off`` keeps
everything in memory. What is read will be run, so a file counts only if it and its folder belong to this user, nobody
else may write to them, neither is a symbolic link, and its content is whole and written under this very key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import sys
import tempfile
import time
from pathlib import Path

VARIABLE = "EVERYSTEP_CACHE"
FORMAT = 1  # of an entry; another one is not read
BOUND = 256 * 2**20  # bytes of all entries; beyond it the least recently used go
ENDING = ".o"
_MAGIC = b"everystep code\n\0"
_HEADER = struct.Struct("<16sIQ32s32s")  # magic, format, bytes of code, sha256 of code, key
_PART = ".part-"
_ABANDONED = 3600.0  # seconds after which a part of a file is what a killed process left


def folder() -> Path | None:
    """Where entries lie, whether it is there or not; None where the disk is not to be used."""
    named = os.environ.get(VARIABLE, "")
    if named == "off":
        return None
    if named:
        return _at_home(named)
    base = _user_folder()
    return base / "everystep" / "code" if base.is_absolute() else None  # a user without a home


def load(key: str) -> bytes | None:
    """The code stored under a key.

    Args:
        key: 64 hexadecimal digits.

    Returns:
        The code, or None if there is none, or none that may be trusted.
    """
    where = folder()
    try:
        if where is None or not _own(where.lstat(), stat.S_ISDIR):
            return None
        return _read(where / (key + ENDING), key)
    except OSError:
        return None


def store(key: str, code: bytes) -> None:
    """Keep code under a key, if the disk lets us; a reader sees all of it or nothing.

    Args:
        key: 64 hexadecimal digits.
        code: What :func:`load` will give.
    """
    where = folder()
    with contextlib.suppress(OSError):
        if where is not None and _made(where):
            _write(where, key + ENDING, _header(key, code) + code)
            _trim(where)


def _user_folder() -> Path:
    if sys.platform == "win32":
        return _at_home(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    if sys.platform == "darwin":
        return _at_home("~/Library/Caches")
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if named.startswith("/") else _at_home("~/.cache")


def _at_home(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises where there is no home


def _made(where: Path) -> bool:
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _own(where.lstat(), stat.S_ISDIR)


def _own(status: os.stat_result, is_kind: object) -> bool:
    """Whether it is of the kind asked for, belongs to this user, and nobody else may write to it."""
    if not is_kind(status.st_mode):  # type: ignore[operator]
        return False
    if os.name != "posix":  # the user's own folder is closed to others by its access list
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(path: Path, key: str) -> bytes | None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - what was opened is what is checked
        if not _own(os.fstat(file.fileno()), stat.S_ISREG):
            return None
        header, code = file.read(_HEADER.size), file.read()
    if header != _header(key, code):
        return None
    with contextlib.suppress(OSError):  # a disk that is only read
        os.utime(path)  # used now
    return code


def _header(key: str, code: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, FORMAT, len(code), hashlib.sha256(code).digest(), bytes.fromhex(key))


def _write(where: Path, name: str, content: bytes) -> None:
    handle, part = tempfile.mkstemp(prefix=_PART, dir=where)  # for this user's eyes only
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a file already open
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(where / name)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _trim(where: Path) -> None:
    """Drop what killed processes left, and the least recently used entries beyond the bound."""
    with os.scandir(where) as found:
        files = [(entry, entry.stat(follow_symlinks=False)) for entry in found if entry.is_file(follow_symlinks=False)]
    for entry, status in files:
        if entry.name.startswith(_PART) and status.st_mtime < time.time() - _ABANDONED:
            Path(entry.path).unlink(missing_ok=True)
    total = 0
    entries = [(entry, status) for entry, status in files if entry.name.endswith(ENDING)]
    for entry, status in sorted(entries, key=lambda pair: pair[1].st_mtime_ns, reverse=True):
        total += status.st_size
        if total > BOUND:
            Path(entry.path).unlink(missing_ok=True)
