"""Write down what a step does: every aten call, the line of the user that made it, and whether autograd saw it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from everystep.compiler.trace_refuse import TraceError, name_of_op, refuse_early, refuse_write

_OWN = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
_LITERAL = torch.ops.aten.lift_fresh.default
_places: dict[str, str] = {}  # file: its name, or nothing where the file is torch's or ours


@dataclass(slots=True)
class Call:
    """One aten call of the step."""

    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outs: tuple[Tensor, ...]
    where: str
    grad: bool  # False under no_grad

    @property
    def name(self) -> str:
        """The operation's plain name: ``add`` for ``aten.add_.Tensor``."""
        return name_of_op(self.op)

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor among the arguments."""
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, Tensor):
                yield value
            elif isinstance(value, (list, tuple)):
                yield from (inner for inner in value if isinstance(inner, Tensor))


class Recorder(TorchDispatchMode):
    """Collects the calls made inside its block.

    Args:
        kept: Tensors that the step may not write to, by what they are called.
    """

    def __init__(self, kept: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._kept = {storage_of(value): name for name, value in kept.items()}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Spare the second that importing torch's compiler takes: nothing here is ever compiled by it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Refuse what can't be compiled before it is done; do the rest and write it down."""
        kwargs = kwargs or {}
        where = user_line(sys._getframe(1))  # noqa: SLF001
        refuse_early(func, args, kwargs, where)
        for place in written_arguments(func):
            target = kwargs.get(place) if isinstance(place, str) else args[place]
            if isinstance(target, Tensor) and storage_of(target) in self._kept:
                raise refuse_write(func, self._kept[storage_of(target)], where)
        out = func(*args, **kwargs)
        outs = (out,) if isinstance(out, Tensor) else tuple(out) if isinstance(out, (list, tuple)) else ()
        if func is _LITERAL:  # gives what it is given, which later calls may write to
            args = tuple(a.clone() if isinstance(a, Tensor) else a for a in args)
        self.calls.append(Call(func, args, kwargs, outs, where, torch.is_grad_enabled()))
        return out


def record(step: Callable[[], Any], kept: Mapping[str, Tensor]) -> tuple[list[Call], Any]:
    """Run a step once and give its calls and its result; what it may not write to is given by name."""
    recorder = Recorder(kept)
    try:
        with recorder:
            return recorder.calls, step()
    except TraceError:
        raise
    except Exception as error:
        raise TraceError(
            f"the step raised {type(error).__name__} when it was tried on a few rows ({error}); if it works on your "
            'batch, engine="reference" runs it as it is.'
        ) from error


@contextmanager
def undisturbed() -> Iterator[None]:
    """Autograd on, casting off, whatever the caller has switched."""
    with torch.inference_mode(mode=False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
        yield


def storage_of(value: Tensor) -> int:
    """Tell which memory a tensor looks at."""
    return value.untyped_storage()._cdata  # noqa: SLF001


def user_line(frame: FrameType | None) -> str:
    """Give ``file:line`` of the first frame that is neither torch's nor the compiler's."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file not in _places:
            _places[file] = "" if file.startswith(_OWN) else Path(file).name
        if _places[file]:
            return f"{_places[file]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


_written: dict[Any, tuple[int | str, ...]] = {}


def written_arguments(op: Any) -> tuple[int | str, ...]:
    """Tell which arguments a call writes to: by place, or by name where they are keywords."""
    if op not in _written:
        arguments = op._schema.arguments  # noqa: SLF001
        _written[op] = tuple(
            a.name if a.kwarg_only else i
            for i, a in enumerate(arguments)
            if a.alias_info is not None and a.alias_info.is_write
        )
    return _written[op]
