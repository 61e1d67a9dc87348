"""The pictures of the page on sequence to sequence models are what is drawn today."""

from pathlib import Path

from renewing import drawing

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pictures_are_what_is_drawn():
    for name, picture in drawing(DOCS / "seq2seq_pictures.py").pictures().items():
        assert (DOCS / name).read_text(encoding="utf-8") == picture, "python docs/seq2seq_pictures.py writes them anew"
        assert f"]({name})" in (DOCS / "seq2seq.md").read_text(encoding="utf-8")
