"""``load_recurrent``: from a model to a module."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from everystep.onnx.activations import activations
from everystep.onnx.file import opset_of, read_model, recurrent_node, title_of
from everystep.onnx.gru import GRU
from everystep.onnx.lstm import LSTM
from everystep.onnx.module import Recurrent
from everystep.onnx.node import attributes_of, check_weights, inputs_of, values_of
from everystep.onnx.operator import Operator, Weights
from everystep.onnx.rnn import RNN

if TYPE_CHECKING:
    from onnx import ModelProto

_CELLS: dict[str, type[Operator]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


def load_recurrent(
    model: str | PathLike[str] | ModelProto, node: str | None = None, *, weights: Mapping[str, Any] | None = None
) -> Recurrent:
    """Load a recurrent node of an ONNX model: RNN, GRU or LSTM, with everything that ONNX says about it.

    Loading runs no code of the model.

    Args:
        model: A file, or an ``onnx.ModelProto``.
        node: The name of the node, or of one of its outputs; needed where the model has several.
        weights: Arrays for weights that the model takes as inputs, by their names in the model; they also take the
            place of those that it holds.

    Returns:
        A module ``(X, sequence_lens=None, initial_h=None, initial_c=None) -> (Y, Y_h)``, for an LSTM
        ``(Y, Y_h, Y_c)``, whose parameters are the node's weights.

    Raises:
        MissingExtraError: onnx is not installed.
        ModelFileError: The file is damaged, or of an opset that is too old or too new.
        UnknownNameError: There is no such node, or ONNX has no such attribute or activation.
        ArgumentError: No node was named and there are several, or a weight is missing, or an attribute out of range.
        ShapeError, DTypeError: Weights do not fit together.

    Example:
        >>> import torch, everystep as es
        >>> from onnx import TensorProto, helper
        >>> gru = helper.make_node("GRU", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=8)
        >>> X = helper.make_tensor_value_info("X", TensorProto.FLOAT, ["time", "batch", 3])
        >>> Y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["time", 1, "batch", 8])
        >>> model = helper.make_model(helper.make_graph([gru], "model", [X], [Y]))
        >>> arrays = {"W": torch.randn(1, 24, 3), "R": torch.randn(1, 24, 8)}
        >>> layer = es.onnx.load_recurrent(model, weights=arrays)
        >>> layer(torch.randn(20, 4, 3)).Y.shape
        torch.Size([20, 1, 4, 8])

    Source: ONNX operators RNN, GRU and LSTM, as they are since opset 7.
    """
    read = read_model(model)
    opset = opset_of(read)
    chosen = recurrent_node(read, node)
    who, operator = f"{chosen.op_type} {title_of(chosen)}", _CELLS[chosen.op_type]
    wanted = attributes_of(chosen, who, opset, operator)
    sigmas = activations(who, wanted.activations, wanted.activation_alpha, wanted.activation_beta, wanted.clip)
    values = values_of(read, who, inputs_of(chosen, opset), weights or {})
    check_weights(who, values, operator, wanted)
    own = [Weights(*(_of(values.get(name), n) for name in Weights._fields)) for n in range(len(wanted.reverse))]
    each = len(operator.defaults)
    cells = [operator(one, sigmas[n * each : (n + 1) * each], **wanted.own) for n, one in enumerate(own)]
    kept = {name: _unless_zero(values.get(name)) for name in ("initial_h", "initial_c")}
    kept["sequence_lens"] = values.get("sequence_lens")
    return Recurrent(who, cells, wanted.reverse, batch_first=wanted.batch_first, **kept)


def _of(value: Any, direction: int) -> Any:
    return None if value is None else value[direction].clone()


def _unless_zero(start: Any) -> Any:
    """A start of zeros is no start: exporters write one for the batch that they happened to see."""
    return start if start is not None and start.any() else None
