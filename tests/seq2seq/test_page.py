"""The pictures of the page on sequence to sequence models are what is drawn today."""

from pathlib import Path

from renewing import drawing

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pictures_are_what_is_drawn():
    for name, picture in drawing(DOCS / "seq2seq_pictures.py").pictures().items():
        assert (DOCS / name).read_text(encoding="utf-8") == picture, "python docs/seq2seq_pictures.py writes them anew"
        assert f"]({name})" in (DOCS / "seq2seq.md").read_text(encoding="utf-8")


def test_the_picture_of_a_beam_is_what_the_search_does():
    beam = drawing(DOCS / "beam.py")
    assert beam.PICTURE.read_text(encoding="utf-8") == beam.tree(), "python docs/beam.py writes it anew"
