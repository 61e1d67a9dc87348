"""Real data: each set that a recipe uses is read whole, and comes back from its vocabulary."""

from __future__ import annotations

import pytest

from everystep.text import (
    SCAN,
    TokenBatches,
    encode_pairs,
    learn,
    macro,
    read_pairs,
    read_parallel,
    tokenised_bleu,
    variants,
    wer,
)


@pytest.fixture(scope="module")
def multi30k(shared_data):
    folder = shared_data / "multi30k"
    if not folder.is_dir():
        pytest.skip("no multi30k in ../shared/data")
    return folder


def halves(folder, part):
    return folder / f"{part}.lc.norm.tok.en.gz", folder / f"{part}.lc.norm.tok.de.gz"


def test_multi30k_is_read_whole_and_comes_back_from_joint_pieces(multi30k):
    text = read_parallel(*halves(multi30k, "train"))
    assert (len(text), text.left_out) == (29000, ())
    assert sum(len(line.split()) for line in text.source) == 377_534  # as the data's description has it
    assert sum(len(line.split()) for line in text.target) == 360_706
    pieces = learn([*text.source[:3000], *text.target[:3000]], "bpe:2000")
    test = read_parallel(*halves(multi30k, "test_2016_flickr"), empty="keep")
    pairs = encode_pairs(test, pieces, pieces)
    back = [pieces.decode(line) for line in pairs.target]
    unknown = sum(note.count for note in pairs.unknown if note.side == "target")
    changed = sum(one != " ".join(other.split()) for one, other in zip(back, test.target, strict=True))
    assert changed <= unknown
    assert tokenised_bleu(back, test.target).value > 99.9
    batches = TokenBatches(pairs, symbols=2048)
    filled = [batches.batch(0, index) for index in range(len(batches))]
    used = sum(int(batch.source_lengths.sum() + batch.target_lengths.sum()) for batch in filled)
    assert used > 0.85 * sum(batch.source.numel() + batch.target.numel() for batch in filled)


def test_the_seven_languages_are_read_whole(shared_data):
    folder = shared_data / "sigmorphon2020_g2p"
    scores = {}
    for language in ("bul", "fre", "hin", "hun", "kor", "rum", "vie"):
        text = read_pairs(folder / f"{language}_train.tsv")
        spelling, phones = learn(text.source, "char"), learn(text.target, "phones")
        pairs = encode_pairs(text, spelling, phones)
        assert (len(pairs), pairs.notes) == (3600, ())
        scores[language] = wer([phones.decode(line) for line in pairs.target], text.target)
        test = read_pairs(folder / f"{language}_test.tsv", empty="keep")
        assert len(variants(test.source, test.target)[0]) == 450
    assert macro(scores).value == 0


def test_cmudict_has_the_words_that_its_description_counts(shared_data):
    folder = shared_data / "cmudict_g2p"
    for part, words in {"test": 12_526, "dev": 2_483}.items():
        text = read_pairs(folder / f"{part}.tsv.gz")
        assert len(variants(text.source, text.target)[0]) == words
    assert (len(learn(text.source, "char")), len(learn(text.target, "phones"))) == (27 + 4, 39 + 4)


def test_scan_is_read_by_its_pattern(shared_data):
    text = read_pairs(shared_data / "scan" / "tasks_test_simple.txt.gz", pattern=SCAN)
    assert (len(text), len(learn(text.source, "word")), len(learn(text.target, "word"))) == (4_182, 13 + 4, 6 + 4)


def test_dates_and_sums_are_read_as_characters(shared_data):
    for name, count in {"dates_dev": 1_000, "addition3_test": 5_000}.items():
        text = read_pairs(shared_data / "synthetic" / f"{name}.tsv.gz")
        assert len(text) == count
        characters = learn(text.source, "char")
        assert [characters.decode(characters.encode(line)) for line in text.source] == list(text.source)
