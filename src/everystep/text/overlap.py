"""BLEU and chrF, as sacrebleu computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everystep.errors import unknown
from everystep.text.extra import needed
from everystep.text.score import References, Score, alternatives


def bleu(hypotheses: Sequence[str], references: References, *, tokenize: str = "13a", lowercase: bool = False) -> Score:
    """Compute BLEU as sacrebleu does by itself: on plain text, which it tokenises, with exponential smoothing.

    Args:
        hypotheses: Lines of plain text.
        references: One reference for each line, or several.
        tokenize: Name of a tokeniser of sacrebleu.
        lowercase: Whether case counts for nothing.

    Returns:
        The score, with sacrebleu's signature.

    Raises:
        DataError: There is no line, or the numbers of lines differ.
        UnknownNameError: sacrebleu has no such tokeniser.
        MissingExtraError: sacrebleu is not installed.

    Source:
        Papineni et al. 2002; Post 2018, "A Call for Clarity in Reporting BLEU Scores".

    Example:
        >>> from everystep.text import bleu
        >>> print(bleu(["The cat sat on the mat."], ["The cat sat on the mat."]))
        BLEU 100.00 (nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:...)
    """
    kind = needed("sacrebleu.metrics.bleu", "bleu").BLEU
    if tokenize not in kind.TOKENIZERS:
        raise unknown("bleu", "tokeniser", tokenize, kind.TOKENIZERS)
    return _scored("BLEU", kind(tokenize=tokenize, lowercase=lowercase), hypotheses, references)


def tokenised_bleu(hypotheses: Sequence[str], references: References) -> Score:
    """Compute BLEU on the tokens as they are given: the figure of ``multi-bleu.perl``, which published tables use.

    Tokens are what white space parts; case counts. Up to 4-grams, no smoothing (without any right 4-gram the score is
    0), brevity penalty by the nearest reference length. Undo subword pieces first: :meth:`Vocabulary.decode` does.

    Args:
        hypotheses: Tokenised lines.
        references: One reference for each line, or several, tokenised by the same rules.

    Returns:
        The score, with sacrebleu's signature.

    Raises:
        DataError: There is no line, or the numbers of lines differ.
        MissingExtraError: sacrebleu is not installed.

    Source:
        Koehn et al. 2007, ``multi-bleu.perl`` of Moses.

    Example:
        >>> from everystep.text import tokenised_bleu
        >>> print(tokenised_bleu(["ein mann geht ."], ["ein mann geht ."]))
        tokenised BLEU 100.00 (nrefs:1|case:mixed|eff:no|tok:none|smooth:none|version:...)
    """
    kind = needed("sacrebleu.metrics.bleu", "tokenised_bleu").BLEU
    scorer = kind(tokenize="none", smooth_method="none", force=True)  # force: tokens are meant, so no warning
    return _scored("tokenised BLEU", scorer, hypotheses, references)


def chrf(hypotheses: Sequence[str], references: References, *, word_order: int = 0) -> Score:
    """Compute chrF: the F-score of character n-grams up to 6, recall counting twice.

    Args:
        hypotheses: Lines of plain text.
        references: One reference for each line, or several.
        word_order: Longest n-gram of words that counts too: 0 is chrF, 2 is chrF++.

    Returns:
        The score, with sacrebleu's signature.

    Raises:
        DataError: There is no line, or the numbers of lines differ.
        MissingExtraError: sacrebleu is not installed.

    Source:
        Popović 2015, 2017.

    Example:
        >>> from everystep.text import chrf
        >>> print(chrf(["the cat"], ["the cat"]))
        chrF 100.00 (nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:...)
    """
    kind = needed("sacrebleu.metrics.chrf", "chrf").CHRF
    return _scored("chrF" + "+" * word_order, kind(word_order=word_order), hypotheses, references)


def _scored(name: str, scorer: Any, hypotheses: Sequence[str], references: References) -> Score:
    listed = alternatives(name, hypotheses, references)
    most = max(map(len, listed))
    streams = [[one[place] if place < len(one) else None for one in listed] for place in range(most)]
    found = scorer.corpus_score(list(hypotheses), streams)
    return Score(name, float(found.score), str(scorer.get_signature()), _details(found))


def _details(found: Any) -> dict[str, float]:
    """Give what BLEU is made of; chrF tells nothing more."""
    if not hasattr(found, "precisions"):
        return {}
    precisions = {f"precision {order}": float(value) for order, value in enumerate(found.precisions, start=1)}
    lengths = {"hypothesis length": float(found.sys_len), "reference length": float(found.ref_len)}
    return {**precisions, "brevity penalty": float(found.bp), **lengths}
