"""The picture in the README is what the library draws today."""

from pathlib import Path

import everystep as es
from everystep.tour.worked_example import model3

PICTURE = Path(__file__).parents[1] / "docs" / "unrolled.svg"


def test_the_readmes_picture_is_what_draw_makes_of_the_worked_example():
    drawn = str(es.draw(model3(), x=[1, 2, 3, 4, 5]))
    assert PICTURE.read_text(encoding="utf-8") == drawn, f"write it anew: es.draw(...).save({str(PICTURE)!r})"
