"""Names of what is recorded in a stack of layers: ``layer0.forward.forget``, or ``forget`` for every layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from everystep.errors import DTypeError, unknown

DIRECTIONS = ("forward", "reverse")


class Wanted:
    """What is to be recorded, and where.

    Args:
        who: The layer.
        record: Names of taps and state parts, alone or with a place before them; or ``"all"``.
        places: The layer's ``layer0.forward``, ``layer0.reverse`` ...

    Raises:
        DTypeError: ``record`` is no collection of names.
        UnknownNameError: There is no such place.
    """

    def __init__(self, who: str, record: Iterable[str] | str, places: Sequence[str]) -> None:
        if not isinstance(record, Iterable):
            raise DTypeError(f'{who}: record is {record!r}; expected names such as "forget", or "all".')
        self._names = tuple(dict.fromkeys((record,) if isinstance(record, str) else record))
        for name in self._names:
            place = name.rpartition(".")[0]
            if place and place not in places:
                raise unknown(who, "place to record at", place, places)

    def at(self, place: str) -> tuple[str, ...] | str:
        """Give the names to record in one place."""
        ends = [name.rpartition(".") for name in self._names]
        names = tuple(dict.fromkeys(name for where, _, name in ends if where in {"", place}))
        return "all" if "all" in names else names


def places_of(layers: int, directions: int) -> list[str]:
    """Name every layer and direction, in the order of their weights."""
    return [f"layer{layer}.{direction}" for layer in range(layers) for direction in DIRECTIONS[:directions]]
