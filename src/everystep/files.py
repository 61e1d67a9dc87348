"""Read a file's bytes, plain or gzip, and its text; refusals name the file and the line."""

from __future__ import annotations

import gzip
import zlib
from difflib import get_close_matches
from pathlib import Path

from everystep.errors import DataError

GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_bytes(path: Path, name: str, expected: str) -> bytes:
    """Read a file whole; one that was packed by gzip is unpacked, whatever its name ends in.

    Args:
        path: The file.
        name: What messages about its content call it.
        expected: What should be there, for the message about a directory.

    Raises:
        DataError: There is no such file, it can't be read, or its gzip is damaged.
    """
    if path.is_dir():
        raise DataError(f"{path} is a directory; expected {expected}.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(_no_such_file(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise DataError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from error
    if not raw.startswith(GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{name}: the gzip file is damaged ({error}).") from error


def check_text(raw: bytes, name: str) -> bytes:
    """Return the bytes of a UTF-8 text without its mark.

    Raises:
        DataError: They are UTF-16, or not UTF-8; the line is named.
    """
    if raw.startswith(UTF16_MARKS):
        raise DataError(f"{name}: the file is UTF-16; save it as UTF-8.")
    raw = raw.removeprefix(UTF8_MARK)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}: line {line} is not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8."
        ) from error
    return raw


def _no_such_file(path: Path) -> str:
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, beside, n=1)
    return f"{path}: no such file" + (f'; did you mean "{close[0]}"?' if close else ".")
