"""What a table's columns mean: stored with a model, so that new data is read as the old was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from everystep.data.frequency import Frequency
from everystep.errors import EverystepError, ModelFileError


@dataclass(frozen=True)
class Schema:
    """The roles of columns, and the rhythm of the series.

    ``past``, ``future`` and ``static`` name columns of the table. A column of text stands for one feature of 0 and 1
    for each of its ``categories``; ``past_features`` and its sisters give the features' names in order.
    """

    time: str
    targets: tuple[str, ...]
    id: str | None  # None: one series, whose id is ids[0]
    past: tuple[str, ...]  # known only up to the present
    future: tuple[str, ...]  # known ahead
    static: tuple[str, ...]  # one value for each series
    freq: Frequency
    season: int  # steps, 1: none
    horizon: int  # steps
    timezone: str | None  # "UTC": instants; "local": the clock on the wall, offsets left out; None: none was given
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: tuple[str, ...] = ()  # the series that the model was fitted on

    @property
    def past_features(self) -> tuple[str, ...]:
        """Names of the columns of ``Series.past``."""
        return self._features(self.past)

    @property
    def future_features(self) -> tuple[str, ...]:
        """Names of the columns of ``Series.future``."""
        return self._features(self.future)

    @property
    def static_features(self) -> tuple[str, ...]:
        """Names of the entries of ``Series.static``."""
        return self._features(self.static)

    def _features(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            name
            for column in columns
            for name in (
                [f"{column}={value}" for value in self.categories[column]] if column in self.categories else [column]
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self) | {"freq": self.freq.alias}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Schema:
        """Build a schema from what :meth:`to_dict` gave, each value checked.

        Raises:
            ModelFileError: if a key is missing, unknown or of another type, naming it.
        """
        from pydantic import ConfigDict, TypeAdapter, ValidationError

        class Checked(cls):
            __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

        try:
            values = dict(stored) | {"freq": {"alias": stored.get("freq")}}
            checked = TypeAdapter(Checked).validate_json(json.dumps(values))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])).removesuffix(".alias")
            raise ModelFileError(f"data schema: {place}: {first['msg']}.") from error
        except (AttributeError, EverystepError, TypeError, ValueError) as error:
            raise ModelFileError(f"data schema: {error}") from error
        schema = cls(**{one.name: getattr(checked, one.name) for one in fields(cls)})
        if schema.season < 1 or schema.horizon < 1 or not schema.targets:
            raise ModelFileError("data schema: season and horizon are at least 1, and there is a target.")
        return schema
