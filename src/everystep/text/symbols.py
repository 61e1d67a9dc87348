"""The four symbols that stand for no text: they have the first numbers of every vocabulary."""

from __future__ import annotations

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")  # as messages and pictures write them; in a text these are ordinary words
