"""ONNX Runtime: its RNN, LSTM and GRU operators, forward only."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import STATE_PARTS, Array, Work

OPERATORS = {"elman": "RNN", "lstm": "LSTM", "gru": "GRU"}
ORDER = {"elman": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}  # of our gates in theirs
LAST = ("h", "c")


def prepare(work: Work) -> Contender:
    if work.mode == "train":
        raise LeftOut("no gradients")
    if work.cell not in OPERATORS:
        raise LeftOut("no such operator")
    session = _session(work)
    if work.mode == "infer":
        return Contender(lambda: session.run(["Y"], {"X": work.x})[0], lambda y: {"y": y[:, 0]})
    return _steps(work, session)


def _steps(work: Work, session: onnxruntime.InferenceSession) -> Contender:
    inputs = [np.ascontiguousarray(x[None]) for x in work.x]
    zeros = np.zeros((1, work.point.rows, work.point.hidden), np.float32)
    parts = LAST[: STATE_PARTS[work.cell]]
    outputs, fed = [f"{part}_after" for part in parts], [f"{part}_before" for part in parts]

    def run() -> list[Array]:
        state, shown = [zeros] * len(parts), []
        for x in inputs:
            state = session.run(outputs, {"X": x, **dict(zip(fed, state, strict=True))})
            shown.append(state[0])
        return shown

    return Contender(run, lambda shown: {"y": np.stack(shown)[:, 0]})


def _session(work: Work) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")  # its threads rest while others are timed
    return onnxruntime.InferenceSession(_model(work).SerializeToString(), options, ["CPUExecutionProvider"])


def _model(work: Work):
    steps, rows, inputs, hidden = work.point
    steps = 1 if work.mode == "step" else steps
    parts = LAST[: STATE_PARTS[work.cell]] if work.mode == "step" else ()
    settings = {"hidden_size": hidden} | ({"linear_before_reset": 1} if work.cell == "gru" else {})
    node = helper.make_node(
        OPERATORS[work.cell],
        ["X", "U", "W", "B", "", *(f"{part}_before" for part in parts)],
        ["Y", *(f"{part}_after" for part in parts)],
        **settings,
    )
    graph = helper.make_graph(
        [node],
        work.cell,
        [_value("X", steps, rows, inputs), *(_value(f"{part}_before", 1, rows, hidden) for part in parts)],
        [_value("Y", steps, 1, rows, hidden), *(_value(f"{part}_after", 1, rows, hidden) for part in parts)],
        [numpy_helper.from_array(value[None], name) for name, value in _weights(work).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _value(name: str, *shape: int):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _weights(work: Work) -> dict[str, Array]:
    p = work.parameters
    second = np.zeros_like(p["b"])
    if work.cell == "gru":
        second[-work.point.hidden :] = p["d"]

    def ordered(value: Array) -> Array:
        gates = value.reshape(-1, work.point.hidden, *value.shape[1:])
        return gates[list(ORDER[work.cell])].reshape(value.shape)

    return {"U": ordered(p["U"]), "W": ordered(p["W"]), "B": np.concatenate([ordered(p["b"]), ordered(second)])}
