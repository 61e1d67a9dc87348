"""What a layer is asked beside x and state, and how a stack hands each of its layers the part that is meant for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from everystep.errors import unknown

V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The arguments of a call, checked.

    Attributes:
        who: The layer that was called, for messages.
        context: Per-sequence values: a NamedTuple for every cell, or ``{path: NamedTuple}``.
        used: (time, batch) bool, or None where every step is used.
        resets: (time, batch) bool, or None.
        forced: ``{path: (values, where)}``.
        record: Paths, or ``"all"``.
        recompute: As for ``unroll``.
        engine: As for ``unroll``.
    """

    who: str
    context: Any
    used: Tensor | None
    resets: Tensor | None
    forced: Mapping[str, tuple[Tensor, Tensor]]
    record: tuple[str, ...] | str
    recompute: str | None
    engine: str

    def among(self, names: Iterable[str]) -> dict[str, Asked]:
        """Give each inner layer, by name, what is asked of it.

        Raises:
            UnknownNameError: A path begins with none of the names.
        """
        if not (self.record or self.forced or isinstance(self.context, Mapping)):
            return dict.fromkeys(names, self)  # nothing has a path: all are asked the same
        names = list(names)
        paths = () if self.record == "all" else self.record
        contexts = self.context if isinstance(self.context, Mapping) else {}
        for what, given in (("record", paths), ("forced part", self.forced), ("context", contexts)):
            for path in given:
                if path.partition(".")[0] not in names:
                    raise unknown(self.who, what, path, [f"{name}.…" for name in names])
        return {name: self._at(name, paths, contexts) for name in names}

    def _at(self, name: str, paths: Iterable[str], contexts: Mapping[str, Any]) -> Asked:
        inner = _below(name, dict.fromkeys(paths))
        context = contexts.get(name, _below(name, contexts)) if isinstance(self.context, Mapping) else self.context
        return replace(
            self,
            record="all" if self.record == "all" or "" in inner else tuple(inner),
            forced=_below(name, self.forced),
            context=context or None if isinstance(context, dict) else context,
        )


def _below(name: str, by_path: Mapping[str, V]) -> dict[str, V]:
    """What lies under a name, by the rest of its path."""
    split = {path: path.partition(".") for path in by_path}
    return {rest: by_path[path] for path, (first, _, rest) in split.items() if first == name}


def prefixed(name: str, by_path: Mapping[str, V]) -> dict[str, V]:
    """Put a name before every path."""
    return {f"{name}.{path}" if path else name: value for path, value in by_path.items()}
