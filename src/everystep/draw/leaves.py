"""A step whose parameters are replaced by copies that autograd can tell apart by name.

Copies, because a frozen parameter or a plain constant is invisible to autograd, and because nothing that is
done for a drawing may reach the cell.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from everystep.engines import Parts, Stepper

Heard = Callable[[Parts, Any], tuple[Parts, Tensor, dict[str, Tensor]]]


def of_cell(cell: nn.Module, step: Stepper) -> tuple[Heard, dict[str, Tensor]]:
    """Give a cell's step on copies of its parameters, and the copies by name."""
    tensors = {**dict(cell.named_parameters()), **dict(cell.named_buffers())}
    copies = {name: _copy(value) for name, value in tensors.items()}
    module = _StepOf(cell, step)

    def heard(parts: Parts, x: Any) -> Any:
        return functional_call(module, {f"cell.{name}": copy for name, copy in copies.items()}, (parts, x))

    return heard, {plain_name(name): copy for name, copy in copies.items()}


def of_function(function: Callable[..., Any], state: Any, context: Any) -> tuple[Heard, dict[str, Tensor]]:
    """Give a function's step on copies of the tensors that its body mentions, and the copies by name.

    The parameters of modules that it mentions are named too, as they are.
    """
    named: dict[str, Tensor] = {}
    if inspect.isfunction(function):
        mentioned = _mentioned(function)
        named = {name: _copy(value) for name, value in mentioned.items() if isinstance(value, Tensor)}
        function = _rebound(function, named)
        for name, value in mentioned.items():
            if isinstance(value, nn.Module):
                named |= {f"{name}.{plain_name(own)}": p for own, p in value.named_parameters() if p.requires_grad}
    return Stepper(function, state, context).heard, named


def plain_name(name: str) -> str:
    """Name a parameter as its owner sees it: without what a parametrization puts around it.

    Example:
        >>> from everystep.draw.leaves import plain_name
        >>> plain_name("lin.parametrizations.weight.original0")
        'lin.weight'
    """
    return re.sub(r"parametrizations\.(\w+)\.original\d*$", r"\1", name)


class _StepOf(nn.Module):
    """A cell's step as the forward of a module, which is what ``functional_call`` takes."""

    def __init__(self, cell: nn.Module, step: Stepper) -> None:
        super().__init__()
        self.cell = cell
        self.stepper = step

    def forward(self, parts: Parts, x: Any) -> Any:
        return self.stepper.heard(parts, x)


def _copy(value: Tensor) -> Tensor:
    copy = value.detach().clone()
    # Buffers with one axis are statistics, which layers write to in place; a matrix may be a fixed weight.
    watched = copy.is_floating_point() and (isinstance(value, nn.Parameter) or value.requires_grad or value.ndim > 1)
    return copy.requires_grad_(watched)


def _mentioned(function: types.FunctionType) -> dict[str, Any]:
    """Give what a function's body takes from around it, by name."""
    found = inspect.getclosurevars(function)
    return {**found.globals, **found.nonlocals}


def _rebound(function: types.FunctionType, named: dict[str, Tensor]) -> types.FunctionType:
    """Give the same function with some of the names around it bound to other tensors."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = tuple(types.CellType(named[name]) if name in named else cell for name, cell in cells)
    around = {**function.__globals__, **{name: value for name, value in named.items() if name in function.__globals__}}
    rebound = types.FunctionType(function.__code__, around, function.__name__, function.__defaults__, closure)
    rebound.__kwdefaults__ = function.__kwdefaults__
    return rebound
