"""Where a translator of dates looks while it writes the year, the month and the day; a picture for docs/recipes.md.

Run from the top of the repository, once the recipe ``dates`` is there: ``python -m recipes.translating.looking``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from everystep.pages.heat import inked
from everystep.translate import Translation, Translator
from recipes.translating.texts import dates

PICTURE = Path(__file__).parents[2] / "docs" / "dates.svg"
WRITTEN = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}  # of YYYY-MM-DD
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
YEAR = re.compile(r"\d{4}|(?<=')\d\d")
SHOWN = ("the 3rd of May, 1999", "TUESDAY 10 OCT '61", "9.6.1972")


class Fields(NamedTuple):
    """Where the fields of a written date stand."""

    year: slice
    month: slice
    day: slice


def fields(written: str) -> Fields:
    """Find the fields: the month is a word, or comes before the day where slashes part them, else behind it.

    Example:
        >>> from recipes.translating.looking import fields
        >>> [written[field] for written in ["the 3rd of May, 1999"] for field in fields(written)]
        ['1999', 'May', '3']
    """
    (year,) = YEAR.finditer(written)
    words = [word for word in re.finditer(r"[A-Za-z]+", written) if word[0][:3].lower() in MONTHS]
    numbers = [number for number in re.finditer(r"\d+", written) if number.span() != year.span()]
    month, day = (*words, *numbers) if words or "/" in written else reversed(numbers)
    return Fields(*(slice(*found.span()) for found in (year, month, day)))


def shares(found: Sequence[Translation]) -> dict[str, float]:
    """Say how much of the attention lies on each field while it is written, the mean over dates."""
    each = []
    for one in found:
        assert one.attention is not None
        places = fields("".join(one.source[:-1]))._asdict()
        each.append([one.attention[WRITTEN[name], places[name]].sum(1).mean().item() for name in WRITTEN])
    return dict(zip(WRITTEN, np.mean(each, axis=0).tolist(), strict=True))


def picture(found: Sequence[Translation], path: Path) -> None:
    """Draw a matrix for each of three dates: a row for each symbol written, a column for each read."""
    first, *others = found
    wide = [len(one.source) for one in others]
    plt.rcParams["svg.hashsalt"] = path.name
    figure, axes = plt.subplot_mosaic("AA;BC", figsize=(4.8, 5.4), width_ratios=wide, layout="constrained")
    for axis, one in zip(axes.values(), (first, *others), strict=True):
        assert one.attention is not None
        axis.imshow(inked(one.attention.double().numpy()), aspect="auto", interpolation="none")
        read, said = (
            [symbol.replace(" ", "␣").replace("</s>", "∎") for symbol in side] for side in (one.source, one.target)
        )
        axis.set_xticks(range(len(read)), read, fontsize=8)
        axis.set_yticks(range(len(said)), said, fontsize=8)
        axis.tick_params(length=0)
        axis.set_title(f"{''.join(one.source[:-1])} → {one.text}", fontsize=9)
        axis.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Print the shares over the validation dates, and draw."""
    parser = argparse.ArgumentParser(prog="python -m recipes.translating.looking", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/translating/dates-0"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    asked = parser.parse_args(arguments)
    translator, valid = Translator.load(asked.model), dates(asked.data).valid
    found = [best for best, *_ in translator.translations(valid.source)]
    right = [one for one, wanted in zip(found, valid.target, strict=True) if one.text == wanted]
    told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares(right).items())
    print(f"{len(right)} of {len(found)} right; attention on the field that is being written: {told}")
    picture([best for best, *_ in translator.translations(SHOWN)], PICTURE)


if __name__ == "__main__":
    main()
