"""Turn extra columns into features: numbers as they are, text as one feature of 0 and 1 for each category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everystep.data.numbers import holds_numbers, numbers
from everystep.data.table import Table
from everystep.data.wording import counted
from everystep.errors import DataError

MOST_CATEGORIES = 32  # a column with more distinct texts is free text
NO_TEXT = "(missing)"  # the category of an empty cell


@dataclass(frozen=True)
class Feature:
    """One column of the table as numbers."""

    column: str
    values: np.ndarray  # (rows, 1), or (rows, categories)
    categories: tuple[str, ...] | None = None
    note: str = ""


def read_feature(table: Table, column: str, categories: tuple[str, ...] | None = None) -> Feature | str:
    """Read a column as numbers or categories.

    Args:
        table: The data.
        column: The column.
        categories: Those that a model knows; a text that is none of them is 0 in every feature, and said.

    Returns:
        The feature, or why the column holds none.

    Raises:
        DataError: if a column of numbers holds text.
    """
    values = table.column(column)
    if categories is None and values.dtype.kind == "M":
        return "it holds times"
    if categories is None and holds_numbers(table, column):
        return Feature(column, numbers(table, column)[:, None])
    distinct, code = _distinct(values)
    if categories is not None:
        return _known(column, distinct, code, categories)
    if trouble := _no_categories(distinct):
        return trouble
    listed = ", ".join(distinct[:5]) + (" ..." if len(distinct) > 5 else "")
    note = f'Column "{column}" is text: {counted(len(distinct), "category")} ({listed}), one feature each.'
    return Feature(column, np.eye(len(distinct))[code], tuple(distinct.tolist()), note)


def _no_categories(distinct: np.ndarray) -> str:
    if len(distinct) == 1 and distinct[0] == NO_TEXT:
        return "it is empty"
    if len(distinct) > MOST_CATEGORIES:
        return f"it holds {counted(len(distinct), 'different text')}, more than {MOST_CATEGORIES} categories"
    return ""


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted texts of a column and the number of each row's text among them."""
    import pandas as pd

    code, texts = pd.factorize(values, sort=False)
    texts = np.array([str(text) or NO_TEXT for text in texts])
    distinct, order = np.unique(texts, return_inverse=True)
    return distinct, order[code]


def _known(column: str, distinct: np.ndarray, code: np.ndarray, categories: tuple[str, ...]) -> Feature:
    place = {text: i for i, text in enumerate(categories)}
    rows = np.vstack([np.eye(len(categories)), np.zeros(len(categories))])
    index = np.array([place.get(text, len(categories)) for text in distinct.tolist()])
    new = [text for text in distinct.tolist() if text not in place]
    count = int((index[code] == len(categories)).sum())
    note = (
        f'Column "{column}": {counted(count, "row")} with a category the model never saw ({", ".join(new[:5])}).'
        if new
        else ""
    )
    return Feature(column, rows[index[code]], categories, note)


def read_named(table: Table, columns: tuple[str, ...]) -> tuple[list[Feature], list[str]]:
    """Read columns that the caller named; text with too many categories is left out, and said."""
    features, notes = [], []
    for column in columns:
        feature = read_feature(table, column)
        if isinstance(feature, str):
            notes.append(f'Column "{column}" was left out: {feature}.')
        else:
            features.append(feature)
            notes.append(feature.note)
    return features, notes


def read_extra(table: Table, columns: tuple[str, ...]) -> tuple[list[Feature], list[str]]:
    """Read columns that the caller did not name; what is not clean is left out, and said."""
    features, notes = [], []
    for column in columns:
        try:
            feature = read_feature(table, column)
        except DataError as error:
            feature = str(error).removeprefix(f"{table.name}: ").rstrip(".")
        trouble = feature if isinstance(feature, str) else _trouble(feature)
        if trouble or isinstance(feature, str):
            notes.append(f'Column "{column}" was left out: {trouble}.')
        else:
            features.append(feature)
            notes.append(feature.note)
    return features, notes


def _trouble(feature: Feature) -> str:
    if feature.categories and len(feature.categories) > max(len(feature.values) // 2, 2):
        return "it is text that hardly comes twice"
    bad = int((~np.isfinite(feature.values)).sum())
    if bad:
        return f"{bad:,} of its cells are missing or infinite (name it to have it filled)"
    return "it never changes" if (feature.values == feature.values[0]).all() else ""
