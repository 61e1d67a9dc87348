"""From two texts to a translator: fit, translate, score, save and load; what it looked at as a page."""

from __future__ import annotations

from everystep.translate.answers import Translation
from everystep.translate.choices import Choices
from everystep.translate.config_file import read_choices
from everystep.translate.translator import Translator

__all__ = ["Choices", "Translation", "Translator", "read_choices"]
