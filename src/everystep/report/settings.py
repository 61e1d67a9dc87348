"""Every setting of the fit, and what was decided for the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everystep.forecast.results import FitResult
from everystep.pages import Markup, facts, label, number


def settings_section(results: FitResult) -> Markup:
    """List what was decided for the user first, then every setting."""
    shown = {name: _written(value) for name, value in results.settings.items()}
    shown |= {"trained parameters": f"{results.parameters:,}", "seconds for the whole fit": number(results.seconds)}
    return Markup("<section>\n<h2>Settings</h2>\n{}{}</section>").format(_decided(results.notes), facts(shown))


def _decided(notes: tuple[str, ...]) -> Markup:
    if not notes:
        return Markup("")
    items = Markup("\n").join(Markup("<li>{}</li>").format(label(note, 300)) for note in notes)
    return Markup("<p>Decided from the data, because it was not said:</p>\n<ul>\n{}\n</ul>\n").format(items)


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_written, value)) or "none"
    return str(value)
