"""The fields of a written date are found wherever they stand."""

from __future__ import annotations

import pytest
import torch

from everystep.translate import Translation
from recipes.translating.looking import fields, picture, shares

WRITTEN = {
    "15 Jul '47": ("47", "Jul", "15"),
    "10/07/2034": ("2034", "10", "07"),
    "TUESDAY 10 OCTOBER 1961": ("1961", "OCTOBER", "10"),
    "20th of July 2048": ("2048", "July", "20"),
    "9.6.1972": ("1972", "6", "9"),
    "the 31st of march, 1973": ("1973", "march", "31"),
    "april 8, 1957": ("1957", "april", "8"),
    "December 2014, 26th": ("2014", "December", "26"),
    "1968/01/10": ("1968", "01", "10"),
    "Sun, 4 Mar 2018": ("2018", "Mar", "4"),
    "Mon, 20 May 2020": ("2020", "May", "20"),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_year_month_and_day_are_found(written):
    assert tuple(written[field] for field in fields(written)) == WRITTEN[written]


def translation(weights):
    source, target = (*"9.6.1972", "</s>"), (*"1972-06-09", "</s>")
    return Translation("1972-06-09", 0.0, 0.0, source, target, weights)


def test_shares_are_of_the_field_that_is_written():
    on_day = torch.zeros(11, 9)
    on_day[:, 0] = 0.75
    on_day[:, 5] = 0.25
    assert shares([translation(on_day)]) == {"year": 0.25, "month": 0.0, "day": 0.75}


def test_the_picture_names_what_was_read_and_said(tmp_path):
    picture([translation(torch.eye(11, 9))] * 3, tmp_path / "dates.svg")
    drawn = (tmp_path / "dates.svg").read_text()
    assert drawn.count("<image") == 3
    picture([translation(torch.eye(11, 9))] * 3, tmp_path / "dates.svg")
    assert (tmp_path / "dates.svg").read_text() == drawn  # the same bytes each time
