"""What depends on parameters alone: torch does it again at every launch, under autograd."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from everystep.compiler.axes import Fixed
from everystep.compiler.ir import View
from everystep.compiler.trace_record import Call, storage_of, written_arguments

Step = Callable[[dict[int, Tensor]], None]
Prepare = Callable[..., dict[str, Tensor]]  # ({root: tensor}, dtype) -> {name: tensor}
End = Callable[[dict[int, Tensor]], Tensor]
Place = tuple[tuple[int, ...], tuple[int, ...], int]  # shape, strides, offset


class Preparation:
    """Collects what is computed from roots and constants alone, and which of it the graph looks at."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.calls: list[Call] = []
        self.direct: dict[str, Tensor] = {}  # roots that are looked at as they are
        self._names: dict[Any, str] = {}
        self._wanted: list[tuple[str, Fixed, Place | None]] = []

    def add(self, call: Call) -> None:
        """Note a call that depends on no row."""
        self.calls.append(call)

    def weight(self, store: Fixed, look: Tensor) -> View:
        """Look at (in, out) elements where they lie, or at a copy where one is looked at twice."""
        if _apart(look) and look.dtype == self.dtype:
            return self._view(store, look)
        return View(self._copy(store, look), 0, (look.shape[1], 1), tuple(look.shape))

    def vector(self, store: Fixed, look: Tensor) -> View:
        """Look at elements in the order of their axes, or at a copy where one stride does not go through them."""
        flat = _flat(look)
        if flat is not None and flat.dtype == self.dtype:
            return self._view(store, flat)
        return View(self._copy(store, look), 0, (1,), (look.numel(),))

    def _view(self, store: Fixed, look: Tensor) -> View:
        if store.root:
            self.direct[store.root] = store.origin
        name = store.root or self._name(id(store.origin), store, None)
        offset = int(look.storage_offset()) - int(store.origin.storage_offset())
        return View(name, offset, look.stride(), tuple(look.shape))

    def _copy(self, store: Fixed, look: Tensor) -> str:
        place = (tuple(look.shape), look.stride(), int(look.storage_offset()) - int(store.origin.storage_offset()))
        return self._name((id(store.origin), place), store, place)

    def _name(self, key: Any, store: Fixed, place: Place | None) -> str:
        if key not in self._names:
            self._names[key] = f"prepared.{len(self._names)}"
            self._wanted.append((self._names[key], store, place))
        return self._names[key]

    def finished(self, roots: Mapping[str, Tensor]) -> Prepare:
        """Give the function that prepares: roots by name in, the tensors that the graph looks at out."""
        direct, usual = tuple(self.direct), self.dtype
        if not self._wanted:
            return lambda given, dtype=usual: {name: given[name] for name in direct}  # noqa: ARG005
        by_id = {id(value): name for name, value in roots.items()}
        calls = self._needed(by_id)
        made = by_id.keys() | {id(out) for call in calls for out in call.outs}
        steps = [_step(call, made) for call in calls]
        ends = [_end(name, store, place, made) for name, store, place in self._wanted]

        def prepare(given: Mapping[str, Tensor], dtype: torch.dtype = usual) -> dict[str, Tensor]:
            values = {key: given[name] for key, name in by_id.items()}
            for step in steps:
                step(values)
            return {name: given[name] for name in direct} | {name: end(values).to(dtype) for name, end in ends}

        return prepare

    def read(self, roots: Mapping[str, Tensor]) -> set[str]:
        """The names of the roots that the graph looks at, or that something is prepared from."""
        by_id = {id(value): name for name, value in roots.items()}
        used = {id(t) for call in self._needed(by_id) for t in call.tensors()}
        used |= {id(store.origin) for _, store, _ in self._wanted}
        return set(self.direct) | {name for key, name in by_id.items() if key in used}

    def _needed(self, roots: Mapping[int, str]) -> list[Call]:
        """The calls that wanted tensors depend on, those that write to them included."""
        ends = [store.origin for _, store, _ in self._wanted]
        wanted = {id(origin) for origin in ends}
        memory = {storage_of(origin) for origin in ends if id(origin) not in roots}
        kept: list[Call] = []
        for call in reversed(self.calls):
            targets = [call.kwargs[p] if isinstance(p, str) else call.args[p] for p in written_arguments(call.op)]
            if not (any(id(o) in wanted for o in call.outs) or any(storage_of(t) in memory for t in targets)):
                continue
            kept.append(call)
            wanted |= {id(t) for t in call.tensors()}
            memory |= {storage_of(t) for t in call.tensors() if id(t) not in roots}
        return kept[::-1]


def _flat(look: Tensor) -> Tensor | None:
    """All elements along one axis, if one stride goes through them."""
    try:
        return look.view(-1)
    except RuntimeError:
        return None


def _apart(look: Tensor) -> bool:
    """Whether no element is looked at twice."""
    reach = 0
    for stride, size in sorted(zip(look.stride(), look.shape, strict=True)):
        if size > 1:
            if stride <= reach:
                return False
            reach += stride * (size - 1)
    return True


@dataclass(frozen=True, slots=True)
class _Slot:
    """Stands for a tensor that is computed anew, or for a root."""

    key: int


def _step(call: Call, made: Collection[int]) -> Step:
    """One call, to be done again; tensors that are not made anew are constants of the step."""
    op, grad, outs = call.op, call.grad, tuple(map(id, call.outs))
    args, kwargs = _template(call.args, made), _template(call.kwargs, made)
    if grad and not kwargs and len(outs) == 1 and all(_is_plain(arg) for arg in args):
        return _plain_step(op, args, outs[0])

    def again(values: dict[int, Tensor]) -> None:
        with torch.set_grad_enabled(grad and torch.is_grad_enabled()):
            result = op(*_filled(args, values), **_filled(kwargs, values))
        results = (result,) if isinstance(result, Tensor) else result
        values.update(zip(outs, results, strict=True))

    return again


def _plain_step(op: Callable[..., Any], args: Sequence[Any], out: int) -> Step:
    """A call of the usual kind, which is done in a third of the time."""
    keys = [arg.key if isinstance(arg, _Slot) else None for arg in args]

    def again(values: dict[int, Tensor]) -> None:
        values[out] = op(*[arg if key is None else values[key] for key, arg in zip(keys, args, strict=True)])

    return again


def _is_plain(arg: Any) -> bool:
    return isinstance(arg, (_Slot, int, float, type(None)))


def _template(value: Any, made: Collection[int]) -> Any:
    if isinstance(value, Tensor):
        return _Slot(id(value)) if id(value) in made else value.detach().clone()
    if isinstance(value, (list, tuple)):
        return [_template(inner, made) for inner in value]
    if isinstance(value, dict):
        return {name: _template(inner, made) for name, inner in value.items()}
    return value


def _filled(value: Any, values: dict[int, Tensor]) -> Any:
    if isinstance(value, _Slot):
        return values[value.key]
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    if isinstance(value, dict):
        return {name: _filled(inner, values) for name, inner in value.items()}
    return value.clone() if isinstance(value, Tensor) else value  # a later call may write to it


def _end(name: str, store: Fixed, place: Place | None, made: Collection[int]) -> tuple[str, End]:
    """Give what the graph looks at: a tensor as it is, or a copy of a part of it in order."""
    origin = _template(store.origin, made)

    def end(values: dict[int, Tensor]) -> Tensor:
        value = values[origin.key] if isinstance(origin, _Slot) else origin
        if place is None:
            return value
        shape, strides, offset = place
        return value.as_strided(shape, strides, value.storage_offset() + offset).contiguous()

    return name, end
