"""A fit in plain values: what ``metrics.json`` holds and ``--json`` prints."""

from __future__ import annotations

from typing import Any

from everystep.translate.fitting import Fit


def summary(fit: Fit) -> dict[str, Any]:
    """Describe a fit in values that JSON can hold.

    Args:
        fit: The fit.

    Returns:
        Validation figures, epochs, sizes, settings, notes and seconds.
    """
    fitted, trained = fit.fitted, fit.trained
    return {
        "figures": dict(fit.figures),
        "metric": fitted.choices.training.metric,
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "stopped_early": trained.stopped_early,
        "steps": trained.steps,
        "history": [[epoch.number, epoch.loss, epoch.validation] for epoch in trained.history],
        "pairs": {"training": len(fit.pairs), "validation": fit.judged},
        "symbols": {"source": len(fitted.vocabularies.source), "target": len(fitted.vocabularies.target)},
        "kinds": {"source": fitted.vocabularies.source.kind, "target": fitted.vocabularies.target.kind},
        "parameters": sum(parameter.numel() for parameter in fitted.model.parameters()),
        "settings": fitted.choices.model_dump(),
        "notes": list(fit.notes),
        "seconds": round(trained.seconds, 3),
    }
