"""Whole strings right or wrong, and edits between tokens."""

from __future__ import annotations

from collections.abc import Sequence

from everystep.text.extra import needed
from everystep.text.score import References, Score, alternatives


def exact(hypotheses: Sequence[str], references: References) -> Score:
    """Compute the share of lines that are wholly right: equal to any of their references, token by token.

    Args:
        hypotheses: Lines of tokens that white space parts; how much white space counts for nothing.
        references: One reference for each line, or several.

    Raises:
        DataError: There is no line, or the numbers of lines differ.

    Example:
        >>> from everystep.text import exact
        >>> print(exact(["2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-02"]))
        exact 50.00 (lines:2|refs:1)
    """
    listed = alternatives("exact", hypotheses, references)
    right = sum(_right(line, wanted) for line, wanted in zip(hypotheses, listed, strict=True))
    return Score("exact", 100 * right / len(listed), _signature(listed), {"right": right, "lines": len(listed)})


def wer(hypotheses: Sequence[str], references: References) -> Score:
    """Compute the word error rate of grapheme to phoneme: the share of words with any error, 100 - :func:`exact`.

    Where a word has several references, any of them counts. (In speech recognition, where a line is a sentence, the
    word error rate is :func:`per` over words.)

    Args:
        hypotheses: The phones of one word on each line.
        references: One reference for each line, or several.

    Raises:
        DataError: There is no line, or the numbers of lines differ.

    Source:
        Gorman et al. 2020, "The SIGMORPHON 2020 Shared Task on Multilingual Grapheme-to-Phoneme Conversion", section 4.

    Example:
        >>> from everystep.text import wer
        >>> print(wer(["AE B IY", "K AE"], [["AE B EY", "AE B IY"], ["K AE T"]]))
        WER 50.00 (lines:2|refs:1-2)
    """
    found = exact(hypotheses, references)
    wrong = found.details["lines"] - found.details["right"]
    return Score("WER", 100 * wrong / found.details["lines"], found.signature, {"wrong": wrong, **found.details})


def per(hypotheses: Sequence[str], references: References) -> Score:
    r"""Compute edits per reference token: over phones the phone error rate, over words that of speech recognition.

    .. math:: 100 \cdot \sum_i \min_r d(h_i, r_i) / \sum_i |r_i|

    with insertions, deletions and substitutions at 1 each, summed over all lines before dividing. Of several references
    the nearest counts, also in the denominator: the one with the fewest edits, and of these the longest.

    Args:
        hypotheses: Lines of tokens that white space parts.
        references: One reference for each line, or several.

    Returns:
        The score; 0 where there is no token on either side, infinity where there is none to be found.

    Raises:
        DataError: There is no line, or the numbers of lines differ.
        MissingExtraError: rapidfuzz is not installed.

    Source:
        Levenshtein 1966; Gorman et al. 2020, section 4.

    Example:
        >>> from everystep.text import per
        >>> print(per(["K AE", "D AO G"], ["K AE T", "D AA G"]))
        PER 33.33 (lines:2|refs:1)
    """
    distance = needed("rapidfuzz.distance.Levenshtein", "per").distance
    listed = alternatives("per", hypotheses, references)
    edits, tokens = 0, 0
    for line, wanted in zip(hypotheses, listed, strict=True):
        said = line.split()
        nearest = min((distance(said, one), -len(one)) for one in map(str.split, wanted))
        edits, tokens = edits + nearest[0], tokens - nearest[1]
    value = 100 * edits / tokens if tokens else (float("inf") if edits else 0.0)
    return Score("PER", value, _signature(listed), {"edits": edits, "tokens": tokens})


def _right(line: str, wanted: tuple[str, ...]) -> bool:
    said = line.split()
    return any(said == one.split() for one in wanted)


def _signature(listed: list[tuple[str, ...]]) -> str:
    fewest, most = min(map(len, listed)), max(map(len, listed))
    return f"lines:{len(listed)}|refs:{fewest}" + (f"-{most}" if most > fewest else "")
