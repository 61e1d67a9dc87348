"""Results of made-up fits: an ordinary one, and those that break a careless page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everystep.cells import CELLS
from everystep.forecast.results import Curves, Evaluation, Fan, FitResult, GateView, Score

METHODS = ("last value", "seasonal naive", "seasonal naive with drift", "Theta", "ETS", "Model 1", "Model 2")
HOSTILE = "<script>alert(1)</script>\"'&\x00\u202e$\\frac{a}{b}$\n</style>"


def fan(rng, id_="north", horizon=24, past=300, truth=True, scale=1.0, offset=0.0, dates=True, target="load"):
    n = past + horizon
    wave = np.sin(2 * np.pi * np.arange(n) / 24) * 3 + np.cumsum(rng.normal(size=n)) * 0.3
    y = offset + scale * wave
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(n) * np.timedelta64(3600, "s") if dates else np.arange(n)
    width = scale * 0.4 * np.sqrt(1 + np.arange(horizon))
    median = y[past:] + scale * 0.4 * np.cumsum(rng.normal(size=horizon)) * 0.3
    return Fan(
        id=id_,
        target=target,
        history_times=times[:past],
        history=y[:past],
        times=times[past:],
        truth=y[past:] if truth else None,
        low=median - width,
        median=median,
        high=median + width,
        others={name: median + scale * rng.normal() for name in METHODS},
    )


def scores(rng, horizon=24, scale=1.0, own=0.62):
    growth = np.sqrt(1 + np.arange(horizon)) / np.sqrt(horizon)
    rows = []
    for place, name in enumerate(("everystep", *METHODS)):
        mase = own if place == 0 else 0.66 + 0.11 * (len(METHODS) - place)
        errors = tuple(float(e) for e in scale * mase * (0.4 + growth + 0.03 * rng.normal(size=horizon)))
        banded = name in {"everystep", "ETS", "Theta"}
        rows.append(
            Score(
                name, scale * mase * 2.1, scale * mase * 2.9, mase, mase / 8, scale * mase / 3 if banded else None,
                0.79 - 0.02 * place if banded else None, 31.4 / (1 + place**2), errors,
            )
        )  # fmt: skip
    return tuple(rows)


def evaluation(rng, *, fans, horizon=24, scale=1.0, own=0.62, **changed):
    best = "everystep" if own < 0.66 else "Model 2"
    made = Evaluation(
        scores=scores(rng, horizon, scale, own), fans=fans, horizon=horizon, season=24, origins=12, series=len(fans),
        first="2024-01-13 12:00", last="2024-01-25 11:00", winner=best,
        verdict=f"{best} has the smallest error: MASE {min(own, 0.66):.2f}, 6 % below the next best.",
    )  # fmt: skip
    return replace(made, **changed)


def gates(rng, cell, steps=48, units=16, segment=1):
    if cell == "lstm":
        names, state = ("input", "forget", "candidate", "output"), ("h", "c")
    elif cell == "gru":
        names, state = ("reset", "update", "candidate"), ("h",)
    else:
        names, state = (), ("s",)
    wave = np.sin(2 * np.pi * np.arange(steps)[:, None] / 24 + rng.uniform(0, 6, units)) * rng.uniform(0.5, 3, units)
    taps = {n: 1 / (1 + np.exp(-wave - rng.normal(size=units))) for n in names if n != "candidate"}
    taps |= {n: np.tanh(wave) for n in (*state, "candidate") if n != "candidate" or names}
    times = np.datetime64("2024-01-01T00") + np.arange(steps * segment)
    window = 30 + 5 * np.sin(2 * np.pi * np.arange(steps * segment) / 24)
    return GateView("north", "load", times, window, segment, taps)


def curves(rng, epochs=30):
    train = np.concatenate([[np.nan], 0.3 * np.exp(-np.arange(epochs) / 6) + 0.12 + 0.004 * rng.normal(size=epochs)])
    validation = np.concatenate([[0.2], 0.06 * np.exp(-np.arange(epochs) / 5) + 0.14 + 0.003 * rng.normal(size=epochs)])
    return Curves(np.arange(epochs + 1), train, validation, int(np.argmin(validation)), 0.2)


def ordinary(kind="lstm", **changed):
    rng = np.random.default_rng(0)
    fans = tuple(fan(rng, id_) for id_ in ("north", "south"))
    made = FitResult(
        title="load of grid.csv",
        settings={
            "cell": kind,
            "hidden": 16,
            "horizon": 24,
            "window": 168,
            "learning rate": 0.003,
            "seed": 0,
            "future": (),
        },
        notes=(
            "The step between times is one hour.",
            "A season of 24 steps was found.",
            "Column note is text: ignored.",
        ),
        evaluation=evaluation(rng, fans=fans),
        curves=curves(rng),
        gates=gates(rng, kind),
        future=tuple(fan(rng, id_, truth=False) for id_ in ("north",)),
        cell=CELLS[kind](3, 4),
        parameters=1873,
        seconds=48.2,
    )
    return replace(made, **changed)


def extreme(*, horizon=24, series=1, scale=1.0, offset=0.0, flat=False, cell="lstm", name="north", own=0.62):
    """A fit of unusual size, scale or naming."""
    rng = np.random.default_rng(1)
    names = [f"{name} {i}" for i in range(series)] if series > 1 else [name]
    shape = {"horizon": horizon, "scale": scale, "offset": offset, "target": name, "past": max(100, horizon)}
    past = [fan(rng, id_, **shape) for id_ in names]
    if flat:
        past = [replace(f, history=0 * f.history + offset, truth=0 * f.truth + offset, low=0 * f.low + offset,
                        median=0 * f.median + offset, high=0 * f.high + offset, others={}) for f in past]  # fmt: skip
    judged = evaluation(rng, fans=tuple(past), horizon=horizon, scale=scale, own=own)
    units = 128 if series > 1 else 1
    steps = horizon if horizon > 24 else 48
    return ordinary(
        cell, title=f"{name} of {name}.csv", evaluation=judged, future=tuple(replace(f, truth=None) for f in past),
        gates=gates(rng, cell, steps, units, segment=2),
    )  # fmt: skip


def hostile():
    long = HOSTILE + "ab" * 5000
    made = extreme(name=long)
    judged = made.evaluation
    rows = tuple(replace(s, method=long + s.method if i else s.method, note=long) for i, s in enumerate(judged.scores))
    fans = tuple(replace(f, others={long + k: v for k, v in f.others.items()}) for f in judged.fans)
    return replace(
        made, settings={long: long, HOSTILE: [long]}, notes=(long, HOSTILE),
        evaluation=replace(judged, scores=rows, fans=fans, verdict=long, first=long, last=HOSTILE),
    )  # fmt: skip


def refused():
    """Methods without a forecast, no MASE, a run of no epochs, no gates, whole numbers for times."""
    rng = np.random.default_rng(2)
    made = ordinary("elman", gates=None, notes=(), future=())
    nan = float("nan")
    rows = tuple(
        replace(s, mae=nan, rmse=nan, mase=nan, smape=nan, error_by_step=(), failed=True, note="stopped after 20 s")
        if s.method in {"ETS", "Theta"} else replace(s, mase=nan) for s in made.evaluation.scores
    )  # fmt: skip
    judged = replace(made.evaluation, scores=rows, fans=(fan(rng, "0", dates=False),))
    one = Curves(np.array([0]), np.array([nan]), np.array([0.2]), 0, 0.2)
    return replace(made, evaluation=judged, curves=one)


CASES = {
    "ordinary": ordinary,
    "gru": lambda: ordinary("gru", future=()),
    "elman": lambda: extreme(cell="elman", horizon=1, own=1.9),
    "a hundred series": lambda: extreme(series=100, scale=1e12, cell="lstm"),
    "horizon 720": lambda: extreme(horizon=720, scale=1e-9, offset=3e-7, cell="gru"),
    "constant": lambda: extreme(flat=True, offset=1e12, scale=1e-3),
    "hostile": hostile,
    "refused": refused,
}
