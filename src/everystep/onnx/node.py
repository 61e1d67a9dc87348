"""A recurrent node: its attributes and weights, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.errors import ArgumentError, DTypeError, ShapeError, unknown
from everystep.onnx.extra import onnx
from everystep.onnx.file import constant
from everystep.onnx.operator import Operator

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}  # whether each is reversed


class Attributes(NamedTuple):
    """The attributes that ONNX's three recurrent operators have in common, and what is an operator's own."""

    activations: list[str]
    activation_alpha: list[float]
    activation_beta: list[float]
    clip: float | None
    reverse: tuple[bool, ...]  # of each direction
    hidden_size: int | None
    batch_first: bool
    own: dict[str, int]  # linear_before_reset of a GRU, input_forget of an LSTM


def attributes_of(node: NodeProto, who: str, opset: int, operator: type[Operator]) -> Attributes:
    """Read the attributes of a node.

    Raises:
        UnknownNameError: The operator has no such attribute, or the attribute no such value.
        ArgumentError: A value is out of range.
    """
    schema = onnx().defs.get_schema(node.op_type, opset)
    given = {attribute.name: onnx("onnx.helper").get_attribute_value(attribute) for attribute in node.attribute}
    for name in given:
        if name not in schema.attributes:
            raise unknown(f"{who}, opset {opset}", "attribute", name, sorted(schema.attributes))
    direction = given.get("direction", b"forward").decode()
    if direction not in DIRECTIONS:
        raise unknown(who, "direction", direction, DIRECTIONS)
    reverse = DIRECTIONS[direction]
    names = [name.decode() for name in given.get("activations", [])] or [*operator.defaults] * len(reverse)
    if len(names) != len(operator.defaults) * len(reverse):
        raise ArgumentError(
            f"{who}: activations are {', '.join(names)}; expected {len(operator.defaults)} for each direction, "
            f"{len(operator.defaults) * len(reverse)} in all."
        )
    clip, layout = given.get("clip"), given.get("layout", 0)
    if clip is not None and not clip > 0:
        raise ArgumentError(f"{who}: clip is {clip}; expected a number above 0, or no such attribute.")
    if layout not in {0, 1}:
        raise ArgumentError(f"{who}: layout is {layout}; expected 0 (time first) or 1 (batch first).")
    return Attributes(
        names,
        list(given.get("activation_alpha", [])),
        list(given.get("activation_beta", [])),
        clip,
        reverse,
        given.get("hidden_size"),
        bool(layout),
        {name: given[name] for name in ("linear_before_reset", "input_forget") if name in given},
    )


def inputs_of(node: NodeProto, opset: int) -> dict[str, str]:
    """The names of a node's inputs, by what they are to the operator; those that it leaves out are left out."""
    schema = onnx().defs.get_schema(node.op_type, opset)
    return {formal.name: name for formal, name in zip(schema.inputs, node.input, strict=False) if name}


def values_of(
    model: ModelProto, who: str, inputs: dict[str, str], weights: Mapping[str, Any]
) -> dict[str, Tensor | None]:
    """Find the value of every input but X, by what it is to the operator: None where the model does not hold it.

    Raises:
        UnknownNameError: No input has the name of one of the weights that were given.
        ArgumentError: A weight is neither in the model nor given.
    """
    for name in weights:
        if name not in inputs.values():
            raise unknown(who, "weight", name, [name for formal, name in inputs.items() if formal != "X"])
    values: dict[str, Tensor | None] = {}
    for formal, name in inputs.items():
        if formal == "X":
            continue
        value = weights[name] if name in weights else constant(model, name)
        if value is None and formal in {"W", "R", "B", "P"}:
            raise ArgumentError(
                f"{who}: {formal} is {name}, which the model takes as an input or computes from one: "
                f"pass weights={{{name!r}: ARRAY}}."
            )
        values[formal] = None if value is None else _tensor(value)
    return values


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().clone()
    value = np.asarray(value)
    if value.dtype.name == "bfloat16":  # numpy knows it only by onnx's help, torch not from numpy
        return torch.tensor(value.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(value)


def check_weights(who: str, values: Mapping[str, Tensor | None], operator: type[Operator], wanted: Attributes) -> None:
    """Refuse weights that do not fit together.

    Raises:
        ShapeError: A weight has the wrong shape.
        DTypeError: A weight is no floating tensor, or not like the others.
    """
    W, R = values.get("W"), values.get("R")
    if W is None or R is None:
        raise ArgumentError(f"{who}: the node has no {'W' if W is None else 'R'}; ONNX requires it.")
    hidden = wanted.hidden_size if wanted.hidden_size is not None else R.shape[-1]
    directions, rows = len(wanted.reverse), operator.gates * hidden
    expected = {
        "W": (directions, rows, W.shape[-1] if W.dim() else 0),
        "R": (directions, rows, hidden),
        "B": (directions, 2 * rows),
        "P": (directions, 3 * hidden),
    }
    for name, shape in expected.items():
        value = values.get(name)
        if value is None:
            continue
        if tuple(value.shape) != shape:
            raise ShapeError(
                f"{who}: {name} has shape {tuple(value.shape)}; expected {shape}, for {directions} "
                f"direction{'s' * (directions > 1)} of hidden_size {hidden}."
            )
        if not value.is_floating_point() or value.dtype != W.dtype:
            raise DTypeError(f"{who}: {name} is {value.dtype} and W {W.dtype}; expected one floating type.")
