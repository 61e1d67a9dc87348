"""The picture of the page on layers is what the wrappers draw today."""

from pathlib import Path

from renewing import drawing

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_of_masks_is_what_is_drawn():
    masks = drawing(DOCS / "masks.py")
    assert masks.PICTURE.read_text(encoding="utf-8") == masks.masks(), "python docs/masks.py writes it anew"
