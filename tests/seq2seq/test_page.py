"""The pictures of the page on sequence to sequence models are what is drawn today."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pictures_are_what_is_drawn():
    spec = importlib.util.spec_from_file_location("seq2seq_pictures", DOCS / "seq2seq_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    for name, picture in drawing.pictures().items():
        assert (DOCS / name).read_text(encoding="utf-8") == picture, "python docs/seq2seq_pictures.py writes them anew"
        assert f"]({name})" in (DOCS / "seq2seq.md").read_text(encoding="utf-8")
