"""A translator as a model directory, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everystep.errors import EverystepError, MissingExtraError, ModelFileError
from everystep.seq2seq import Seq2Seq, Seq2SeqConfig
from everystep.train import SavedModel, load_model, save_model
from everystep.translate.choices import from_tables
from everystep.translate.fitted import Fitted
from everystep.translate.fitting import config_of
from everystep.translate.vocabularies import Vocabularies

KIND = "translator"


def save(directory: str | Path, fitted: Fitted, metrics: Mapping[str, Any]) -> None:
    """Save everything that translating needs.

    Args:
        directory: A directory that is missing, empty, or was made by everystep.
        fitted: The translator.
        metrics: How good it is, as plain values.

    Raises:
        RunError: The directory holds something else.
        ModelFileError: The files can't be written.
    """
    sizes = config_of(fitted.choices, fitted.vocabularies).to_dict()
    schema = {"choices": fitted.choices.model_dump(), "longest": fitted.longest, "factor": fitted.factor}
    files = fitted.vocabularies.to_files()
    save_model(directory, SavedModel(KIND, sizes, fitted.model.state_dict(), schema, metrics, files))


def load(directory: str | Path) -> tuple[Fitted, dict[str, Any]]:
    """Load what ``save`` saved; no code of the directory runs.

    Returns:
        The translator and the metrics.

    Raises:
        ModelFileError: A file is missing, damaged, of another kind or of a newer format; it is named.
    """
    saved = load_model(directory, kind=KIND)
    try:
        fitted = _rebuilt(saved)
    except MissingExtraError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, EverystepError) as error:
        raise ModelFileError(
            f"{Path(directory)}: config.json, model.safetensors and the vocabularies do not describe one translator "
            f"({error}). Take all of them from the same copy, or fit again."
        ) from error
    return fitted, dict(saved.metrics)


def _rebuilt(saved: SavedModel) -> Fitted:
    model = Seq2Seq.from_config(Seq2SeqConfig.from_dict(saved.sizes))
    model.load_state_dict(dict(saved.weights))
    model.eval()
    choices = from_tables("config.json", saved.schema["choices"])
    vocabularies = Vocabularies.from_files(saved.files)
    return Fitted(model, vocabularies, choices, int(saved.schema["longest"]), float(saved.schema["factor"]))
