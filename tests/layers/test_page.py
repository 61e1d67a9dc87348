"""The picture of the page on layers is what the wrappers draw today."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_of_masks_is_what_is_drawn():
    spec = importlib.util.spec_from_file_location("masks", DOCS / "masks.py")
    assert spec is not None
    assert spec.loader is not None
    masks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(masks)
    assert masks.PICTURE.read_text(encoding="utf-8") == masks.masks(), "python docs/masks.py writes it anew"
