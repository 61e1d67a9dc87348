"""An ONNX model as it lies in a file: its recurrent nodes, and the values in it that do not change."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from everystep.errors import ArgumentError, ModelFileError, unknown
from everystep.onnx.extra import onnx

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto, NodeProto

OPERATORS = ("RNN", "GRU", "LSTM")
_DOMAINS = ("", "ai.onnx")  # two names of one
OLDEST = 7  # the operators are today's since then


def read_model(source: Any) -> ModelProto:
    """Read a model from its file, or take it as it is.

    Raises:
        ModelFileError: The file can't be read, or holds no model.
    """
    library = onnx()
    if not isinstance(source, library.ModelProto):
        if not isinstance(source, (str, PathLike)):
            raise ArgumentError(
                f"load_recurrent: the model is a {type(source).__name__}; expected a path or an onnx.ModelProto."
            )
        source = _loaded(fspath(source))
    if not source.graph.node:
        raise ModelFileError("load_recurrent: the model has no nodes: it is damaged or no ONNX model.")
    return source


def _loaded(path: str) -> ModelProto:
    decode_error = onnx("google.protobuf.message").DecodeError
    try:
        return onnx().load(path)
    except (decode_error, onnx().checker.ValidationError, OSError, ValueError) as cause:
        told = str(cause).strip().rstrip(".") or type(cause).__name__
        raise ModelFileError(f"load_recurrent: {path} can't be read as an ONNX model: {told}.") from cause


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's operators that a model was written for.

    Raises:
        ModelFileError: It is too old or too new.
    """
    newest = onnx().defs.onnx_opset_version()
    version = next((entry.version for entry in model.opset_import if entry.domain in _DOMAINS), 1)
    if version < OLDEST:
        raise ModelFileError(
            f"load_recurrent: the model is of opset {version}; expected {OLDEST} or later: convert it with "
            "onnx.version_converter.convert_version(model, 14)."
        )
    if version > newest:
        raise ModelFileError(
            f"load_recurrent: the model is of opset {version}, and the onnx that is installed knows those up to "
            f"{newest}: pip install --upgrade onnx."
        )
    return version


def title_of(node: NodeProto) -> str:
    """The name of a node; its first output's where it has none."""
    return node.name or next(name for name in node.output if name)


def recurrent_node(model: ModelProto, name: str | None) -> NodeProto:
    """Find a recurrent node by its name or that of one of its outputs; without one, the only one.

    Raises:
        ArgumentError: No name was given and there are several, or there is none.
        UnknownNameError: There is no such node.
    """
    found = [node for node in model.graph.node if node.op_type in OPERATORS and node.domain in _DOMAINS]
    if not found:
        there = ", ".join(sorted({node.op_type for node in model.graph.node}))
        raise ArgumentError(f"load_recurrent: the model has no RNN, GRU or LSTM node among its nodes: {there}.")
    if name is None:
        if len(found) > 1:
            listed = ", ".join(f"{title_of(node)} ({node.op_type})" for node in found)
            raise ArgumentError(f"load_recurrent: the model has several recurrent nodes: {listed}. Pass node=NAME.")
        return found[0]
    for node in found:
        if name and (name == node.name or name in node.output):
            return node
    raise unknown("load_recurrent", "node", name, [title_of(node) for node in found])


def constant(model: ModelProto, name: str) -> np.ndarray | None:
    """The value of a name where it does not depend on what the model is given; None otherwise.

    Raises:
        ModelFileError: The value is damaged.
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output if output}
    needed = _makers_of(name, stored, makers)
    if needed is None:
        return None
    try:
        if name in stored:
            return onnx("onnx.numpy_helper").to_array(stored[name])
        return _computed(model, name, needed)
    except Exception as cause:
        raise ModelFileError(f"load_recurrent: the value {name} can't be read: {cause}.") from cause


def _makers_of(name: str, stored: Iterable[str], makers: dict[str, NodeProto]) -> set[int] | None:
    """The nodes, by identity, that make a value out of stored ones; None where something else is needed."""
    needed: set[int] = set()
    wanted = [name]
    while wanted:
        one = wanted.pop()
        if not one or one in stored:
            continue
        node = makers.get(one)
        if node is None or any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return None
        if id(node) not in needed:
            needed.add(id(node))
            wanted.extend(node.input)
    return needed


def _computed(model: ModelProto, name: str, needed: set[int]) -> np.ndarray:
    helper = onnx("onnx.helper")
    graph = helper.make_graph(
        [node for node in model.graph.node if id(node) in needed],
        "constant",
        [],
        [helper.make_empty_tensor_value_info(name)],
        model.graph.initializer,
    )
    small = helper.make_model(graph, opset_imports=model.opset_import, functions=model.functions)
    return onnx("onnx.reference").ReferenceEvaluator(small).run([name], {})[0]
