"""Metrics, held against examples worked by hand and against sacrebleu's own command."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everystep.errors import DataError, EverystepError, MissingExtraError, UnknownNameError
from everystep.text import METRICS, bleu, chrf, exact, macro, per, score, tokenised_bleu, variants, wer

LINES = st.lists(st.text("ab ", max_size=8), min_size=1, max_size=5)


def test_tokenised_bleu_of_an_example_worked_by_hand():
    found = tokenised_bleu(["the cat sat on the mat"], ["the cat is on the mat today"])
    # right n-grams: 5 of 6 words, 3 of 5 pairs (the cat, on the, the mat), 1 of 4 triples (on the mat), 0 of 3 fours
    assert [found.details[f"precision {order}"] for order in range(1, 5)] == pytest.approx([500 / 6, 60, 25, 0])
    assert found.value == 0  # no smoothing
    longer = tokenised_bleu(["a b c d e"], ["a b c d x e"])
    # 5 of 5, 3 of 4, 2 of 3, 1 of 2; 5 words for 6
    value = 100 * math.exp(1 - 6 / 5) * (1 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert longer.value == pytest.approx(value, rel=1e-12)
    assert longer.details["brevity penalty"] == pytest.approx(math.exp(-0.2))


def multi_bleu(hypotheses: list[str], references: list[list[str]]) -> float:
    """BLEU as multi-bleu.perl has it: clipped by the most generous reference, nearest length, no smoothing."""
    right, total, said, wanted = Counter(), Counter(), 0, 0
    for line, answers in zip(hypotheses, references, strict=True):
        words, lists = line.split(), [answer.split() for answer in answers]
        said += len(words)
        wanted += min((abs(len(one) - len(words)), len(one)) for one in lists)[1]
        for order in range(1, 5):
            count, *clips = (
                Counter(tuple(one[start : start + order]) for start in range(len(one) - order + 1))
                for one in (words, *lists)
            )
            total[order] += sum(count.values())
            right[order] += sum(min(number, max(clip[gram] for clip in clips)) for gram, number in count.items())
    if not all(right[order] for order in range(1, 5)):
        return 0.0
    mean = sum(math.log(right[order] / total[order]) for order in range(1, 5)) / 4
    return 100 * math.exp(mean + min(0, 1 - wanted / said))


@given(
    st.lists(
        st.tuples(st.text("ab ", max_size=16), st.lists(st.text("ab ", max_size=16), min_size=1, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_tokenised_bleu_is_that_of_multi_bleu(lines):
    hypotheses, references = [line for line, _ in lines], [answers for _, answers in lines]
    if not any(answer.strip() for answers in references for answer in answers):
        return
    # both sum logarithms of the same fractions, in another order
    assert tokenised_bleu(hypotheses, references).value == pytest.approx(multi_bleu(hypotheses, references), rel=1e-9)


def test_tokenised_bleu_leaves_tokens_as_they_are():
    assert (
        tokenised_bleu(["do n't go there ."], ["do n't go there."]).value
        < bleu(["do n't go there ."], ["do n't go there."]).value
    )
    assert tokenised_bleu(["A b c d"], ["a b c d"]).value == 0


def test_bleu_and_chrf_are_those_of_the_program(tmp_path):
    hypotheses = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    references = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
    (tmp_path / "ref").write_text("\n".join(references) + "\n")
    (tmp_path / "hyp").write_text("\n".join(hypotheses) + "\n")
    command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "hyp", "-m", "bleu", "chrf", "-b", "-w", "6"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    mine = [f'"score": {function(hypotheses, references).value:.6f}' for function in (bleu, chrf)]
    numbers = [float(word.strip(", ]")) for word in done.stdout.replace("[", "").split() if word.strip(", ]")]
    assert [f'"score": {number:.6f}' for number in numbers] == mine
    assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in bleu(hypotheses, references).signature
    assert "nc:6|nw:0" in chrf(hypotheses, references).signature
    assert "nw:2" in chrf(hypotheses, references, word_order=2).signature
    assert chrf(hypotheses, references, word_order=2).metric == "chrF++"


def test_lines_may_have_different_numbers_of_references():
    found = bleu(["a b c d e", "v w x y z"], [["a b c d e", "no"], ["v w x y z"]])
    assert found.value == pytest.approx(100)
    assert "nrefs:var" in found.signature


def test_an_unknown_tokeniser_is_refused():
    with pytest.raises(UnknownNameError, match='tokeniser "13b" is unknown'):
        bleu(["a"], ["a"], tokenize="13b")


def test_edits_of_an_example_worked_by_hand():
    # k i t t e n -> s i t t i n g: two substitutions and an insertion; and one deletion of 2
    found = per(["k i t t e n", "a b"], ["s i t t i n g", "a"])
    assert (found.details["edits"], found.details["tokens"]) == (4, 8)
    assert found.value == 50


def test_of_several_references_the_nearest_counts():
    hypotheses, references = ["AE B IY", "K AE"], [["AE B EY T", "AE B IY"], ["K AE T S", "K AE T"]]
    assert wer(hypotheses, references).value == 50
    assert exact(hypotheses, references).value == 50
    assert per(hypotheses, references).value == pytest.approx(100 * 1 / (3 + 3))
    assert per(["a b"], [["a", "a b c"]]).value == pytest.approx(100 / 3)  # one edit to both: the longer one
    assert per(["a b"], [["a b c", "a"]]).value == pytest.approx(100 / 3)


def test_tokens_of_many_letters_are_one_token():
    assert per(["tʃ aː"], ["dʒ aː"]).value == 50


def test_without_tokens_nothing_is_wrong_or_everything():
    assert per([""], [""]).value == 0
    assert per(["a"], [""]).value == math.inf
    assert exact([" "], [""]).value == 100


@given(LINES)
def test_lines_scored_against_themselves_are_right(lines):
    assert (exact(lines, lines).value, wer(lines, lines).value, per(lines, lines).value) == (100, 0, 0)


@given(
    LINES.flatmap(
        lambda lines: st.tuples(
            st.just(lines), st.lists(st.text("ab ", max_size=8), min_size=len(lines), max_size=len(lines))
        )
    )
)
def test_wrong_and_right_lines_are_all_lines(both):
    assert wer(*both).value == pytest.approx(100 - exact(*both).value)
    assert (per(*both).value == 0) == (wer(*both).value == 0)


def test_the_macro_average_weighs_languages_alike():
    # three wrong of four, and none of one
    scores = {"bul": wer(["a", "b", "c", "d"], ["a", "x", "x", "x"]), "fre": wer(["a"], ["a"])}
    average = macro(scores)
    assert (average.metric, average.value) == ("WER", 37.5)
    assert str(average) == "WER 37.50 (macro average of bul, fre)"
    assert average.details == {"bul": 75, "fre": 0}
    for other, named in (({}, "nothing"), ({"a": exact(["a"], ["a"]), "b": wer(["a"], ["a"])}, "WER, exact")):
        with pytest.raises(DataError, match=f"scores of {named} came"):
            macro(other)


def test_variants_of_a_word_are_put_together():
    words, answers = variants(["b", "a", "b", "b"], ["1", "2", "3", "1"])
    assert (words, answers) == (["b", "a"], [["1", "3"], ["2"]])


def test_every_metric_answers_by_name_and_says_which_way_is_better():
    for name, metric in METRICS.items():
        good, bad = (score(name, [line], ["a b c d e"]).value for line in ("a b c d e", "x"))
        assert (good > bad) == metric.higher_is_better
    with pytest.raises(UnknownNameError, match='metric "blue" is unknown; did you mean "bleu"'):
        score("blue", ["a"], ["a"])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "0 lines to score and 0 references"),
        (["a", "b"], ["a"], "2 lines to score and 1 references; expected as many"),
        (["a"], [[]], "line 1 has no reference"),
        ("a", ["a"], "one text came; expected a list of lines"),
        (["a"], "a", "one text came"),
    ],
)
def test_lines_without_their_references_are_refused(name, hypotheses, references, message):
    with pytest.raises(DataError, match=message):
        score(name, hypotheses, references)


@pytest.mark.parametrize(("name", "library"), [("bleu", "sacrebleu"), ("chrf", "sacrebleu"), ("per", "rapidfuzz")])
def test_without_its_library_a_metric_gives_a_hint_and_the_others_work(monkeypatch, name, library):
    for module in [*(module for module in sys.modules if module.split(".")[0] == library), library]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{library}.* pip install \"everystep\[text\]\""):
        score(name, ["a"], ["a"])
    assert wer(["a"], ["a"]).value == 0
    assert isinstance(MissingExtraError(""), EverystepError)
