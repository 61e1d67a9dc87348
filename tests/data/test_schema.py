"""A schema goes through JSON unchanged, and a damaged one is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from data.tables import several
from everystep.data import Schema, read_panel
from everystep.errors import ModelFileError


@pytest.fixture
def schema() -> Schema:
    return read_panel(several(temp=np.arange(60.0), sky=["a", "b"] * 30), future="temp", past="sky").schema


def test_a_schema_goes_through_json_unchanged(schema: Schema):
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert schema.to_dict()["freq"] == "D"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": "7"}, "horizon: Input should be a valid integer"),
        ({"horizon": 0}, "season and horizon are at least 1"),
        ({"freq": "fortnight"}, 'frequency "fortnight" is unknown'),
        ({"freq": None}, "freq: Input should be a valid string"),
        ({"targets": "y"}, "targets: Input should be"),
        ({"colour": 1}, "colour: Unexpected keyword argument"),
        ({"categories": {"sky": 3}}, "categories.sky: Input should be"),
    ],
)
def test_a_damaged_schema_names_what_is_wrong(schema: Schema, change, words):
    with pytest.raises(ModelFileError, match=r"^data schema: ") as caught:
        Schema.from_dict(schema.to_dict() | change)
    assert words in str(caught.value)


def test_a_schema_without_a_key_names_it(schema: Schema):
    stored = schema.to_dict()
    del stored["time"]
    with pytest.raises(ModelFileError, match=r"data schema: time: Field required"):
        Schema.from_dict(stored)
    with pytest.raises(ModelFileError, match=r"^data schema: "):
        Schema.from_dict([])  # type: ignore[arg-type]
