"""Every recipe by name, with what it is held against."""

from __future__ import annotations

from functools import partial

from recipes.translating import texts
from recipes.translating.recipe import Aim, Recipe

# Gorman et al. (2020): the LSTM encoder-decoder with attention, best of 36 settings; word and phone error rates.
SPELLINGS = {
    "bul": ("Bulgarian", 31.11, 5.94), "fre": ("French", 6.22, 1.32), "hin": ("Hindi", 6.67, 1.47),
    "hun": ("Hungarian", 5.33, 1.18), "kor": ("Korean", 46.89, 16.78), "rum": ("Romanian", 10.67, 2.53),
    "vie": ("Vietnamese", 4.67, 1.52),
}  # fmt: skip

RECIPES: dict[str, Recipe] = {
    "dates": Recipe("Dates to ISO", texts.dates, "dates.toml", (Aim("test", "exact", 99.5, "97-100"),), twin=True),
    "sums": Recipe("Sums of three digits", texts.sums, "sums.toml", (Aim("test", "exact", 99.5, "99"),), twin=True),
    "scan": Recipe("SCAN, simple", texts.scan, "scan.toml", (Aim("test", "exact", 99.8, "99.8, LSTM"),), twin=True),
    "scan-elman": Recipe(
        "SCAN, simple, Elman cells",
        texts.scan,
        "scan-elman.toml",
        (Aim("test", "exact", 70.0, "59.7, Elman"),),
        twin=True,
    ),
    **{
        f"g2p-{code}": Recipe(
            f"{language} spelling to phones",
            partial(texts.spelling, language=code),
            "g2p.toml",
            (Aim("test", "wer", wer, f"{wer}"), Aim("test", "per", per, f"{per}")),
            seeds=5,
        )
        for code, (language, wer, per) in SPELLINGS.items()
    },
    "cmudict": Recipe(
        "English spelling to phones", texts.cmudict, "cmudict.toml", (Aim("test", "wer", 29.5, "31.14"),), seeds=1
    ),
    "en-de": Recipe(
        "Multi30k, English to German",
        partial(texts.multi30k, source="en", target="de"),
        "multi30k.toml",
        (
            Aim("2016", "tokenised-bleu", 38.5, "39.00 best, 38.1 mean", 40.5),
            Aim("2017", "tokenised-bleu", 31.0, "31.25 best, 30.8 mean"),
        ),
        seeds=2,
    ),
    "de-en": Recipe(
        "Multi30k, German to English",
        partial(texts.multi30k, source="de", target="en"),
        "multi30k.toml",
        (Aim("2016", "tokenised-bleu", 38.0, "28.3, other tokens, greedy: not to be compared"),),
        seeds=2,
    ),
}
