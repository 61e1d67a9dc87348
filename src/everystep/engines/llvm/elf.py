"""The names that an object file defines, and those that it would need from elsewhere."""

from __future__ import annotations

import struct
from typing import NamedTuple

from everystep.errors import EngineError

_SECTION = "IIQQQQIIQQ"  # name, type, flags, address, offset, size, link, info, alignment, entry size
_SYMBOL = "IBBHQQ"  # name, info, other, section, value, size
_SYMBOL_TABLE = 2
_ORDERS = {b"\x01": "<", b"\x02": ">"}  # of the bytes of a number


class Symbols(NamedTuple):
    """Names seen from outside an object file.

    Attributes:
        defined: What it has.
        undefined: What it would take from the process that loads it.
    """

    defined: frozenset[str]
    undefined: frozenset[str]


def symbols(code: bytes) -> Symbols:
    """Read the symbol table of a 64-bit ELF object file.

    Args:
        code: The whole file.

    Returns:
        Its global names.

    Raises:
        EngineError: The bytes are no such file.
    """
    if not code.startswith(b"\x7fELF\x02") or code[5:6] not in _ORDERS:
        raise EngineError("object file: these bytes are not 64-bit ELF code; compile again.")
    try:
        found = _symbols(code, _ORDERS[code[5:6]])
    except (struct.error, IndexError, OverflowError, ValueError) as cause:  # ValueError: a name that does not end
        raise EngineError("object file: its symbol table is damaged; compile again.") from cause
    if not found.defined:
        raise EngineError("object file: it defines no function; compile again.")
    return found


def _symbols(code: bytes, order: str) -> Symbols:
    (start,) = struct.unpack_from(f"{order}Q", code, 40)
    size, count = struct.unpack_from(f"{order}HH", code, 58)
    sections = [struct.unpack_from(order + _SECTION, code, start + index * size) for index in range(count)]
    found = [
        entry for section in sections if section[1] == _SYMBOL_TABLE for entry in _table(code, order, section, sections)
    ]
    outside = [(name, place) for name, info, place in found if info >> 4]  # 0: local to the file
    return Symbols(
        frozenset(name for name, place in outside if place),
        frozenset(name for name, place in outside if not place),
    )


def _table(code: bytes, order: str, section: tuple, sections: list[tuple]) -> list[tuple[str, int, int]]:
    offset, size, names = section[4], section[5], sections[section[6]][4]
    step = struct.calcsize(order + _SYMBOL)
    entries = [struct.unpack_from(order + _SYMBOL, code, offset + step * index) for index in range(size // step)]
    return [(_name(code, names + entry[0]), entry[1], entry[3]) for entry in entries]


def _name(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode("ascii")
