"""The lines of code shown beside the pictures run as they stand, and fit where they stand."""

from __future__ import annotations

import contextlib
import io
import re
from importlib import import_module

import pytest
import torch

from everystep.tour.run import ITEMS

CODES = {number: import_module(f"everystep.tour.{module}").CODE for number, module in ITEMS.items()}


@pytest.mark.parametrize("number", CODES)
def test_the_code_of_an_item_runs(number):
    usual = torch.get_default_dtype()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(CODES[number], f"<{number}>", "exec"), {})
    finally:
        torch.set_default_dtype(usual)


@pytest.mark.parametrize("number", CODES)
def test_the_code_of_an_item_fits_beside_its_picture(number):
    for line in CODES[number].splitlines():
        assert len(line) <= 80  # 688 px of 13 px type
        assert not re.search(r"\S {3,}\S", line)  # columns of comments break on a telephone
