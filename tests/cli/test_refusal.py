"""How a message for callers in Python reads at a terminal."""

from __future__ import annotations

import inspect

import pytest

from everystep.cli.fit import fit
from everystep.cli.model_run import listed
from everystep.cli.predict import predict
from everystep.cli.refusal import at_terminal, printable


@pytest.mark.parametrize("name", ["gaps", "nonfinite", "duplicates", "unsorted", "constant", "timezone", "new_ids"])
def test_the_ways_out_are_written_as_options_that_exist(name):
    assert name in {*inspect.signature(fit).parameters, *inspect.signature(predict).parameters}
    assert at_terminal(f'Mend it, or pass {name}="any".') == f"Mend it, or pass --{name.replace('_', '-')} any."


def test_overwriting_is_written_as_an_option():
    assert at_terminal("pass overwrite=True to start anew.") == "pass --overwrite to start anew."


def test_other_equals_signs_stay():
    assert at_terminal('sky="sun" and y=True') == 'sky="sun" and y=True'


def test_text_of_a_table_can_not_steer_the_terminal():
    assert printable("shop\x1b[2J\tä😀") == "shop\\x1b[2J\\tä😀"


def test_columns_are_parted_by_commas_outside_quotes():
    assert listed(["a, b", '"units, sold",c']) == ("a", "b", "units, sold", "c")
    assert listed(None) == ()
