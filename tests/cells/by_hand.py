"""Steps of cells that no package has, in NumPy and for one row, written from the papers alone.

Each takes the parameters by name, the parts of the state by name, and x; and gives the parts after the step, and y.
They share no code with the cells, and write what cells write in one product gate by gate.
"""

from __future__ import annotations

import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def gates(count, *parameters):
    """Each parameter cut into its gates: a list of gates, each with its piece of every parameter."""
    return list(zip(*(np.split(p, count) for p in parameters), strict=True))


def normal(a):
    return (a - np.mean(a)) / np.sqrt(np.var(a) + 1e-5)


def linear(p, s, x):
    after = p["W"].dot(s["s"]) + p["U"].dot(x) + p["b"]
    return {"s": after}, p["V"].dot(after) + p["c"]


def jordan(p, s, x):
    hidden = np.tanh(p["U"].dot(x) + p["W"].dot(s["y"]) + p["b"])
    y = p["V"].dot(hidden) + p["c"]
    return {"y": y}, y


def gru_before(p, s, x):
    (Wr, Ur, br), (Wz, Uz, bz), (Wn, Un, bn) = gates(3, p["W"], p["U"], p["b"])
    h = s["h"]
    r = sigmoid(Wr.dot(h) + Ur.dot(x) + br)
    z = sigmoid(Wz.dot(h) + Uz.dot(x) + bz)
    h = z * h + (1 - z) * np.tanh(Wn.dot(r * h) + Un.dot(x) + bn)
    return {"h": h}, h


def cifg_lstm(p, s, x):
    (Wf, Uf, bf), (Wg, Ug, bg), (Wo, Uo, bo) = gates(3, p["W"], p["U"], p["b"])
    i = sigmoid(-(Wf.dot(s["h"]) + Uf.dot(x) + bf))  # the paper's gate; f = 1 - i
    c = (1 - i) * s["c"] + i * np.tanh(Wg.dot(s["h"]) + Ug.dot(x) + bg)
    h = np.tanh(c) * sigmoid(Wo.dot(s["h"]) + Uo.dot(x) + bo)
    return {"h": h, "c": c}, h


def layernorm_lstm(p, s, x):
    of_h = p["alpha_h"] * normal(p["W"].dot(s["h"]))
    of_x = p["alpha_x"] * normal(p["U"].dot(x))
    i, f, g, o = np.split(of_h + of_x + p["b"], 4)
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(p["alpha_c"] * normal(c) + p["b_c"])
    return {"h": h, "c": c}, h


def layernorm_gru(p, s, x):
    h = s["h"]
    two = 2 * len(h)
    of_h = p["alpha_h"][:two] * normal(p["W"][:two].dot(h))
    of_x = p["alpha_x"][:two] * normal(p["U"][:two].dot(x)) + p["b"][:two]
    r, z = np.split(sigmoid(of_h + of_x), 2)
    inside = p["alpha_h"][two:] * normal(p["W"][two:].dot(h)) + p["d"]
    n = np.tanh(p["alpha_x"][two:] * normal(p["U"][two:].dot(x)) + p["b"][two:] + r * inside)
    h = (1 - z) * h + z * n
    return {"h": h}, h


def lem(p, s, x):
    (W1, U1, b1), (W2, U2, b2), (W3, U3, b3), (W4, U4, b4) = gates(4, p["W"], p["U"], p["b"])
    dt_h = sigmoid(W1.dot(s["h"]) + U1.dot(x) + b1)
    dt_z = sigmoid(W2.dot(s["h"]) + U2.dot(x) + b2)
    z = s["z"] + dt_z * (np.tanh(W3.dot(s["h"]) + U3.dot(x) + b3) - s["z"])
    h = s["h"] + dt_h * (np.tanh(W4.dot(z) + U4.dot(x) + b4) - s["h"])
    return {"h": h, "z": z}, h


def lstm(W, U, b, h, c, x):
    (Wi, Ui, bi), (Wf, Uf, bf), (Wg, Ug, bg), (Wo, Uo, bo) = gates(4, W, U, b)
    kept = sigmoid(Wf.dot(h) + Uf.dot(x) + bf) * c
    written = sigmoid(Wi.dot(h) + Ui.dot(x) + bi) * np.tanh(Wg.dot(h) + Ug.dot(x) + bg)
    return kept, written, sigmoid(Wo.dot(h) + Uo.dot(x) + bo)


def nested_lstm(p, s, x):
    kept, written, let_out = lstm(p["W"], p["U"], p["b"], s["h"], s["c"], x)
    inner = (p["W_inner"], p["U_inner"], p["b_inner"])
    deep, new, out = lstm(*inner, kept, s["inner"], written)
    memory = deep + new
    c = out * np.tanh(memory)
    h = let_out * np.tanh(c)
    return {"h": h, "c": c, "inner": memory}, h


def qrnn(p, s, x):
    (Uf, bf), (Ug, bg), (Uo, bo) = gates(3, p["U"], p["b"])
    f = sigmoid(Uf.dot(x) + bf)
    c = f * s["c"] + (1 - f) * np.tanh(Ug.dot(x) + bg)
    return {"c": c}, sigmoid(Uo.dot(x) + bo) * c


def slstm(p, s, x):
    """Without the stabiliser: weights are what they are, c and n taken out of their unit and put back into it."""
    (Wi, Ui, bi), (Wf, Uf, bf), (Wz, Uz, bz), (Wo, Uo, bo) = gates(4, p["W"], p["U"], p["b"])
    h, unit = s["h"], np.exp(s["m"])
    log_i = Wi.dot(h) + Ui.dot(x) + bi
    f = sigmoid(Wf.dot(h) + Uf.dot(x) + bf)
    c = f * s["c"] * unit + np.exp(log_i) * np.tanh(Wz.dot(h) + Uz.dot(x) + bz)
    n = f * s["n"] * unit + np.exp(log_i)
    m = np.maximum(np.log(f * unit), log_i)
    h = sigmoid(Wo.dot(h) + Uo.dot(x) + bo) * c / n
    return {"h": h, "c": c / np.exp(m), "n": n / np.exp(m), "m": m}, h


def sru(p, s, x):
    Uf, Ur, Un = np.split(p["U"], 3)
    (vf, bf), (vr, br) = gates(2, p["v"], p["b"])
    f = sigmoid(Uf.dot(x) + vf * s["c"] + bf)
    r = sigmoid(Ur.dot(x) + vr * s["c"] + br)
    c = f * s["c"] + (1 - f) * Un.dot(x)
    return {"c": c}, r * c + (1 - r) * (p["skip"].dot(x) if "skip" in p else x)


def ctrnn(p, s, x):
    decay = np.exp(-1.0 / np.exp(p["log_tau"]))
    h = decay * s["h"] + (1 - decay) * np.tanh(p["W"].dot(s["h"]) + p["U"].dot(x) + p["b"])
    return {"h": h}, h


STEPS = {
    step.__name__: step
    for step in (
        linear, jordan, gru_before, cifg_lstm, layernorm_lstm, layernorm_gru, lem, nested_lstm, qrnn, slstm, sru, ctrnn,
    )
}  # fmt: skip
