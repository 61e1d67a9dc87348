"""Find everything that a step can read besides its arguments: tensors, plain values, functions, modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from everystep.compiler.guards_values import PLAIN, frozen, is_library, original, snapshot
from everystep.compiler.trace_refuse import TraceError

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_INSIDE = frozenset(vars(nn.Module())) - {"training"}  # what every module has


class Place(NamedTuple):
    """Where a tensor is read from, again at every call."""

    holder: Any  # a dict, list or tuple
    key: Any


class _CellOf:
    """A closure's variable, read as an item."""

    def __init__(self, cell: CellType) -> None:
        self.cell = cell

    def __getitem__(self, key: Any) -> Any:
        return self.cell.cell_contents

    def get(self, key: Any) -> Any:  # noqa: ARG002
        """The variable's value."""
        return self.cell.cell_contents


class Walk:
    """Everything found, with what must stay the same about it.

    Attributes:
        places: Where each root is read, by name.
        tensors: The roots themselves, by name; the first name of a tied one.
        aliases: Further names of a root.
        same: (holder, key, object): the holder must hold this very object.
        equal: (live, snapshot) that must be equal by value.
        counts: (holder, length).
        classes: (object, class).
        parts: A hashable description of all this.
    """

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.tensors: dict[str, Tensor] = {}
        self.aliases: dict[str, str] = {}
        self.same: list[tuple[Any, Any, Any]] = []
        self.equal: list[tuple[Any, Any]] = []
        self.counts: list[tuple[Any, int]] = []
        self.classes: list[tuple[Any, type]] = []
        self.parts: list[Any] = []
        self._seen: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no identity is used twice

    def start(self, step: Any) -> None:
        """Look into a step."""
        self._item("", step)

    def visit(self, name: str, value: Any, holder: Any = None, key: Any = None) -> None:
        """Look into a value of any kind; ``holder[key]`` reads it again."""
        if isinstance(value, Tensor):
            self._tensor(name, value, Place(holder, key))
            return
        if isinstance(value, PLAIN) or self._known(name, value):
            return
        if isinstance(value, BuiltinFunctionType) or (isinstance(value, FunctionType) and is_library(value)):
            self.parts.append((name, value))  # not looked into, but no other one
            return
        for kind, look in self._kinds.items():
            if isinstance(value, kind):
                look(self, name, value)
                return
        if not isinstance(value, (type, ModuleType)) and not is_library(type(value)):
            self._instance(name, value)

    def _known(self, name: str, value: Any) -> bool:
        if id(value) in self._seen:
            self.parts.append((name, "again", self._seen[id(value)]))
            return True
        self._seen[id(value)] = name
        self._kept.append(value)
        return False

    def _tensor(self, name: str, value: Tensor, place: Place) -> None:
        if is_lazy(value):
            raise TraceError(
                f"{name} has no shape yet; a lazy layer takes it from its first call: make that one with "
                'engine="reference".'
            )
        first = next((other for other, tensor in self.tensors.items() if tensor is value), None)
        if first is not None:
            self.aliases[name] = first
            self.parts.append((name, "tied", first))
            return
        while name in self.tensors:
            name += "'"
        self.tensors[name] = value
        self.places[name] = place

    # -- modules and other objects

    def _module(self, name: str, module: nn.Module) -> None:
        kind = type(module)
        self.classes.append((module, kind))
        self.parts.append((name, original(kind)))
        prefix = f"{name}." if name else ""
        for group in (module._parameters, module._buffers, module._modules):  # noqa: SLF001
            self.counts.append((group, len(group)))
            for key, value in group.items():
                self.same.append((group, key, value))
                self.parts.append((prefix + key, value is None))
                self.visit(prefix + key, value, group, key)
        self._attributes(prefix, vars(module), _INSIDE)
        for hooks in _HOOKS:
            found = getattr(module, hooks)
            self.counts.append((found, len(found)))
            for number, hook in enumerate(found.values()):
                self._item(f"{prefix}{hooks}.{number}", hook)
        self._method(name, kind, "step" if hasattr(kind, "step") else "forward")

    def _instance(self, name: str, value: Any) -> None:
        self.classes.append((value, type(value)))
        self.parts.append((name, type(value)))
        self._attributes(f"{name}." if name else "", getattr(value, "__dict__", {}), frozenset())
        for key, found in vars(type(value)).items():
            if isinstance(found, FunctionType) and key != "__init__":
                self._method(name, type(value), key)

    def _attributes(self, prefix: str, live: dict[str, Any], left_out: frozenset[str]) -> None:
        """Values held by name; the snapshot keeps containers as they are now."""
        self.equal.append((live, {k: v if k in left_out else snapshot(v) for k, v in live.items()}))
        for key, value in live.items():
            if key not in left_out:
                self.parts.append((prefix + key, frozen(value)))
                self.visit(prefix + key, value, live, key)

    def _method(self, name: str, kind: type, method: str) -> None:
        for owner in kind.__mro__:
            if method in vars(owner):
                if method == "step" or not is_library(owner):
                    self.same.append((vars(owner), method, vars(owner)[method]))
                    self._class_attribute(name, kind, vars(owner)[method])
                return

    def _class_attribute(self, name: str, kind: type, value: Any) -> None:
        value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not isinstance(value, FunctionType) or id(value) in self._seen:
            return
        self.visit(name, value)
        for used in _names(value.__code__):
            owner = next((c for c in kind.__mro__ if used in vars(c)), None)
            if owner is not None and not is_library(owner):
                found = vars(owner)[used]
                self._item_of(vars(owner), used, f"{kind.__name__}.{used}")
                self._class_attribute(name, kind, found)

    # -- functions and containers

    def _function(self, name: str, function: FunctionType) -> None:
        code = function.__code__
        self.parts.append((name, code))
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            self._item_of(_CellOf(cell), variable, variable)
        if function.__defaults__:
            self._container(f"{name}.default", function.__defaults__)
        if function.__kwdefaults__:
            self._container(f"{name}.default", function.__kwdefaults__)
        for used in _names(code):
            if used in function.__globals__ and not is_library(function.__globals__[used]):
                self._item_of(function.__globals__, used, used)

    def _bound(self, name: str, method: MethodType) -> None:
        self.visit(name, method.__self__)
        self.visit(name, method.__func__)
        if not isinstance(method.__self__, nn.Module):
            return
        self._class_attribute(name, type(method.__self__), method.__func__)

    def _partial(self, name: str, value: partial[Any]) -> None:
        self._item(name, value.func)
        self.equal += [(value.args, snapshot(value.args)), (value.keywords, snapshot(value.keywords))]
        self._container(f"{name}.argument" if name else "argument", value.args)
        self._container(name, value.keywords)

    def _container(self, name: str, values: Any) -> None:
        """What lies in a list, tuple, dict or set."""
        values = list(values) if isinstance(values, (set, frozenset)) else values
        items = values.items() if isinstance(values, Mapping) else enumerate(values)
        for key, value in items:
            label = f"{name}.{key}" if name else str(key)
            self.parts.append((label, frozen(value)))
            self.visit(label, value, values, key)

    def _item_of(self, holder: Any, key: Any, name: str) -> None:
        value = holder.get(key)
        self.same.append((holder, key, value))
        if isinstance(value, (dict, list, set)):
            self.equal.append((value, snapshot(value)))
        self.parts.append((name, frozen(value)))
        self.visit(name, value, holder, key)

    def _item(self, name: str, value: Any) -> None:
        self.parts.append((name, frozen(value)))
        self.visit(name, value)

    def _user_module(self, name: str, module: ModuleType) -> None:
        """A module of the user's: plain values and tensors in it are read as globals are."""
        if is_library(module):
            return
        for key, value in vars(module).items():
            if isinstance(value, (*PLAIN, Tensor)) and not key.startswith("__"):
                self._item_of(vars(module), key, f"{name}.{key}")

    _kinds: Mapping[Any, Callable[..., None]] = {
        nn.Module: _module, FunctionType: _function, MethodType: _bound, partial: _partial,
        (list, tuple, dict, set, frozenset): _container, ModuleType: _user_module,
    }  # fmt: skip


def _names(code: CodeType) -> list[str]:
    """Names that a function and those inside it read."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _names(constant)
    return names
