"""ONNX's recurrent operators by their equations in numpy, one sequence and one direction at a time.

What onnx's own evaluator leaves out of these operators (activations, clip, lengths, coupled gates) is here; the
activations themselves are onnx's own operators, run by its evaluator.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

INPUTS = {
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
}
OUTPUTS = {"RNN": ("Y", "Y_h"), "GRU": ("Y", "Y_h"), "LSTM": ("Y", "Y_h", "Y_c")}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
ALPHA = ("Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu")
BETA = ("Affine", "ScaledTanh", "HardSigmoid")


def model_of(operator, values, **attributes):
    """A model of one node, all of whose inputs are the model's."""
    inputs = [name if name in values else "" for name in INPUTS[operator]]
    node = helper.make_node(operator, inputs, OUTPUTS[operator], name="node", **attributes)
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in values.items()}
    taken = [helper.make_tensor_value_info(name, kind, values[name].shape) for name, kind in kinds.items()]
    given = [helper.make_tensor_value_info(name, kinds["X"], None) for name in OUTPUTS[operator]]
    return helper.make_model(
        helper.make_graph([node], "one", taken, given), opset_imports=[helper.make_opsetid("", 22)]
    )


@cache
def _activation(name, alpha, beta):
    if name == "Affine":
        return lambda a: alpha * a + beta
    if name == "ScaledTanh":
        return lambda a: alpha * np.tanh(beta * a)
    own = {key: value for key, value in (("alpha", alpha), ("beta", beta)) if value is not None}
    node = helper.make_node(name, ["a"], ["b"], **own)
    a, b = (helper.make_tensor_value_info(letter, TensorProto.DOUBLE, None) for letter in "ab")
    evaluator = ReferenceEvaluator(helper.make_model(helper.make_graph([node], "one", [a], [b])))
    return lambda value: evaluator.run(None, {"a": value})[0]


def _functions(names, alphas, betas, clip):
    alphas, betas, functions = iter(alphas), iter(betas), []
    for name in names:
        alpha = next(alphas, None) if name in ALPHA else None
        beta = next(betas, None) if name in BETA else None
        functions.append(_activation(name, alpha, beta))
    bound = np.inf if clip is None else np.float32(clip)
    return [lambda a, f=f: f(np.clip(a, -bound, bound)) for f in functions]


def expected(
    operator, values, *, activations=None, activation_alpha=(), activation_beta=(), clip=None, direction="forward",
    hidden_size, linear_before_reset=0, input_forget=0,
):  # fmt: skip
    """Y, Y_h and for an LSTM Y_c, layout 0."""
    reversals = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}[direction]
    names = activations or DEFAULTS[operator] * len(reversals)
    functions, each = _functions(names, activation_alpha, activation_beta, clip), len(DEFAULTS[operator])
    X = values["X"]
    steps, batch = X.shape[:2]
    lengths = values.get("sequence_lens", np.full(batch, steps))
    Y = np.zeros((steps, len(reversals), batch, hidden_size))
    last = [np.zeros((len(reversals), batch, hidden_size)) for _ in OUTPUTS[operator][1:]]
    for d, reverse in enumerate(reversals):
        own = {name: values[name][d].astype(float) for name in ("W", "R", "B", "P") if name in values}
        for row in range(batch):
            starts = [values[n][d, row] if n in values else np.zeros(hidden_size) for n in ("initial_h", "initial_c")]
            state = starts[: len(last)]
            order = range(lengths[row])
            for t in reversed(order) if reverse else order:
                chosen = functions[d * each : (d + 1) * each]
                state = _STEPS[operator](X[t, row], state, own, chosen, linear_before_reset, input_forget)
                Y[t, d, row] = state[0]
            for part, value in zip(last, state, strict=True):
                part[d, row] = value
    return Y, *last


def _product(x, h, w):
    b_W, b_R = np.split(w["B"], 2) if "B" in w else (0.0, 0.0)
    return w["W"] @ x + b_W, w["R"] @ h + b_R


def _rnn(x, state, w, functions, *_):
    return [functions[0](sum(_product(x, state[0], w)))]


def _gru(x, state, w, functions, linear_before_reset, _):
    (f, g), (H,) = functions, state
    (xz, xr, xh), (hz, hr, hh) = (np.split(part, 3) for part in _product(x, H, w))
    z, r = f(xz + hz), f(xr + hr)
    b_Rh = np.split(w["B"], 6)[5] if "B" in w else 0.0
    h = g(xh + (r * hh if linear_before_reset else np.split(w["R"], 3)[2] @ (r * H) + b_Rh))
    return [(1 - z) * h + z * H]


def _lstm(x, state, w, functions, _, input_forget):
    (f, g, h), (H, C) = functions, state
    i, o, forget, c = np.split(sum(_product(x, H, w)), 4)
    P_i, P_o, P_f = np.split(w["P"], 3) if "P" in w else (0.0, 0.0, 0.0)
    i = f(i + P_i * C)
    forget = 1 - i if input_forget else f(forget + P_f * C)
    C = forget * C + i * g(c)
    return [f(o + P_o * C) * h(C), C]


_STEPS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
