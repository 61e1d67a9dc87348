"""A forecaster as a model directory, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.data import Panel, Schema
from everystep.errors import EverystepError, ModelFileError
from everystep.forecast.fitted import Fitted
from everystep.forecast.known import from_arrays, tail, to_arrays
from everystep.forecast.model import RecurrentForecaster
from everystep.forecast.scaling import Scaling
from everystep.forecast.shape import Shape
from everystep.train import SavedModel, load_model, save_model

KIND = "forecaster"


def save(
    directory: str | Path, fitted: Fitted, known: Panel, settings: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Save everything that forecasting needs, the last window of each series included.

    Args:
        directory: A directory that is missing, empty, or was made by everystep.
        fitted: The forecaster.
        known: What is known of each series.
        settings: The arguments it was constructed with.
        metrics: How good it is, as plain values.

    Raises:
        RunError: The directory holds something else.
        ModelFileError: The files can't be written.
    """
    known = tail(known, fitted.shape.window)
    arrays = {
        **{f"scaling.{name}": array for name, array in fitted.scaling.to_arrays().items()},
        **{f"known.{name}": array for name, array in to_arrays(known).items()},
        "band.factor": fitted.factor,
    }
    weights = {f"model.{name}": value for name, value in fitted.model.state_dict().items()}
    cell, hidden = fitted.model.cell_name, fitted.model.hidden
    save_model(
        directory,
        SavedModel(
            kind=KIND,
            sizes={"shape": fitted.shape.to_dict(), "cell": cell, "hidden": hidden},
            weights=weights | {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()},
            schema={
                "data": known.schema.to_dict(),
                "ids": list(known.ids),
                "rows": [list(name) for name in fitted.scaling.names],
                "settings": {name: _plain(value) for name, value in settings.items()},
            },
            metrics=metrics,
        ),
    )


def _plain(value: Any) -> Any:
    """Give a setting as JSON can hold it: numbers of NumPy as numbers, dates as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, str | int | float) else str(value)


def load(directory: str | Path) -> tuple[Fitted, Panel, dict[str, Any], dict[str, Any]]:
    """Load what ``save`` saved; no code of the directory runs.

    Returns:
        The forecaster, what it knows, the settings and the metrics.

    Raises:
        ModelFileError: A file is missing, damaged, of another kind or of a newer format; it is named.
    """
    saved = load_model(directory, kind=KIND)
    try:
        fitted, known = _rebuilt(saved)
    except (KeyError, TypeError, ValueError, RuntimeError, EverystepError) as error:
        raise ModelFileError(
            f"{Path(directory) / 'config.json'} and model.safetensors do not describe one forecaster ({error}). "
            "Take both from the same copy, or fit again."
        ) from error
    return fitted, known, dict(saved.schema["settings"]), dict(saved.metrics)


def _rebuilt(saved: SavedModel) -> tuple[Fitted, Panel]:
    sizes, schema, weights = saved.sizes, saved.schema, saved.weights
    model = RecurrentForecaster(Shape.from_dict(sizes["shape"]), sizes["cell"], sizes["hidden"])
    model.load_state_dict(_under("model.", weights))
    model.eval()
    names = tuple((name, target) for name, target in schema["rows"])
    numbers = {name: value.numpy() for name, value in _under("scaling.", weights).items()}
    parts = {name: value.numpy() for name, value in _under("known.", weights).items()}
    known = from_arrays(Schema.from_dict(schema["data"]), tuple(schema["ids"]), parts)
    return Fitted(model, Scaling.from_arrays(names, numbers), weights["band.factor"].numpy()), known


def _under(prefix: str, weights: Any) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
